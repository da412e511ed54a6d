//! `eightbit compare` and `eightbit profile`.

mod support;

use std::path::{Path, PathBuf};

use eightbit_graph::{Graph, Tensor, TensorData};
use support::{Run, command, folder_with_network, npy, photos, run};

fn compare(a: &Path, b: &Path, flags: &[&str]) -> Run {
    run(command().arg("compare").args([a, b]).args(flags))
}

fn profile(model: &Path, flags: &[&str]) -> Run {
    run(command().args(["profile", "--budget", "6"]).arg(model).args(flags))
}

fn quantized(folder: &Path, model: &Path) -> PathBuf {
    let output = folder.join("model.int8.onnx");
    run(command().arg("quantize").arg(model).arg("-o").arg(&output).arg("--calibrate").arg(photos())).ok();
    output
}

#[test]
fn a_node_that_was_broken_comes_first() {
    let (folder, model) = folder_with_network("compare-broken");
    let good = quantized(&folder, &model);
    let photos = photos();
    let flags = ["--images", photos.to_str().expect("UTF-8"), "--limit", "2"];
    let json = compare(&model, &good, &[&flags[..], &["--json"]].concat()).json();
    assert_eq!((&json["examples"], &json["outputs"][0]["compared"]), (&2.into(), &true.into()));
    let value = &json["values"][0];
    assert!(value["sqnr_db"].as_f64().is_some_and(|ratio| ratio > 15.0), "{json}");

    let mut graph = Graph::from_onnx_file(&good).expect("a model");
    let gemm = graph.nodes.iter().find(|node| node.op == "Gemm").expect("a product").inputs[1].clone();
    let source =
        graph.nodes.iter().find(|node| node.outputs[0] == gemm).expect("its weights").inputs[0].clone();
    let weights = &graph.constants[&source];
    let TensorData::I8(bytes) = weights.data() else { panic!("weights are bytes") };
    let turned: Vec<i8> = bytes.iter().rev().copied().collect();
    let turned = Tensor::new(weights.shape().to_vec(), turned).expect("the same number");
    graph.constants.insert(source, turned);
    let broken = folder.join("broken.onnx");
    graph.to_onnx_file(&broken).expect("a file");
    let json = compare(&model, &broken, &[&flags[..], &["--json"]].concat()).json();
    assert_eq!(json["values"][0]["other_node"], "gemm", "{json}");
    let text = compare(&model, &broken, &flags).ok();
    let first = text.lines().skip_while(|line| !line.starts_with("value")).nth(1).expect("a row");
    assert!(first.starts_with("logits") && first.contains("gemm"), "{text}");
    assert!(text.contains("on 2 photos") && text.contains("not compared"), "{text}");
    let text = compare(&model, &broken, &[&flags[..], &["--top", "1"]].concat()).ok();
    assert!(!text.contains("GlobalAveragePool"), "{text}");
}

#[test]
fn the_file_of_another_tool_is_compared_by_the_names_that_it_keeps() {
    let networks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/networks");
    let [float, other] = ["mnist_cnn.onnx", "mnist_cnn.onnxruntime.onnx"].map(|name| networks.join(name));
    let json = compare(&float, &other, &["--random", "2", "--in-order", "--json"]).json();
    let values = json["values"].as_array().expect("values");
    let found = values.iter().map(|value| (value["value"].as_str(), value["other_node"].as_str()));
    let expected = [
        ("input", ""),
        ("r0", "c0"),
        ("p0", "p0"),
        ("r1", "c1"),
        ("r2", "c2"),
        ("p2", "p2"),
        ("r3", "c3"),
        ("gap", "gap"),
        ("flat", "flat"),
        ("logits", "fc"),
    ];
    assert!(found.eq(expected.map(|(value, node)| (Some(value), Some(node)))), "{json}");
    assert!(values.iter().all(|value| value["sqnr_db"].as_f64().is_some_and(|ratio| ratio > 20.0)), "{json}");
}

#[test]
fn arrays_and_random_numbers_are_compared_on() {
    let (folder, model) = folder_with_network("compare-arrays");
    let array = folder.join("x.npy");
    npy::write(&array, &[1, 3, 16, 16], &(0..768).map(|x| x as f32 / 768.0).collect::<Vec<_>>());
    let array = format!("photo={}", array.display());
    let json = compare(&model, &model, &["--inputs", &array, "--json"]).json();
    // Equal values have no ratio.
    assert!(json["values"].as_array().expect("values").iter().all(|value| value["sqnr_db"].is_null()));
    let text = compare(&model, &model, &["--random", "3", "--in-order"]).ok();
    assert!(text.contains("3 random examples") && text.contains("equal"), "{text}");
    compare(&model, &model, &[]).fails(2, &["--images", "--random N"]);
    compare(&model, &model, &["--inputs", folder.to_str().expect("UTF-8"), "--random", "1"])
        .fails(2, &["--random"]);
    let (_, other) = folder_with_network("compare-other");
    let mut graph = Graph::from_onnx_file(&other).expect("a model");
    graph.inputs[0].shape[2] = Some(8);
    graph.to_onnx_file(&other).expect("a file");
    compare(&model, &other, &["--random", "1"]).fails(1, &["[1, 3, 16, 16]", "\"photo\""]);
}

#[test]
fn time_is_shown_by_step_and_by_operator() {
    let (folder, model) = folder_with_network("profile");
    let json = profile(&model, &["--json", "--in-order"]).json();
    let steps = json["steps"].as_array().expect("steps");
    // Before it the photo is laid out with channels last.
    let conv = steps.iter().find(|step| step["step"] == "conv").expect("a convolution");
    assert_eq!((&conv["value"], &conv["macs"]), (&"r".into(), &(8 * 8 * 8 * 27).into()));
    assert!(conv["of_peak"].as_f64().is_some_and(|part| part > 0.0 && part < 4.0), "{json}");
    let shares: f64 = steps.iter().filter_map(|step| step["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{json}");
    let text = profile(&model, &[]).ok();
    assert!(text.contains("Gop/s") && text.contains("total") && text.contains("kernel"), "{text}");
    let photos = photos();
    let text = profile(&model, &["--images", photos.to_str().expect("UTF-8")]).ok();
    assert!(text.contains("on a photo"), "{text}");

    let json = profile(&model, &["--quantized", "--json"]).json();
    let values: Vec<&str> = json["compared"]["values"]
        .as_array()
        .expect("values")
        .iter()
        .filter_map(|value| value["value"].as_str())
        .collect();
    assert!(values.contains(&"r") && values.contains(&"logits"), "{json}");
    let eight_bit = quantized(&folder, &model);
    // Whichever is given first, the eight-bit form is the one that should be faster.
    for (first, second) in [(&model, &eight_bit), (&eight_bit, &model)] {
        let second = second.to_str().expect("UTF-8");
        let json = profile(first, &["--compare", second, "--json"]).json();
        assert_eq!(json["compared"]["second"]["model"], eight_bit.to_str().expect("UTF-8"), "{json}");
        let text = profile(first, &["--compare", second]).ok();
        assert!(text.contains("times as fast") && text.contains("that both compute"), "{text}");
    }
    profile(&eight_bit, &["--quantized"]).fails(2, &["eight-bit already"]);
    profile(&model, &["--compare", "missing.onnx"]).fails(1, &["missing.onnx"]);
}
