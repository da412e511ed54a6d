//! `eightbit inspect`, and what a network leaves open: `--fix`, `--shape`, examples that are no photos.

mod support;

use std::io::Write;
use std::path::PathBuf;

use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};
use support::{eightbit, folder, npy, write};

fn info(name: &str, shape: &[Option<usize>]) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: shape.to_vec() }
}

/// A product and a sum, with an operator that does not exist if `odd`.
fn network(odd: bool) -> Graph {
    let mut graph = Graph {
        opset: 13,
        inputs: vec![info("x", &[None, Some(4)]), info("shift", &[Some(3)])],
        outputs: vec![info("y", &[None, Some(3)])],
        nodes: vec![
            Node::new("product", "MatMul", &["x", "w"], &["a"]),
            Node::new("sum", if odd { "Frobnicate" } else { "Add" }, &["a", "shift"], &["y"]),
        ],
        ..Graph::default()
    };
    let weights: Vec<f32> = (0..12).map(|at| at as f32 / 8.0 - 0.5).collect();
    graph.constants.insert("w".to_owned(), Tensor::new([4, 3], weights).expect("twelve"));
    graph
}

fn form(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../graph/tests/cases/forms").join(name)
}

#[test]
fn costs_and_roles_are_shown() {
    let model = write(&folder("inspect"), &network(false));
    let model = model.to_str().expect("UTF-8");
    let text = eightbit(&["inspect", model, "--nodes", "--plan"]).ok();
    for part in ["MatMul", "[?, 4]", "[1, 3]", "eight-bit", "memory: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = eightbit(&["inspect", model, "--json", "--shape", "x=2,4"]).json();
    let product = &json["nodes"][0];
    assert_eq!((&product["macs"], &product["parameters"]), (&24.into(), &12.into()));
    assert_eq!(product["outputs"][0]["shape"], serde_json::json!([2, 3]));
    assert_eq!((&product["eight_bit"], &json["errors"]), (&true.into(), &serde_json::json!([])));
    // How it runs as it is: a float kernel for the product.
    assert_eq!(product["runs"]["as"], "float");
    assert!(product["runs"]["kernel"].as_str().is_some_and(|kernel| kernel.contains("f32")), "{product}");
    for part in ["How it would run", "1 MatMul", "runs as it is", "float: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_network_that_cannot_run_is_inspected() {
    let model = write(&folder("inspect-odd"), &network(true));
    let model = model.to_str().expect("UTF-8");
    let text = eightbit(&["inspect", model]).ok();
    assert!(text.contains("Frobnicate (missing)") && text.contains("What stops it"), "{text}");
    let json = eightbit(&["inspect", model, "--json"]).json();
    assert_eq!(json["nodes"][1]["implemented"], false);
    assert_eq!(json["nodes"][1]["runs"]["as"], "refused");
    assert!(json["nodes"][1]["runs"]["reason"].as_str().is_some_and(|reason| reason.contains("Frobnicate")));
    assert_eq!((&json["nodes"][0]["runs"]["as"], &json["runs_unknown"]), (&"float".into(), &().into()));
    assert!(text.contains("refused"), "{text}");
    assert_eq!(json["errors"].as_array().map(Vec::len), Some(1));
}

#[test]
fn inputs_and_shapes_are_fixed() {
    let folder = folder("fix");
    let model = form("if_input.onnx");
    let model = model.to_str().expect("UTF-8");
    let x = folder.join("x.npy");
    npy::write(&x, &[2], &[-1.0f32, 2.0]);
    let out = folder.join("out");
    let input = format!("x={}", x.display());
    let out_text = out.to_str().expect("UTF-8");
    for (rate, expected) in [("16000", [2.0, -4.0]), ("0", [1.0, -2.0])] {
        let fix = format!("rate={rate}");
        eightbit(&["run", model, "--fix", &fix, "--input", &input, "--output-dir", out_text]).ok();
        assert_eq!(npy::read(&out.join("y.npy")).1, expected);
    }
    let text = eightbit(&["inspect", model]).ok();
    assert!(text.contains("depends on input \"rate\""), "{text}");
    eightbit(&["inspect", model, "--fix", "speed=1"]).fails(1, &["--fix speed=1", "\"rate\""]);
    eightbit(&["inspect", model, "--fix", "rate=fast"]).fails(1, &["\"fast\" is no i64"]);
    eightbit(&["inspect", model, "--shape", "x=3"]).fails(1, &["[3]", "[2]"]);
    // The sizes of arrays choose branches, too.
    let shaped = form("if_shape.onnx");
    eightbit(&["run", shaped.to_str().expect("UTF-8"), "--input", &input, "--output-dir", out_text]).ok();
    assert_eq!(npy::read(&out.join("y.npy")).1, [2.0, -4.0]);
}

#[test]
fn any_network_is_quantized_with_arrays_archives_or_random_numbers() {
    let folder = folder("calibrate-arrays");
    let model = write(&folder, &network(false));
    let model = model.to_str().expect("UTF-8");
    let output = folder.join("q.onnx");
    let output = output.to_str().expect("UTF-8");
    for name in ["x", "shift"] {
        std::fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    for at in 0..3 {
        let sign = if at == 1 { -1.0f32 } else { 1.0 };
        npy::write(&folder.join(format!("x/{at}.npy")), &[1, 4], &[sign, 0.5, -0.25, 2.0 * sign]);
        npy::write(&folder.join(format!("shift/{at}.npy")), &[3], &[0.5, sign, -1.0]);
    }
    let [x, shift] = ["x", "shift"].map(|name| format!("{name}={}", folder.join(name).display()));
    let base = ["quantize", model, "-o", output, "--json", "--calibrate"];
    let json = eightbit(&[&base[..], &[&x, &shift]].concat()).json();
    assert_eq!((&json["calibration_photos"], &json["nodes_eight_bit"]), (&3.into(), &2.into()));

    let archive = folder.join("one.npz");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).expect("a file"));
    for name in ["x", "shift"] {
        let bytes = std::fs::read(folder.join(format!("{name}/0.npy"))).expect("a file");
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(&bytes).expect("bytes");
    }
    zip.finish().expect("an archive");
    let json = eightbit(&[&base[..], &[archive.to_str().expect("UTF-8")]].concat()).json();
    assert_eq!(json["calibration_photos"], 1);

    let random = eightbit(&["quantize", model, "-o", output, "--random", "2"]);
    assert!(random.stderr.contains("random numbers"), "{}", random.stderr);
    assert!(random.ok().contains("with 2 examples"));
    eightbit(&[&base[..], &[&x]].concat()).fails(2, &["0 arrays for input \"shift\""]);
    let plain = folder.join("x");
    eightbit(&[&base[..], &[plain.to_str().expect("UTF-8")]].concat()).fails(2, &["give NAME="]);
}
