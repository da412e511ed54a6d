//! Small graphs that ask for much: work, memory, passes.

use std::time::{Duration, Instant};

use eightbit_graph::Error;
use eightbit_tensorflow::proto::{DataType, GraphDef, NodeDef, Value};
use eightbit_tensorflow::transforms::{TransformError, transform};
use eightbit_tensorflow::{ImportOptions, grammar};

use eightbit_testing::assert_linear;

use crate::support::nodes::{floats, node, placeholder};

/// The longest time that such a graph may take.
const MAX_TIME: Duration = Duration::from_secs(60);

fn float_type(name: &str) -> (&str, Value) {
    (name, Value::Type(DataType::Float as i32))
}

fn graph(node: Vec<NodeDef>) -> GraphDef {
    GraphDef { node, ..GraphDef::default() }
}

/// Transforms a graph with the input `x` and the output `y`.
fn transformed(nodes: Vec<NodeDef>, transforms: &str) -> Result<GraphDef, TransformError> {
    let calls = grammar::parse(transforms).expect("well-formed");
    let start = Instant::now();
    let result = transform(graph(nodes), &["x".to_owned()], &["y".to_owned()], &calls);
    assert!(start.elapsed() < MAX_TIME, "{transforms}: {:?}", start.elapsed());
    result.map(|(graph, _)| graph)
}

fn imported(nodes: Vec<NodeDef>) -> Result<eightbit_graph::Graph, Error> {
    let start = Instant::now();
    let result = graph(nodes).to_graph(&ImportOptions::default());
    assert!(start.elapsed() < MAX_TIME, "{:?}", start.elapsed());
    result
}

#[test]
fn products_of_constants_share_the_work_of_an_import() {
    let mut nodes = vec![floats("w", &[512, 512], &[0.5]), placeholder("x", &[2])];
    nodes.push(node("y", "Relu", &["x"], &[float_type("T")]));
    nodes.extend((0..400).map(|index| node(&format!("m{index}"), "MatMul", &["w", "w"], &[float_type("T")])));
    let graph = imported(nodes).expect("a graph");
    let left = graph.nodes.iter().filter(|node| node.op.as_str() == "MatMul").count();
    assert!((300..400).contains(&left), "some are computed, most are left: {left}");
}

#[test]
fn inputs_without_shapes_are_searched_for_at_once() {
    let nodes = |count: usize| {
        let mut nodes = Vec::new();
        for index in 0..count {
            let (x, y) = (format!("x{index}"), format!("y{index}"));
            nodes.push(placeholder(&x, &[]));
            nodes.push(node(&y, "Relu", &[&x], &[float_type("T")]));
        }
        nodes
    };
    assert_linear("inputs", 2_500, nodes, |nodes| {
        let count = nodes.len() / 2;
        assert_eq!(imported(nodes).expect("a graph").inputs.len(), count);
    });
}

/// What a single operator reads is dropped, and found in steps that do not grow with what lies between.
#[test]
fn constants_that_are_read_once_are_found_at_once() {
    let passed = |count: usize| {
        let mut nodes = vec![placeholder("x", &[1]), floats("i0", &[1], &[1.0])];
        for index in 0..count {
            let [before, name] = [index, index + 1].map(|index| format!("i{index}"));
            nodes.push(node(&name, "Identity", &[&before], &[float_type("T")]));
        }
        nodes.push(node("y", "Mul", &["x", &format!("i{count}")], &[float_type("T")]));
        nodes
    };
    assert_linear("Identity behind Identity", 2_500, passed, |nodes| {
        assert_eq!(imported(nodes).expect("a graph").nodes.len(), 1);
    });
    let summed = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("c{index}")).collect();
        let mut nodes = vec![placeholder("x", &[1])];
        nodes.extend(names.iter().map(|name| floats(name, &[1], &[1.0])));
        let inputs: Vec<&str> = std::iter::once("x").chain(names.iter().map(String::as_str)).collect();
        nodes.push(node("y", "AddN", &inputs, &[float_type("T"), ("N", Value::I(inputs.len() as i64))]));
        nodes
    };
    assert_linear("AddN", 2_500, summed, |nodes| {
        let count = nodes.len() - 2;
        assert_eq!(imported(nodes).expect("a graph").constants.len(), count);
    });
}

#[test]
fn missing_operators_are_counted_at_once() {
    let nodes = |count: usize| {
        let operator =
            |index: usize| node(&format!("n{index}"), &format!("TheOperatorOfAStranger{index}"), &["x"], &[]);
        std::iter::once(placeholder("x", &[2])).chain((0..count).map(operator)).collect::<Vec<_>>()
    };
    assert_linear("missing operators", 5_000, nodes, |nodes| {
        let count = nodes.len() - 1;
        let Err(Error::MissingOperators(missing)) = imported(nodes) else { panic!("none of them exists") };
        assert_eq!(missing.len(), count);
    });
}

#[test]
fn sets_of_control_inputs_are_bounded() {
    let mut nodes = vec![placeholder("x", &[2]), floats("c0", &[2], &[1.0])];
    for index in 0..20_000 {
        let varies = format!("v{index}");
        nodes.push(node(&varies, "Relu", &["x"], &[float_type("T")]));
        let [before, name] = [index, index + 1].map(|index| format!("c{index}"));
        nodes.push(node(&name, "Neg", &[&before, &format!("^{varies}")], &[float_type("T")]));
    }
    nodes.push(node("y", "Mul", &["x", "c20000"], &[float_type("T")]));
    let graph = transformed(nodes, "fold_constants").expect("a graph");
    assert!(
        graph.node.iter().any(|node| node.name == "c20000"),
        "it depends on too many others to be folded"
    );
}

/// A sum of many values.
fn sum(names: &[String]) -> NodeDef {
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    node("y", "AddN", &inputs, &[float_type("T"), ("N", Value::I(names.len() as i64))])
}

fn named(stem: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{stem}{index}")).collect()
}

/// The tool bypasses one of them in a pass.
#[test]
fn many_nodes_that_read_one_are_bypassed() {
    let nodes = |count: usize| {
        let names = named("i", count);
        let mut nodes = vec![placeholder("x", &[2])];
        nodes.extend(names.iter().map(|name| node(name, "Identity", &["x"], &[float_type("T")])));
        nodes.push(sum(&names));
        nodes
    };
    assert_linear("Identity", 5_000, nodes, |nodes| {
        let count = nodes.len() - 2;
        let graph = transformed(nodes, "remove_nodes(op=Identity)").expect("a graph");
        let left: Vec<&str> = graph.node.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(left, ["x", "y"]);
        assert_eq!(graph.node[1].input, vec!["x"; count]);
    });
}

/// The tool replaces one of them in a pass.
#[test]
fn many_look_ups_in_one_table_are_replaced() {
    let nodes = |count: usize| {
        let names = named("g", count);
        let mut nodes = vec![
            placeholder("x", &[2]),
            floats("w", &[4, 1], &[0.0, 0.5, 0.0, 1.0]),
            node("r", "Identity", &["w"], &[float_type("T")]),
        ];
        nodes.extend(names.iter().map(|name| node(name, "Gather", &["r", "x"], &[])));
        nodes.push(sum(&names));
        nodes
    };
    assert_linear("Gather", 3_000, nodes, |nodes| {
        let count = nodes.len() - 4;
        let graph = transformed(nodes, "sparsify_gather").expect("a graph");
        let of = |op: &str| graph.node.iter().filter(|node| node.op == op).count();
        assert_eq!([of("Gather"), of("Identity"), of("HashTable")], [0, 0, 1]);
        assert_eq!(of("LookupTableFind"), count);
    });
}

/// The tool folds one of them in a pass, and does not end.
#[test]
fn many_batch_norms_of_one_image_are_folded() {
    let nodes = |count: usize| {
        let names = named("b", count);
        let mut nodes = vec![placeholder("x", &[1, 1, 1, 2]), floats("c", &[2], &[0.5, 2.0])];
        for (index, name) in names.iter().enumerate() {
            let (conv, weights) = (format!("c{index}"), format!("w{index}"));
            nodes.push(floats(&weights, &[1, 1, 2, 2], &[1.0]));
            nodes.push(node(&conv, "Conv2D", &["x", &weights], &[float_type("T")]));
            nodes.push(node(name, "FusedBatchNorm", &[&conv, "c", "c", "c", "c"], &[float_type("T")]));
        }
        nodes.push(sum(&names));
        nodes
    };
    assert_linear("FusedBatchNorm", 1_000, nodes, |nodes| {
        let count = (nodes.len() - 3) / 3;
        let graph = transformed(nodes, "fold_old_batch_norms").expect("a graph");
        let of = |op: &str| graph.node.iter().filter(|node| node.op == op).count();
        assert_eq!([of("FusedBatchNorm"), of("Conv2D"), of("BiasAdd")], [0, count, count]);
        assert!(!graph.node.iter().any(|node| node.name == "c"), "no one reads it");
    });
}

/// Each convolution gets scaled weights of its own.
#[test]
fn copies_of_shared_weights_are_bounded() {
    let names = named("b", 100);
    let mut nodes = vec![placeholder("x", &[1, 1, 1, 1]), floats("w", &[1, 1, 1, 1 << 20], &[1.0])];
    nodes.push(floats("c", &[1 << 20], &[0.5]));
    for (index, name) in names.iter().enumerate() {
        let conv = format!("c{index}");
        nodes.push(node(&conv, "Conv2D", &["x", "w"], &[float_type("T")]));
        nodes.push(node(name, "FusedBatchNorm", &[&conv, "c", "c", "c", "c"], &[float_type("T")]));
    }
    nodes.push(sum(&names));
    let error = transformed(nodes, "fold_old_batch_norms").expect_err("400 MB");
    assert!(error.to_string().contains("copies of shared weights"), "{error}");
}
