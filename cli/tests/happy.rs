//! Commands that succeed.

mod support;

use eightbit_graph::Graph;
use support::{
    command, eightbit, folder, folder_with_network, photos, run, run_with_input, small_network, write,
};

#[test]
fn help_has_examples_everywhere() {
    let help = eightbit(&["--help"]).ok();
    for name in ["label-image", "quantize", "evaluate", "compare", "profile", "cpu", "bench"] {
        assert!(help.contains(name), "{help}");
        let help = eightbit(&[name, "--help"]).ok();
        assert!(help.contains("Examples:") && help.contains(&format!("eightbit {name}")), "{help}");
    }
    for name in ["gemm", "conv", "model", "peak"] {
        let help = eightbit(&["bench", name, "--help"]).ok();
        assert!(help.contains("Examples:") && help.contains(&format!("eightbit bench {name}")), "{help}");
    }
}

#[test]
fn cpu_names_the_backend_and_why() {
    let text = eightbit(&["cpu"]).ok();
    assert!(text.contains("portable") && text.contains("the best that can run here"), "{text}");
    let json = run(command().args(["cpu", "--json"]).env("EIGHTBIT_BACKEND", "portable")).json();
    assert_eq!((&json["chosen"], &json["requested"]), (&"portable".into(), &"portable".into()));
    assert!(json["build"]["rustc"].as_str().is_some_and(|rustc| rustc.starts_with("rustc")));
    let last = json["backends"].as_array().and_then(|backends| backends.last()).expect("backends");
    assert_eq!((&last["name"], &last["available"]), (&"portable".into(), &true.into()));
    assert_eq!(last["gemm"][0]["layout"]["name"], "i8-group2");
    assert!(last["gemm"][0]["tiles"][0][0] == 1 && last["depthwise"][0]["channels"] == 16, "{last}");
    assert!(last["depthwise"][0].get("line_buffer_from").is_some(), "{last}");
}

#[test]
fn bench_prints_the_columns_of_the_peers() {
    let csv = eightbit(&["bench", "gemm", "--budget", "1", "--csv", "7x7x7", "--backend", "portable"]).ok();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3, "{csv}");
    for row in &rows {
        assert_eq!(
            (row.len(), row[0], row[1], row[2], row[4]),
            (10, "eightbit", "matmul", "7x7x7", "yes"),
            "{csv}"
        );
        let number = |index: usize| row[index].parse::<f64>().expect("a number");
        assert!(0.0 < number(7) && number(7) <= number(5) && number(5) <= number(6), "{csv}");
    }
    let shapes = folder("bench").join("shapes.txt");
    std::fs::write(&shapes, "# name H Cin Cout R stride pad groups\nmine 5 4 4 3 1 1 4\n").expect("a file");
    let shapes = shapes.to_str().expect("UTF-8");
    let json = eightbit(&["bench", "conv", "--budget", "1", "--json", "--shapes", shapes]).json();
    assert!(json["peak"]["gops"].as_f64().is_some_and(|rate| rate > 0.0));
    assert_eq!(json["lines"][0]["shape"], "mine");
    assert!(json["lines"][0]["fraction_of_peak"].as_f64().is_some_and(|fraction| fraction > 0.0));
    let text = eightbit(&["bench", "gemm", "--budget", "1", "7x7x7"]).ok();
    assert!(text.contains("Gop/s") && text.contains("peak"), "{text}");
}

#[test]
fn bench_checks_every_combination_of_types() {
    let types = "u8s8s32,s8u8s32,s8s8s8,u8u8u8_zero,u8u8u8_zeros,u8s8u8_pair_safe";
    let count = types.split(',').count();
    let bench = |arguments: &[&str]| {
        let csv = eightbit(&[&["bench"], arguments, &["--budget", "1", "--csv", "--check"]].concat()).ok();
        assert_eq!(csv.lines().filter(|line| line.ends_with("results are right")).count(), count, "{csv}");
    };
    bench(&["gemm", "11x13x17", "--types", types]);
    bench(&["gemm", "11x13x17", "--types", types, "--threads", "2"]);
    bench(&["gemm", "11x13x17", "--types", types, "--threads", "2", "--clock", "cpu"]);
    let shapes = folder("bench-types").join("shapes.txt");
    std::fs::write(&shapes, "dense 5 4 9 3 2 1 1 some_class\n").expect("a file");
    let shapes = shapes.to_str().expect("UTF-8");
    bench(&["conv", "some_class", "--shapes", shapes, "--types", types]);
    let text = eightbit(&["bench", "gemm", "11x13x17", "--types", "u8s8u8", "--once"]).ok();
    assert!(text.starts_with("11x13x17  u8s8u8  11×13×17"), "{text}");
    eightbit(&["bench", "conv", "no_such_class", "--shapes", shapes]).fails(1, &["no_such_class"]);
}

#[test]
fn bench_answers_standard_input_line_by_line() {
    let mut command = command();
    command.args(["bench", "gemm", "--budget", "1", "--csv", "--stdin", "--types", "u8s8s32,u8s8u8"]);
    let answers = run_with_input(&mut command, "one 3 4 5\none 3 4 5\ntwo 1 1 1 tiny\n").ok();
    let shapes: Vec<&str> = answers.lines().map(|line| line.split(',').nth(2).unwrap_or_default()).collect();
    assert_eq!(shapes, ["one", "one", "", "one", "one", "", "two", "two", ""], "{answers}");
}

#[test]
fn bench_measures_models_and_the_peak() {
    let (_, model) = folder_with_network("bench-model");
    let model = model.to_str().expect("UTF-8");
    let csv = eightbit(&["bench", "model", model, "--budget", "1", "--csv"]).ok();
    assert!(csv.starts_with("eightbit,model,model.onnx,float,yes,"), "{csv}");
    let json = eightbit(&["bench", "model", model, "--budget", "1", "--json", "--threads", "2"]).json();
    assert_eq!((&json["threads"], &json["clock"]), (&2.into(), &"wall-clock time".into()));
    assert_eq!(json["lines"][0]["types"], "float");
    assert!(json["lines"][0]["median_ms"].as_f64().is_some_and(|median| median > 0.0), "{json}");
    let text = eightbit(&["bench", "model", model, "--budget", "1"]).ok();
    assert!(text.contains("model.onnx") && text.contains("ms"), "{text}");

    let steps = ["bench", "model", model, "--budget", "1", "--steps"];
    let json = eightbit(&[&steps[..], &["--json"]].concat()).json();
    let shares = json["models"][0]["steps"].as_array().expect("steps").iter().map(|step| &step["share"]);
    let sum: f64 = shares.map(|share| share.as_f64().expect("a number")).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{json}");
    let csv = eightbit(&[&steps[..], &["--csv"]].concat()).ok();
    assert!(csv.lines().count() > 3 && csv.lines().all(|line| line.split(',').count() == 6), "{csv}");
    let text = eightbit(&steps).ok();
    assert!(text.contains("kernel") && text.contains(" steps\n"), "{text}");

    let csv = eightbit(&["bench", "peak", "--budget", "1", "--csv", "--backend", "portable"]).ok();
    assert!(csv.lines().all(|line| line.starts_with("eightbit,peak,registers,")), "{csv}");
    assert!(eightbit(&["bench", "peak", "--budget", "1"]).ok().contains("Gop/s"));
}

/// The main command: the built-in network, quantized in memory, and the built-in photo.
#[test]
fn the_default_photo_shows_a_military_uniform() {
    let json = eightbit(&["label-image", "--json"]).json();
    let networks = json["networks"].as_array().expect("networks");
    assert_eq!(networks.len(), 2);
    for (network, kind) in networks.iter().zip(["float", "eight-bit"]) {
        assert_eq!(network["kind"], kind);
        let first = &network["answers"][0];
        assert_eq!((&first["label"], &first["index"]), (&"military uniform".into(), &652.into()), "{json}");
    }
    let score = networks[0]["answers"][0]["score"].as_f64().expect("a score");
    // ONNX Runtime's score is 0.5495 for the pixels of another JPEG decoder, resized likewise.
    assert!((score - 0.5495).abs() < 0.03, "{score}");
    let bytes = |index: usize| networks[index]["bytes"].as_f64().expect("a size");
    assert!(bytes(1) <= 0.27 * bytes(0), "{json}");
}

#[test]
fn a_given_network_is_labelled_quantized_and_evaluated() {
    let (folder, model) = folder_with_network("own");
    let model = model.to_str().expect("UTF-8");
    let labels = folder.join("labels.txt");
    std::fs::write(&labels, "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n").expect("a file");
    let labels = labels.to_str().expect("UTF-8");
    let photos = photos();
    let photos = photos.to_str().expect("UTF-8");

    // TensorFlow's spellings, and its form of an answer.
    let text = eightbit(&[
        "label-image",
        &format!("--graph={model}"),
        &format!("--labels={labels}"),
        "--input_width=16",
        "--input_height=16",
        "--input_mean=127",
        "--input_std=128",
        "--input_layer=photo",
        "--output_layer=logits",
        "--top=2",
    ])
    .ok();
    assert!(text.contains("float") && text.contains("eight-bit") && text.contains("softmax"), "{text}");
    let is_answer = |line: &&str| line.contains("): 0.");
    assert_eq!(text.lines().filter(is_answer).count(), 2, "{text}");

    let eight_bit = folder.join("model.int8.onnx");
    let eight_bit = eight_bit.to_str().expect("UTF-8");
    let text =
        eightbit(&["quantize", model, "-o", eight_bit, "--calibrate", photos, "--percentile", "99.9"]).ok();
    assert!(text.contains("calibrated  with 7 photos") && text.contains("alone"), "{text}");
    let json =
        eightbit(&["quantize", model, "-o", eight_bit, "--calibrate", photos, "--min-max", "--json"]).json();
    assert_eq!(json["calibration_photos"], 7);
    assert!(json["nodes_eight_bit"].as_u64().is_some_and(|nodes| nodes >= 3), "{json}");
    assert_eq!(json["pair_safe_weights"], false);
    let full = std::fs::read(eight_bit).expect("a file");
    let quantize =
        ["quantize", model, "-o", eight_bit, "--calibrate", photos, "--min-max", "--pair-safe-weights"];
    assert!(eightbit(&quantize).ok().contains("pair-safe"));
    assert_ne!(std::fs::read(eight_bit).expect("a file"), full);

    // The eight-bit file runs alone.
    let json = eightbit(&["label-image", "--graph", eight_bit, "--json"]).json();
    let networks = json["networks"].as_array().expect("networks");
    assert_eq!((networks.len(), &networks[0]["kind"]), (1, &"eight-bit".into()));
    assert_eq!(networks[0]["answers"][0]["label"].as_str().map(|label| &label[..6]), Some("class "));

    let truth = folder.join("truth.tsv");
    let names = ["astronaut.png", "chelsea.png", "china.jpg", "coffee.png"];
    let lines: String = names.iter().map(|name| format!("{name}\t3\n")).collect();
    std::fs::write(&truth, format!("file\tlabel\n{lines}")).expect("a file");
    let truth = truth.to_str().expect("UTF-8");
    let evaluate =
        ["evaluate", "--images", photos, "--labels", truth, "--graph", model, "--quantized", eight_bit];
    let text = eightbit(&evaluate).ok();
    assert!(text.contains("top-1") && text.contains("same answer"), "{text}");
    let json = eightbit(&[&evaluate[..], &["--limit", "3", "--json"]].concat()).json();
    assert_eq!((&json["photos"], &json["networks"][1]["kind"]), (&3.into(), &"eight-bit".into()));
    assert!(json["same_answer"].as_f64().is_some_and(|same| same >= 0.5), "{json}");
    let difference = json["max_difference"].as_f64().expect("a number");
    assert!(0.0 < difference && difference < 0.5, "{json}");
}

/// The eight-bit network accepts the sizes of the float one and has the same outputs.
#[test]
fn quantize_keeps_open_dimensions_and_all_outputs() {
    let folder = folder("open");
    let mut graph = small_network();
    graph.inputs[0].shape = vec![None, Some(3), None, None];
    let mut info = graph.outputs[0].clone();
    info.shape = vec![None, Some(10)];
    graph.outputs[0] = info.clone();
    (info.name, info.shape) = ("r".to_owned(), vec![None, Some(8), None, None]);
    graph.outputs.push(info);
    let model = write(&folder, &graph);
    let eight_bit = folder.join("out.onnx");
    let photo = photos().join("chelsea.png");
    let mut command = command();
    command.arg("quantize").arg(&model).arg("-o").arg(&eight_bit).arg("--calibrate").arg(&photo);
    run(command.args(["--input-width", "20", "--input-height", "24"])).ok();
    let quantized = Graph::from_onnx_file(&eight_bit).expect("a network");
    assert_eq!((&quantized.inputs, &quantized.outputs), (&graph.inputs, &graph.outputs));
    let x = folder.join("x.npy");
    support::npy::write(&x, &[2, 3, 9, 11], &vec![0.25f32; 2 * 3 * 9 * 11]);
    let mut command = support::command();
    let json = run(command.arg("run").arg(&eight_bit).arg("--input").arg(&x).arg("--json")).json();
    assert_eq!(json["outputs"][0]["shape"], serde_json::json!([2, 10]));
    assert_eq!(json["outputs"][1]["shape"], serde_json::json!([2, 8, 5, 6]));
}

#[test]
fn answers_do_not_depend_on_backend_or_threads() {
    let (_, model) = folder_with_network("same");
    let answers = |backend: &str, threads: &str| {
        let mut command = command();
        command.args(["label-image", "--json", "--threads", threads, "--graph"]).arg(&model);
        let json = run(command.env("EIGHTBIT_BACKEND", backend)).json();
        assert_eq!(json["backend"], backend);
        json["networks"][1]["answers"].clone()
    };
    let cpu = eightbit(&["cpu", "--json"]).json();
    let backends = cpu["backends"].as_array().expect("backends");
    let expected = answers("portable", "1");
    for backend in backends.iter().filter(|backend| backend["available"] == true) {
        for threads in ["1", "3"] {
            assert_eq!(answers(backend["name"].as_str().expect("a name"), threads), expected, "{backend}");
        }
    }
}

/// `eightbit … | head` must end quietly.
#[test]
fn a_closed_pipe_is_not_an_error() {
    use std::process::Stdio;
    for arguments in [&["cpu"][..], &["bench", "gemm", "--csv", "--budget", "1", "7x7"], &["--help"]] {
        let mut child = command()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}

#[test]
fn a_quantized_network_keeps_the_open_dimensions() {
    let folder = folder("open");
    let mut float = small_network();
    float.inputs[0].shape = vec![None, Some(3), None, None];
    float.outputs[0].shape[0] = None;
    for (value, axis, name) in [("photo", 0, "N"), ("photo", 2, "H"), ("photo", 3, "W"), ("logits", 0, "N")] {
        float.dimension_names.insert((value.to_owned(), axis), name.to_owned());
    }
    let model = write(&folder, &float);
    let eight_bit = folder.join("model.int8.onnx");
    let photos = photos();
    let [model, eight_bit, photos] = [&model, &eight_bit, &photos].map(|path| path.to_str().expect("UTF-8"));
    eightbit(&["quantize", model, "-o", eight_bit, "--calibrate", photos, "--input-width", "32"]).ok();
    let written = Graph::from_onnx_file(eight_bit).expect("a model");
    assert_eq!((&written.inputs, &written.outputs), (&float.inputs, &float.outputs));
    assert_eq!(written.dimension_names, float.dimension_names);
    let answer = eightbit(&["label-image", "--graph", eight_bit, "--input-width", "48", "--top", "1"]).ok();
    assert!(answer.contains("eight-bit"), "{answer}");
}
