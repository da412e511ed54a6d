//! Forms of ONNX files beyond plain graphs of floats: half floats, functions, branches, elements in other files, old operator sets.
//! The expected numbers are ONNX Runtime's, and those of the definitions for the operator sets that it no longer runs.
//! `tests/cases/forms/make.py` wrote the files.

use std::path::{Path, PathBuf};

use eightbit_graph::{Error, Executor, ExecutorOptions, Graph, Limits, Tensor, ops};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/forms").join(name)
}

fn read(name: &str) -> Result<Graph, Error> {
    Graph::from_onnx_file(path(name))
}

/// The output of `graph` for `x`, by the executor and by the interpreter.
fn run(graph: &Graph, x: &[f32]) -> Vec<f32> {
    let shape: Vec<usize> = graph.inputs[0].shape.iter().map(|dim| dim.unwrap_or(x.len())).collect();
    let x = Tensor::new(shape, x.to_vec()).expect("the input's shape");
    let inputs = [(graph.inputs[0].name.as_str(), &x)];
    let plain = ops::evaluate_graph(graph, &inputs).expect("it runs");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("it can run");
    let fast = executor.run(&inputs).expect("it runs");
    let [plain, fast] = [plain, fast].map(|outputs| outputs[0].as_f32().expect("f32").to_vec());
    assert_close(&fast, &plain);
    plain
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{found} is not {expected}");
    }
}

fn has_branches(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| node.op == "If")
}

#[test]
fn half_floats_become_floats() {
    let graph = read("half.onnx").expect("a model");
    assert_eq!(run(&graph, &[-1.0, 0.5, 2.0]), [-0.5, -1.0, 131_008.0]);
    let note = &graph.notes[0];
    assert!(note.contains("not rounded") && note.ends_with("1 constant, 1 conversion"), "{note}");
    let graph = read("half_input.onnx").expect("a model");
    assert_eq!(run(&graph, &[-1.0, 0.5, 2.0])[..2], [-0.5, -1.0]);
    assert!(graph.notes[0].ends_with("\"x\", \"y\", 1 constant"), "{:?}", graph.notes);
    assert_eq!(run(&read("bfloat16.onnx").expect("a model"), &[-1.0, 2.0]), [-1.5, -6.0]);
    // What is written has no halves any more, and is read without a note.
    let again = Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("valid")).expect("own bytes");
    assert!(again.notes.is_empty() && again.constants == graph.constants);
}

#[test]
fn functions_are_replaced_by_their_nodes() {
    let graph = read("function.onnx").expect("a model");
    assert_eq!(run(&graph, &[-1.0, 2.0]), [-0.035_156_25, 18.0]);
    assert_eq!(graph.nodes.len(), 6);
    assert!(graph.nodes.iter().all(|node| node.operator().is_some()));
    assert_eq!(Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("valid")).expect("own bytes"), graph);
}

#[test]
fn known_branches_are_chosen() {
    let graph = read("if_constant.onnx").expect("a model");
    assert!(!has_branches(&graph));
    assert_eq!(run(&graph, &[-1.0, 2.0]), [2.0, -4.0]);
    let nested = read("if_nested.onnx").expect("a model");
    assert!(!has_branches(&nested));
    assert_eq!(run(&nested, &[-1.0, 2.0]), [0.0, 2.0]);
}

#[test]
fn branches_are_chosen_once_their_inputs_are_fixed() {
    let graph = read("if_input.onnx").expect("a model");
    assert!(has_branches(&graph));
    let error =
        Executor::new(&graph, &ExecutorOptions::default()).expect_err("no branch is chosen").to_string();
    assert!(
        error.contains("ai.onnx.If") && error.contains("input \"rate\"") && error.contains("--fix"),
        "{error}"
    );
    assert!(matches!(graph.to_onnx_bytes(), Err(Error::UnsupportedOp { .. })));
    for (rate, expected) in [(16_000i64, [2.0, -4.0]), (0, [1.0, -2.0])] {
        let fixed = graph.clone().fix_input("rate", Tensor::scalar(rate)).expect("an input");
        assert!(!has_branches(&fixed) && fixed.inputs.len() == 1);
        assert_eq!(run(&fixed, &[-1.0, 2.0]), expected);
    }
}

#[test]
fn branches_are_chosen_once_shapes_are_fixed() {
    let graph = read("if_shape.onnx").expect("a model");
    assert!(has_branches(&graph));
    for (size, expected) in [(2, &[2.0, -4.0][..]), (1, &[1.0])] {
        let fixed = graph.clone().fix_shape("x", &[size]).expect("an open dimension");
        assert!(!has_branches(&fixed));
        assert_eq!(run(&fixed, &[-1.0, 2.0][..size]), expected);
    }
}

#[test]
fn elements_are_read_from_files_beside_the_model() {
    assert_eq!(run(&read("external.onnx").expect("a model"), &[-1.0, 2.0]), [-0.5, 8.0]);
    let bytes = std::fs::read(path("external.onnx")).expect("a file");
    let error = Graph::from_onnx_bytes(&bytes).expect_err("no folder").to_string();
    assert!(error.contains("\"external.bin\"") && error.contains("not from bytes"), "{error}");
}

#[test]
fn old_operator_sets_are_rewritten() {
    let graph = read("opset6.onnx").expect("a model");
    let x: Vec<f32> = (0..8).map(|at| at as f32 * 3.0 / 7.0 - 1.0).collect();
    assert_close(&run(&graph, &x), &[8.608_937, 8.753_035]);
    let graph = read("opset1.onnx").expect("a model");
    let x: Vec<f32> = (0..6).map(|at| at as f32 * 0.6 - 1.0).collect();
    let expected = [1.0, -1.0, -0.4, 0.2, 1.0, -1.0, -0.4, 0.2, 0.5, 0.4, 0.7, 1.0, 0.5, 0.4, 0.7, 1.0];
    assert_close(&run(&graph, &x), &expected);
}

#[test]
fn integers_of_four_bits_become_bytes() {
    let graph = read("int4.onnx").expect("a model");
    assert_eq!(run(&graph, &[1.0, -2.0, 0.5]), [-2.5, 1.0, -2.0]);
    let note = &graph.notes[0];
    assert!(note.contains("four bits") && note.ends_with("\"q\", \"z\""), "{note}");
    assert_eq!(run(&read("uint4_blocks.onnx").expect("a model"), &[1.0, -2.0, 0.5, 3.0]), [39.5, 19.0]);
}

/// What is quantized to four bits has no more than their integers.
#[test]
fn outputs_of_four_bits_are_clamped() {
    let graph = read("to_int4.onnx").expect("a model");
    assert_eq!(run(&graph, &[-9.0, 9.0, 0.3, -0.3, 0.125, 2.0]), [-4.0, 3.5, 0.5, -0.25, 0.0, 2.0]);
    let again = Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("bytes")).expect("a model");
    assert_eq!(run(&again, &[-9.0, 9.0, 0.3, -0.3, 0.125, 2.0]), [-4.0, 3.5, 0.5, -0.25, 0.0, 2.0]);
}

/// Of other operators' results it is not known that they are narrow.
#[test]
fn integers_of_four_bits_are_for_dequantization() {
    let error = read("int4_elsewhere.onnx").expect_err("a Gather").to_string();
    assert!(
        error.contains("Gather") && error.contains("\"q\"") && error.contains("fewer than eight"),
        "{error}"
    );
    let error = read("int4_short.onnx").expect_err("four bytes for nine integers").to_string();
    assert!(error.contains("\"q\"") && error.contains("9 elements"), "{error}");
}

#[test]
fn products_with_few_bits_in_blocks() {
    for (name, count, expected) in [
        ("nbits4.onnx", 12, [-3.25, -2.75, -3.25, 2.25]),
        ("nbits4_zero_points.onnx", 12, [11.75, -9.25, 10.5, -13.75]),
        ("nbits2_blocks.onnx", 80, [3.375, -6.9375, -1.75, 10.75]),
        ("nbits4_blocks.onnx", 80, [15.25, 52.0, -17.25, 206.25]),
        ("nbits4_float_zero_points.onnx", 80, [33.5, -55.328_125, -7.187_5, 65.546_875]),
        ("nbits8.onnx", 80, [-1.0, 1080.0, -16.75, 2091.125]),
    ] {
        let x: Vec<f32> = (0..count).map(|at| (at * 7 % 11) as f32 * 0.5 - 2.0).collect();
        assert_eq!(run(&read(name).expect("a model"), &x), expected, "{name}");
    }
}

/// Two bits in the file are four bytes in memory, and count as them.
#[test]
fn floats_of_few_bits_have_limits() {
    let bytes = std::fs::read(path("nbits2_blocks.onnx")).expect("a file");
    let read = |limits: Limits| Graph::from_onnx_bytes_within(&bytes, &limits);
    assert!(read(Limits::default()).is_ok());
    let few = Limits { max_elements: 79, ..Limits::default() };
    assert!(matches!(read(few), Err(Error::OverLimit { unit: "elements", .. })));
}

#[test]
fn all_that_stops_a_model_is_listed() {
    let error = read("several.onnx").expect_err("it cannot be read");
    let Error::Several(all) = &error else { panic!("{error}") };
    let text = error.to_string();
    for part in [
        "initializer \"t\"",
        "value \"s\"",
        "Frobnicate (nodes \"Frobnicate\", \"Frobnicate_1\")",
        "com.example.Twist (node \"Twist\")",
        "StringNormalizer",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(all.len(), 3);
}
