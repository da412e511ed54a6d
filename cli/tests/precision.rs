//! `eightbit precision` and `eightbit quantize --inputs-only`.

mod support;

use std::path::{Path, PathBuf};

use eightbit_graph::precision::{BitWidth, Format, Precision, Study};
use eightbit_graph::quantize::CalibrationMethod;
use eightbit_graph::{Executor, ExecutorOptions, Graph, Limits, Tensor};
use support::{Run, command, eightbit, folder, folder_with_network, npy, photos, run, small_network};

/// The network of one test, eight arrays for it, and a file name in its folder.
fn with_arrays(name: &str) -> (PathBuf, PathBuf, PathBuf) {
    let (folder, model) = folder_with_network(name);
    let examples = folder.join("examples");
    std::fs::create_dir(&examples).expect("a folder");
    for (number, values) in arrays().iter().enumerate() {
        npy::write(&examples.join(format!("{number}.npy")), &[1, 3, 16, 16], values);
    }
    (folder, model, examples)
}

fn arrays() -> Vec<Vec<f32>> {
    let value = |number: usize, at: usize| ((at * 37 + number * 11) % 101) as f32 / 50.0 - 1.0;
    (0..8)
        .map(|number| (0..768).map(|at| value(number, at) * (1.0 + number as f32 / 4.0)).collect())
        .collect()
}

fn precision(model: &Path, examples: &Path, flags: &[&str]) -> Run {
    run(command().arg("precision").arg(model).arg("--examples").arg(examples).args(flags))
}

/// The mean difference of the outputs of two networks.
fn difference(graph: &Graph, other: &Graph) -> f64 {
    let run = |graph: &Graph| -> Vec<f32> {
        let executor = Executor::new(graph, &ExecutorOptions::default()).expect("runs");
        let inputs = arrays().into_iter().map(|values| Tensor::new([1, 3, 16, 16], values).expect("fits"));
        let outputs = inputs.map(|input| executor.run(&[("photo", &input)]).expect("runs"));
        outputs.flat_map(|outputs| outputs[0].as_f32().expect("floats").to_vec()).collect()
    };
    let (a, b) = (run(graph), run(other));
    a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum::<f64>() / a.len() as f64
}

/// What is printed is what the library's networks give, whatever the number of jobs.
#[test]
fn rows_are_those_of_the_library() {
    let (_, model, examples) = with_arrays("precision-rows");
    let flags = ["--json", "--min-max", "--weights", "1..3,8", "--inputs", "4", "--all", "6", "--jobs", "1"];
    let json = precision(&model, &examples, &flags).json();
    let more = precision(&model, &examples, &[&flags[..9], &["7"]].concat()).json();
    assert_eq!(json, more);
    let rows = json["rows"].as_array().expect("rows");
    let names: Vec<(&str, u64)> = rows
        .iter()
        .map(|row| (row["reduced"].as_str().expect("a name"), row["bits"].as_u64().expect("a number")))
        .collect();
    let expected =
        [("inputs", 4), ("weights", 1), ("weights", 2), ("weights", 3), ("weights", 8), ("all", 6)];
    assert_eq!(names, expected);
    let tensors = |values: Vec<f32>| vec![Tensor::new([1, 3, 16, 16], values).expect("fits")];
    let inputs: Vec<Vec<Tensor>> = arrays().into_iter().map(tensors).collect();
    let study = Study::new(small_network(), &inputs, CalibrationMethod::MinMax, &Limits::default(), |_| {});
    let study = study.expect("calibrates");
    for row in rows {
        let reduced = row["reduced"].as_str().expect("a name");
        let bits = row["bits"].as_u64().expect("a number") as u8;
        let format = Format::Bits(BitWidth::new(bits).expect("1 to 16"));
        let of = |part: &str| (reduced == part || reduced == "all").then_some(format);
        let precision = Precision {
            inputs: of("inputs"),
            weights: of("weights"),
            activations: of("activations"),
            ..Precision::default()
        };
        let graph = study.reduced(&precision).expect("finite");
        let error = row["score_error"].as_f64().expect("a number");
        assert!((error - difference(&small_network(), &graph)).abs() < 1e-4, "{row}");
        assert_eq!(row["weight_bytes"], study.weight_bytes(&precision));
        assert_eq!((row["examples"].as_u64(), row["top1"].is_null()), (Some(8), true));
    }
    let ratio = |at: usize| rows[at]["sqnr_db"].as_f64().expect("a number");
    assert!(ratio(1) < ratio(3) && ratio(3) < ratio(4) && ratio(4) > 30.0, "{rows:?}");
    let float = &json["float"];
    assert_eq!((&float["same_answer"], &float["sqnr_db"]), (&1.0.into(), &serde_json::Value::Null));
}

#[test]
fn by_default_three_parts_have_two_to_eight_bits() {
    let (folder, model, examples) = with_arrays("precision-default");
    let [csv, svg, page] = ["bits.csv", "bits.svg", "bits.html"].map(|name| folder.join(name));
    let mut command = command();
    command.arg("precision").arg(&model).arg("--examples").arg(&examples).arg("--per-layer=3");
    command.arg("--csv").arg(&csv).arg("--svg").arg(&svg).arg("--report").arg(&page);
    let text = run(&mut command).ok();
    for part in
        ["same answer", "Enough", "inputs       ", "Weights of one layer", "Activations of one layer", "gemm"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("top-1"), "{text}");
    let csv = std::fs::read_to_string(csv).expect("a file");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "reduced,layer,bits,format,examples,top1,same_answer,score_error,sqnr_db,weight_bytes"
    );
    assert!(lines[1].starts_with("nothing,,32,float,8,,1,0,,"), "{}", lines[1]);
    // Three parts; weights of two layers, activations of two: the convolution and the mean.
    assert_eq!(lines.len(), 2 + 3 * 7 + 2 * 7 + 2 * 7, "{csv}");
    assert!(lines.iter().all(|line| line.split(',').count() == 10), "{csv}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("weights,gemm,")).count(), 7, "{csv}");
    assert!(lines.iter().any(|line| line.starts_with("activations,conv,2,2,3,")), "{csv}");
    let svg = std::fs::read_to_string(svg).expect("a file");
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert_eq!((svg.matches("<polyline").count(), svg.matches("<title>").count()), (6, 42));
    let page = std::fs::read_to_string(page).expect("a page");
    assert_eq!(page.matches("<tr>").count(), page.matches("</tr>").count());
    assert!(page.contains("model.onnx in fewer bits") && page.contains("One layer at a time"));
    for part in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn photos_with_classes() {
    let (folder, model) = folder_with_network("precision-photos");
    let labels = folder.join("labels.tsv");
    std::fs::write(&labels, "chelsea.png\t1\ncoffee.png\t2\n").expect("a file");
    let photos = photos();
    let mut line = vec!["precision".as_ref(), model.as_os_str(), "--images".as_ref(), photos.as_os_str()];
    line.extend(["--labels".as_ref(), labels.as_os_str(), "--calibrate".as_ref(), photos.as_os_str()]);
    line.extend(["--activations", "8", "--json", "--label-offset", "1"].map(std::ffi::OsStr::new));
    let json = eightbit(&line).json();
    assert_eq!((&json["examples"], &json["calibration_examples"]), (&2.into(), &7.into()));
    assert!(json["rows"][0]["top1"].is_number(), "{json}");
    assert_eq!(json["enough"][0]["reduced"], "activations");
    std::fs::write(&labels, "chelsea.png\t9\n").expect("a file");
    eightbit(&line).fails(1, &["class 10 of --labels", "10 classes"]);
    std::fs::write(&labels, "no-such.png\t1\n").expect("a file");
    eightbit(&line).fails(1, &["no-such.png"]);
}

/// Each list of fixed points is a series, which has its own answer.
#[test]
fn fixed_points() {
    let (_, model, examples) = with_arrays("precision-fixed");
    let flags = ["--fixed-point", "6..16,6,AP_RND,AP_SAT", "--fixed-point", "ap_fixed<3,-1>", "--json"];
    let json = precision(&model, &examples, &flags).json();
    let rows = json["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 12);
    assert_eq!(
        (&rows[10]["format"], &rows[10]["bits"]),
        (&"ap_fixed<16,6,AP_RND,AP_SAT>".into(), &16.into())
    );
    let ratio = |at: usize| rows[at]["sqnr_db"].as_f64().expect("a number");
    assert!(ratio(10) > ratio(4) + 20.0, "{rows:?}");
    let enough = json["enough"].as_array().expect("a list");
    assert_eq!(enough.len(), 2);
    assert!(enough[0]["format"].is_string() && enough[1]["format"].is_null(), "{enough:?}");
}

#[test]
fn wrong_lists_are_usage_errors() {
    let line = |flags: &[&str]| eightbit(&[&["precision", "m.onnx", "--images", "p"], flags].concat());
    for (flags, part) in [
        (&["--weights", "0"][..], "1 to 16"),
        (&["--weights", "17"], "1 to 16"),
        (&["--inputs", "2..17"], "1 to 16"),
        (&["--activations", "8..2"], "less than the first"),
        (&["--all", "four"], "such as 2..8"),
        (&["--fixed-point", "0,0"], "1 to 24"),
        (&["--fixed-point", "16"], "W,I"),
        (&["--fixed-point", "16,65"], "64"),
        (&["--fixed-point", "16,6,AP_UP"], "AP_RND_CONV"),
        (&["--fixed-point", "16,6,AP_RND,AP_CLIP"], "AP_SAT_SYM"),
        (&["--examples", "x"], "cannot be used with"),
        (&["--per-layer=0"], "0"),
        (&["--accuracy-drop", "-1"], "-1"),
    ] {
        line(flags).fails(2, &[part]);
    }
    eightbit(&["precision", "m.onnx"]).fails(2, &["--images"]);
    // What ap_fixed allows, too: more or fewer bits before the point than there are. The network is missing.
    for format in ["8,12", "8,-3", "ap_ufixed<1,1>"] {
        line(&["--fixed-point", format]).fails(1, &["cannot read"]);
    }
}

#[test]
fn wrong_files_are_named() {
    let (folder, model, examples) = with_arrays("precision-errors");
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let empty = empty.to_str().expect("UTF-8");
    let in_folder = |path: &[&str]| run(command().arg("precision").arg(&model).args(path));
    in_folder(&["--images", empty]).fails(2, &["no PNG or JPEG photo", "empty"]);
    in_folder(&["--examples", empty]).fails(2, &["no .npy or .npz file"]);
    precision(&model, &examples, &["--calibrate", empty]).fails(2, &["--calibrate", "no .npy or .npz"]);
    let output = folder.join("out");
    let output = output.to_str().expect("UTF-8");
    precision(&model, &examples, &["--csv", output, "--svg", output]).fails(2, &["named by two options"]);
    let model_name = model.to_str().expect("UTF-8");
    precision(&model, &examples, &["--svg", model_name]).fails(2, &["would replace"]);
    let array = examples.join("0.npy");
    let array = array.to_str().expect("UTF-8");
    precision(&model, Path::new(array), &["--csv", array]).fails(2, &["would replace"]);
    assert!(!Path::new(output).exists());
    // An eight-bit network.
    let eight_bit = folder.join("eight.onnx");
    let mut quantize = command();
    quantize.arg("quantize").arg(&model).arg("-o").arg(&eight_bit).args(["--random", "2"]);
    run(&mut quantize).ok();
    precision(&eight_bit, &examples, &[]).fails(1, &["eight-bit already"]);
}

/// Names from a file are text in the page and in the plot.
#[test]
fn hostile_names() {
    let folder = folder("precision-hostile");
    let mut graph = small_network();
    graph.nodes[0].name = "</td><script>alert(1)</script>,\"".to_owned();
    let model = support::write(&folder, &graph);
    let examples = folder.join("0.npy");
    npy::write(&examples, &[1, 3, 16, 16], &arrays()[0]);
    let page = folder.join("page.html");
    let csv = folder.join("rows.csv");
    let [page_name, csv_name] = [&page, &csv].map(|path| path.to_str().expect("UTF-8"));
    precision(
        &model,
        &examples,
        &["--weights", "4", "--per-layer", "--report", page_name, "--csv", csv_name],
    )
    .ok();
    let page = std::fs::read_to_string(page).expect("a page");
    assert_eq!(page.matches("<script>").count(), 1, "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    let csv = std::fs::read_to_string(csv).expect("a file");
    assert!(csv.contains("weights,\"</td><script>alert(1)</script>,\"\"\",4,4,1,"), "{csv}");
}

fn inputs_only(model: &Path, examples: &Path, output: &Path, flags: &[&str]) -> Run {
    let mut command = command();
    command.arg("quantize").arg(model).arg("--calibrate").arg(examples).arg("-o").arg(output);
    run(command.args(flags))
}

#[test]
fn inputs_alone_are_reduced() {
    let (folder, model, examples) = with_arrays("inputs-only");
    let output = folder.join("out.onnx");
    let mut ratios = Vec::new();
    for bits in ["1", "2", "4", "8", "12"] {
        let json =
            inputs_only(&model, &examples, &output, &["--inputs-only", bits, "--min-max", "--json"]).json();
        let graph = Graph::from_onnx_file(&output).expect("a network");
        let ops: Vec<&str> = graph.nodes.iter().map(|node| node.op.as_str()).collect();
        let expected: &[&str] = match bits {
            "1" => &["BipolarQuant"],
            "8" => &["QuantizeLinear", "DequantizeLinear"],
            _ => &["Quant"],
        };
        assert_eq!(&ops[..expected.len()], expected);
        assert_eq!(ops.len(), expected.len() + 5);
        // Weights are those of the float network.
        let float = small_network();
        assert!(float.constants.iter().all(|(name, tensor)| graph.constants.get(name) == Some(tensor)));
        let error = json["score_error"].as_f64().expect("a number");
        assert!((error - difference(&float, &graph)).abs() < 1e-4, "{json}");
        assert_eq!(json["inputs"][0]["input"], "photo");
        ratios.push(json["sqnr_db"].as_f64().expect("a number"));
    }
    assert!(ratios.windows(2).all(|pair| pair[0] < pair[1]), "{ratios:?}");
    let text = inputs_only(&model, &examples, &output, &["--inputs-only", "4"]).ok();
    assert!(
        ["4 bits for", "dB at the outputs", "of answers"].iter().all(|part| text.contains(part)),
        "{text}"
    );
}

#[test]
fn inputs_only_with_photos_and_classes() {
    let (folder, model) = folder_with_network("inputs-only-photos");
    let [output, labels] = ["out.onnx", "labels.tsv"].map(|name| folder.join(name));
    let photo = photos().join("chelsea.png");
    std::fs::write(&labels, "chelsea.png\t3\n").expect("a file");
    let labels_name = labels.to_str().expect("UTF-8");
    let flags = ["--inputs-only", "6", "--labels", labels_name];
    let text = inputs_only(&model, &photo, &output, &flags).ok();
    assert!(text.contains("top-1 "), "{text}");
    // The file can be evaluated beside the float one.
    let mut evaluate = command();
    evaluate.arg("evaluate").arg("--images").arg(photos()).arg("--labels").arg(&labels);
    evaluate.arg("--graph").arg(&model).arg("--quantized").arg(&output).arg("--json");
    assert_eq!(run(&mut evaluate).json()["photos"], 1);
}

#[test]
fn inputs_only_refuses_what_it_does_not_do() {
    let (folder, model, examples) = with_arrays("inputs-only-errors");
    let output = folder.join("out.onnx");
    for flags in [
        &["--inputs-only", "0"][..],
        &["--inputs-only", "17"],
        &["--inputs-only", "2..4"],
        &["--inputs-only", "4", "--accuracy-drop", "1"],
        &["--inputs-only", "4", "--effort", "3"],
        &["--inputs-only", "4", "--per-tensor"],
        &["--labels", "l.tsv"],
    ] {
        inputs_only(&model, &examples, &output, flags).fails(2, &[]);
    }
    let labels = folder.join("labels.tsv");
    std::fs::write(&labels, "a.png\t3\n").expect("a file");
    let labels = labels.to_str().expect("UTF-8");
    inputs_only(&model, &examples, &output, &["--inputs-only", "4", "--labels", labels])
        .fails(2, &["arrays"]);
    assert!(!output.exists());
}
