//! Graphs whose outputs have sizes that are known only after a run: the plan ends before them, and the rest is interpreted.

use eightbit_graph::quantize::{QuantizeOptions, quantize};
use eightbit_graph::{DataType, Error, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo, ops};

use crate::values::value;

fn open(name: &str, data_type: DataType, rank: usize) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type, shape: vec![None; rank] }
}

/// A product and a ReLU, then the places of what is left and what is there.
fn graph() -> Graph {
    let nodes = vec![
        Node::new("product", "Mul", &["x", "half"], &["scaled"]),
        Node::new("relu", "Relu", &["scaled"], &["positive"]),
        Node::new("places", "NonZero", &["positive"], &["places"]),
        Node::new("turned", "Transpose", &["places"], &["indices"]),
        Node::new("found", "GatherND", &["positive", "indices"], &["found"]),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", &[2, 3])],
        outputs: vec![
            open("found", DataType::F32, 1),
            value("positive", &[2, 3]),
            open("indices", DataType::I64, 2),
        ],
        nodes,
        constants: [("half".to_owned(), Tensor::scalar(0.5f32))].into(),
        ..Graph::default()
    }
}

fn example(values: [f32; 6]) -> Tensor {
    Tensor::new([2, 3], values.to_vec()).expect("six")
}

#[test]
fn the_executor_gives_what_evaluation_gives() {
    let graph = graph();
    let mut executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    for values in [[1.0, -1.0, 4.0, 0.0, -2.0, 8.0], [-1.0; 6], [2.0; 6]] {
        let x = example(values);
        let found = executor.run(&[("x", &x)]).expect("a run");
        assert_eq!(found, ops::evaluate_graph(&graph, &[("x", &x)]).expect("a meaning"));
        assert_eq!(found[0].len(), values.iter().filter(|&&x| x > 0.0).count());
    }
    assert_eq!(executor.outputs(), graph.outputs);
    let plan = executor.explain();
    assert!(plan.contains("f32 Mul + relu") || plan.contains("relu"), "{plan}");
    assert_eq!(plan.matches("known only when it runs").count(), 3, "{plan}");
}

#[test]
fn outputs_of_unknown_sizes_have_no_memory_beforehand() {
    let mut executor = Executor::new(&graph(), &ExecutorOptions::default()).expect("a graph that runs");
    let x = example([1.0; 6]);
    let mut outputs = executor.run(&[("x", &x)]).expect("a run");
    let error = executor.run_into(&[("x", &x)], &mut outputs).expect_err("sizes").to_string();
    assert!(error.contains("call run"), "{error}");
}

#[test]
fn sizes_that_constants_decide_are_known() {
    let mut graph = graph();
    graph.nodes[2].inputs[0] = "mask".to_owned();
    graph.constants.insert("mask".to_owned(), example([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]));
    let mut executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    assert!(!executor.explain().contains("known only when it runs"));
    let found = executor.run(&[("x", &example([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))]).expect("a run");
    assert_eq!(found[0], Tensor::vector([1.0f32, 3.0]));
}

#[test]
fn boxes_are_suppressed_after_a_network() {
    let nodes = vec![
        Node::new("product", "Mul", &["x", "half"], &["boxes"]),
        Node::new("nms", "NonMaxSuppression", &["boxes", "scores", "most", "overlap"], &["y"]),
    ];
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[1, 3, 4]), value("scores", &[1, 1, 3])],
        outputs: vec![open("y", DataType::I64, 2)],
        nodes,
        constants: [
            ("half".to_owned(), Tensor::scalar(0.5f32)),
            ("most".to_owned(), Tensor::vector([9i64])),
            ("overlap".to_owned(), Tensor::vector([0.5f32])),
        ]
        .into(),
        ..Graph::default()
    };
    let boxes = [0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 2.0, 1.9, 4.0, 4.0, 6.0, 6.0].to_vec();
    let boxes: Tensor =
        Tensor::new([1, 3, 4], boxes.into_iter().map(|x: f64| x as f32).collect::<Vec<f32>>())
            .expect("twelve");
    let scores = Tensor::new([1, 1, 3], vec![0.5f32, 0.9, 0.1]).expect("three");
    let mut executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("scores", &scores), ("x", &boxes)]).expect("a run");
    assert_eq!(found, [Tensor::new([2, 3], vec![0i64, 0, 1, 0, 0, 2]).expect("six")]);
}

/// Its ranges cannot be measured yet.
#[test]
fn quantizing_says_why_it_does_not_work() {
    let example = Ok::<_, Error>(vec![example([1.0; 6])]);
    let error = quantize(&graph(), [example], &QuantizeOptions::default(), |_| {}).expect_err("no shape");
    assert!(error.to_string().contains("known only when the graph runs"), "{error}");
}
