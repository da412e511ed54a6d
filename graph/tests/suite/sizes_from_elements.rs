//! Graphs whose outputs have sizes that are known only after a run: the plan ends before them, and the rest is interpreted.

use eightbit_graph::quantize::{AccuracyDrop, CalibrationMethod, QuantizeOptions, Role, quantize};
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Limits, Node, Tensor, ValueInfo, ops,
};

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
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
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
    let executor = Executor::new(&graph(), &ExecutorOptions::default()).expect("a graph that runs");
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
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
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
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("scores", &scores), ("x", &boxes)]).expect("a run");
    assert_eq!(found, [Tensor::new([2, 3], vec![0i64, 0, 1, 0, 0, 2]).expect("six")]);
}

/// What comes before the sizes is calibrated and quantized, what comes after stays float.
#[test]
fn the_part_of_fixed_sizes_is_quantized() {
    let mut float = graph();
    float.nodes[0] = Node::new("product", "MatMul", &["x", "weights"], &["scaled"]);
    let weights: Vec<f32> = (0..9).map(|at| at as f32 / 8.0 - 0.5).collect();
    float.constants.insert("weights".to_owned(), Tensor::new([3, 3], weights).expect("nine"));
    let examples = [[1.0, -1.0, 4.0, 0.0, -2.0, 8.0], [-1.0; 6], [2.0; 6]].map(example);
    let given: Vec<_> = examples.iter().map(|x| vec![x.clone()]).collect();
    let options = QuantizeOptions { method: CalibrationMethod::MinMax, ..QuantizeOptions::default() };
    let (eight_bit, report) = quantize(&float, &given, &options, |_| {}).expect("a float graph");
    let limited = QuantizeOptions { accuracy_drop: Some(AccuracyDrop::default()), ..options };
    let error = quantize(&float, &given, &limited, |_| {}).expect_err("answers without a fixed size");
    assert!(error.to_string().contains("cannot be compared"), "{error}");
    let role = |name: &str| report.nodes.iter().find(|node| node.name == name).map(|node| &node.role);
    assert_eq!(role("product"), Some(&Role::Quantized));
    for name in ["places", "turned", "found"] {
        let Some(Role::Float(reason)) = role(name) else { panic!("{name} is not float") };
        assert!(reason.contains("known only when the graph runs"), "{reason}");
    }
    assert!(!report.layers.is_empty(), "the error of the product is measured");
    let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("a graph that runs");
    assert!(executor.explain().contains("eight-bit matrix product"), "{}", executor.explain());
    for x in &examples {
        let found = executor.run(&[("x", x)]).expect("a run");
        let expected = ops::evaluate_graph(&float, &[("x", x)]).expect("a meaning");
        let pairs = found[1].as_f32().expect("floats").iter().zip(expected[1].as_f32().expect("floats"));
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 0.1, "{a}, not {b}"));
        let positive = found[1].as_f32().expect("floats").iter().filter(|&&x| x > 0.0).count();
        assert_eq!((found[0].len(), found[2].shape()), (positive, &[positive, 2][..]));
    }
}

#[test]
fn the_profile_shows_what_follows_the_plan() {
    let executor = Executor::new(&graph(), &ExecutorOptions::default()).expect("a graph that runs");
    let x = example([1.0, -1.0, 4.0, 0.0, -2.0, 8.0]);
    let steps = executor.profile(&[("x", &x)], 3).expect("a run");
    let of_tail = steps.iter().filter(|step| step.description.contains("known only when it runs"));
    let names: Vec<&str> = of_tail.map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["places", "turned", "found"]);
    assert!(steps.len() > names.len());
}

#[test]
fn limits_hold_for_what_follows_the_plan() {
    let mut wide = graph();
    wide.inputs[0].shape = vec![Some(100), Some(100)];
    wide.outputs.truncate(1);
    let x = Tensor::new([100, 100], vec![1.0f32; 10_000]).expect("as many");
    // The places take two numbers of eight bytes for each element, and as many again when they are turned.
    for (max_bytes, fits) in [(1 << 20, true), (300_000, false)] {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = Limits { max_bytes, ..Limits::default() };
        let executor = Executor::new(&wide, &options).expect("the plan is small");
        match executor.run(&[("x", &x)]) {
            Ok(found) => assert!(fits && found[0].len() == 10_000),
            Err(error) => assert!(!fits && matches!(error, Error::OverLimit { .. }), "{error}"),
        }
    }
}
