//! `eightbit quantize --weights`, `--activations`, `--size` and `--format`.

mod support;

use std::path::{Path, PathBuf};

use eightbit_graph::Graph;
use support::{Run, command, folder_with_network, npy, run};

/// The network of one test, and a folder with arrays for it.
fn with_arrays(name: &str) -> (PathBuf, PathBuf, PathBuf) {
    let (folder, model) = folder_with_network(name);
    let examples = folder.join("examples");
    std::fs::create_dir(&examples).expect("a folder");
    for number in 0..8 {
        let value = |at: usize| ((at * 37 + number * 11) % 101) as f32 / 50.0 - 1.0;
        let values: Vec<f32> = (0..768).map(value).collect();
        npy::write(&examples.join(format!("{number}.npy")), &[1, 3, 16, 16], &values);
    }
    (folder, model, examples)
}

fn quantize(model: &Path, output: &Path, examples: &Path, flags: &[&str]) -> Run {
    run(command()
        .arg("quantize")
        .arg(model)
        .arg("-o")
        .arg(output)
        .arg("--calibrate")
        .arg(examples)
        .args(flags))
}

fn ops(graph: &Graph) -> Vec<String> {
    graph.nodes.iter().map(|node| node.op.to_string()).collect()
}

#[test]
fn files_have_the_form_that_was_asked_for() {
    let (folder, model, examples) = with_arrays("few-bits-forms");
    let written = |flags: &[&str]| {
        let output = folder.join("out.onnx");
        let json = quantize(&model, &output, &examples, &[flags, &["--json"]].concat()).json();
        let graph = Graph::from_onnx_file(&output).expect("reads");
        let bytes = std::fs::metadata(&output).expect("is there").len();
        assert_eq!(json["bytes_after"], bytes);
        (graph, bytes, json)
    };
    let (eight, all_bytes, json) = written(&[]);
    assert_eq!((json["weights"].as_str(), json["activation_bits"].as_u64()), (Some("int8"), Some(8)));
    assert!(eight.narrow.is_empty() && eight.opset == 13);
    let (four, bytes, json) = written(&["--weights", "int4"]);
    assert!(bytes < all_bytes && four.narrow.values().all(|&bits| bits == 4) && four.opset == 21);
    assert_eq!(json["weights"], "int4");
    let (ternary, fewer_bytes, _) = written(&["--weights", "ternary"]);
    assert!(fewer_bytes < bytes && ternary.narrow.values().all(|&bits| bits == 2) && ternary.opset == 25);
    let (wide, wide_bytes, _) = written(&["--weights", "int4", "--format", "qcdq", "--activations", "4"]);
    assert!(wide.narrow.is_empty() && wide.opset == 13 && wide_bytes > bytes);
    assert!(ops(&wide).contains(&"Clip".to_owned()));
    let (qonnx, ..) = written(&["--weights", "bipolar", "--format", "qonnx"]);
    let found = ops(&qonnx);
    assert!(["Quant", "BipolarQuant"].iter().all(|op| found.contains(&(*op).to_owned())), "{found:?}");
    assert!(!found.iter().any(|op| op.ends_with("Linear")), "{found:?}");
}

#[test]
fn a_size_chooses_layers() {
    let (folder, model, examples) = with_arrays("few-bits-size");
    let output = folder.join("out.onnx");
    let size = |flags: &[&str]| {
        quantize(&model, &output, &examples, flags).ok();
        std::fs::metadata(&output).expect("is there").len()
    };
    let (eight, four) = (size(&[]), size(&["--weights", "int4"]));
    let between = (eight + four) / 2;
    let flags = ["--weights", "int4", "--size", &between.to_string()];
    assert!(size(&flags) <= between);
    let text = quantize(&model, &output, &examples, &flags).ok();
    assert!(text.contains("weights     int4 in ") && text.contains("bytes saved"), "{text}");
    let json = quantize(&model, &output, &examples, &[&flags[..], &["--json"]].concat()).json();
    let layers = json["layer_precisions"].as_array().expect("layers");
    let of = |precision: &str| layers.iter().filter(|layer| layer["weights"] == precision).count();
    assert!(of("int4") > 0 && of("int4") + of("int8") == layers.len(), "{layers:?}");
    quantize(&model, &output, &examples, &["--weights", "int4", "--size", "10"]).fails(1, &["10 bytes"]);
}

#[test]
fn wrong_flags_say_what_is_needed() {
    let (folder, model, examples) = with_arrays("few-bits-wrong");
    let output = folder.join("out.onnx");
    for (flags, code, reason) in [
        (&["--weights", "int9"][..], 2, "int2 to int8"),
        (&["--weights", "four"], 2, "ternary"),
        (&["--activations", "1"], 2, "2..=8"),
        (&["--size", "10%"], 2, "--weights"),
        (&["--weights", "int4", "--size", "big"], 2, "18%"),
        (&["--weights", "int4", "--size", "10%", "--accuracy-drop", "1"], 2, "--accuracy-drop"),
        (&["--weights", "int8", "--size", "90%"], 1, "fewer"),
        (&["--weights", "int4", "--size", "90%", "--format", "qcdq"], 2, "--format qdq"),
        (&["--weights", "int4", "--inputs-only", "4"], 2, "--inputs-only"),
    ] {
        quantize(&model, &output, &examples, flags).fails(code, &[reason]);
        assert!(!output.exists());
    }
}
