//! Round trips of real ONNX files, and bytes that are not valid models.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use eightbit_graph::{DataType, Error, Graph, Node, Op, Tensor, ValueInfo};
use proptest::prelude::*;

const MODELS: [&str; 2] = ["models/efficientnet_lite0.onnx", "tests/vectors/networks/mnist_cnn.onnx"];

#[test]
fn real_models_survive_a_round_trip() {
    for path in MODELS {
        let bytes = crate::support::read(path);
        let graph = Graph::from_onnx_bytes(&bytes).expect(path);
        assert!(!graph.nodes.is_empty() && !graph.constants.is_empty());
        let written = graph.to_onnx_bytes().expect(path);
        let again = Graph::from_onnx_bytes(&written).expect(path);
        // The writer sorts; these files are in order already.
        assert!(graph == again, "{path} changes on its way through a file");
        assert_eq!(written, again.to_onnx_bytes().expect(path));
    }
}

#[test]
fn a_truncated_model_is_an_error_that_says_so() {
    for path in MODELS {
        let bytes = crate::support::read(path);
        let step = bytes.len() / 200 + 1;
        let ends = (0..bytes.len()).step_by(step).chain(0..64).chain(bytes.len() - 64..bytes.len());
        for end in ends {
            match Graph::from_onnx_bytes(&bytes[..end]) {
                Err(Error::NotAModel { .. }) => {}
                other => panic!("{path} cut at {end}: {other:?}"),
            }
        }
    }
}

#[test]
fn other_files_are_told_apart() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x02\0\0\0";
    let text = b"label_image --graph model.onnx\nanother line of text\n";
    for bytes in [&b""[..], png, text, &[0; 64], &[0xff; 64], &[8, 8], b"{\"format\": \"json\"}"] {
        let error = Graph::from_onnx_bytes(bytes).expect_err("not a model");
        assert!(matches!(error, Error::NotAModel { .. }), "{bytes:?}: {error}");
        assert!(error.to_string().starts_with("not an ONNX file, or truncated or damaged: "), "{error}");
    }
    let error = Graph::from_onnx_file("no/such/file.onnx").expect_err("no such file");
    assert!(error.to_string().starts_with("cannot read no/such/file.onnx: "), "{error}");
}

/// A small graph with every kind of attribute and constant.
fn small() -> Graph {
    let value = |name: &str, shape: &[Option<usize>]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.to_vec(),
    };
    let tensor = Tensor::new([2, 2], vec![1u8, 2, 3, 255]).expect("four elements");
    let custom = Node::of(Op::new("com.example", "Thing"), "custom", &["h", "", "w"], &["y"])
        .with("int", -3)
        .with("float", 0.25f32)
        .with("string", "text")
        .with("tensor", tensor)
        .with("ints", vec![1, -1, i64::MAX])
        .with("floats", vec![1.0f32, -2.5])
        .with("strings", vec!["a".to_owned(), String::new()]);
    Graph {
        name: "small".to_owned(),
        opset: 13,
        inputs: vec![value("x", &[None, Some(3)])],
        outputs: vec![value("y", &[])],
        nodes: vec![Node::new("relu", "Relu", &["x"], &["h"]), custom],
        constants: [("w".to_owned(), Tensor::vector([1.0f32, 2.0]))].into(),
        dimension_names: [(("x".to_owned(), 0), "N".to_owned())].into(),
        narrow: BTreeMap::new(),
        notes: Vec::new(),
    }
}

#[test]
fn everything_in_a_graph_survives() {
    let graph = small();
    let bytes = graph.to_onnx_bytes().expect("valid");
    assert_eq!(Graph::from_onnx_bytes(&bytes).expect("own bytes"), graph);
}

#[test]
fn nodes_are_written_in_order() {
    let mut graph = small();
    graph.nodes.reverse();
    let bytes = graph.to_onnx_bytes().expect("valid");
    assert_eq!(Graph::from_onnx_bytes(&bytes).expect("own bytes"), small());
}

#[test]
fn constants_leave_the_nodes() {
    let mut graph = small();
    let constant = Node::new("c", "Constant", &[], &["w"]).with("value_floats", vec![1.0f32, 2.0]);
    graph.constants.clear();
    graph.nodes.insert(0, constant);
    let bytes = graph.to_onnx_bytes().expect("valid");
    assert_eq!(Graph::from_onnx_bytes(&bytes).expect("own bytes"), small());
}

#[test]
fn faults_in_a_graph_are_typed() {
    let mut graph = small();
    graph.opset = 99;
    assert!(matches!(graph.to_onnx_bytes(), Err(Error::UnsupportedOpset { version: 99, .. })));
    graph.opset = 13;
    graph.nodes[0].inputs[0] = "nowhere".to_owned();
    assert!(graph.to_onnx_bytes().expect_err("dangling").to_string().contains("\"nowhere\""));
}

static SMALL_BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| small().to_onnx_bytes().expect("valid"));
static MNIST: LazyLock<Vec<u8>> = LazyLock::new(|| crate::support::read(MODELS[1]));

fn flipped(bytes: &[u8], flips: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (index, value) in flips {
        let index = index.index(bytes.len());
        bytes[index] = *value;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Graph::from_onnx_bytes(&bytes);
        let _ = Tensor::from_onnx_bytes(&bytes);
    }

    #[test]
    fn damaged_bytes_are_read_without_panic(flips in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6)) {
        if let Ok(graph) = Graph::from_onnx_bytes(&flipped(&SMALL_BYTES, &flips)) {
            // A graph that was read must be written and read again unchanged.
            let bytes = graph.to_onnx_bytes().expect("a graph that was read is valid");
            let again = Graph::from_onnx_bytes(&bytes).expect("a graph that was written is valid");
            prop_assert_eq!(again.to_onnx_bytes().expect("valid"), bytes);
        }
    }

    #[test]
    fn a_damaged_model_is_read_without_panic(flips in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..40)) {
        let _ = Graph::from_onnx_bytes(&flipped(&MNIST, &flips));
    }
}
