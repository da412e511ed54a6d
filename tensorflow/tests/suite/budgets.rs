//! Small graphs that ask for much: work, memory, passes.

use std::time::{Duration, Instant};

use eightbit_graph::Error;
use eightbit_tensorflow::proto::{DataType, GraphDef, NodeDef, Value};
use eightbit_tensorflow::transforms::{TransformError, transform};
use eightbit_tensorflow::{ImportOptions, grammar};

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
    let mut nodes = Vec::new();
    for index in 0..20_000 {
        let (x, y) = (format!("x{index}"), format!("y{index}"));
        nodes.push(placeholder(&x, &[]));
        nodes.push(node(&y, "Relu", &[&x], &[float_type("T")]));
    }
    assert_eq!(imported(nodes).expect("a graph").inputs.len(), 20_000);
}

#[test]
fn missing_operators_are_counted_at_once() {
    let operator =
        |index: usize| node(&format!("n{index}"), &format!("TheOperatorOfAStranger{index}"), &["x"], &[]);
    let nodes = std::iter::once(placeholder("x", &[2])).chain((0..60_000).map(operator)).collect();
    let Err(Error::MissingOperators(missing)) = imported(nodes) else { panic!("none of them exists") };
    assert_eq!(missing.len(), 60_000);
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

#[test]
fn passes_that_are_repeated_end() {
    let mut nodes = vec![placeholder("x", &[2])];
    let names: Vec<String> = (0..20_000).map(|index| format!("i{index}")).collect();
    nodes.extend(names.iter().map(|name| node(name, "Identity", &["x"], &[float_type("T")])));
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    nodes.push(node("y", "AddN", &inputs, &[float_type("T"), ("N", Value::I(20_000))]));
    let error = transformed(nodes, "remove_nodes(op=Identity)").expect_err("one node of them in a pass");
    assert!(error.to_string().contains("search the graph too often"), "{error}");
}
