//! The executor against the plain evaluator, for every operator.

use eightbit_graph::{
    Executor, ExecutorOptions, Graph, Node, Tensor, ops, passes,
    shapes::{ShapeOptions, infer_shapes},
};
use eightbit_testing::Random;

use crate::values::{floats, value};

/// Runs `graph` both ways, `runs` times, and checks that the results are close.
fn check(graph: &Graph, seed: u64, runs: usize, tolerance: f32) -> Executor {
    let mut random = Random(seed);
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    for _ in 0..runs {
        let inputs: Vec<(String, Tensor)> = executor
            .inputs()
            .iter()
            .map(|info| {
                let shape: Vec<usize> = info.shape.iter().map(|dim| dim.expect("fixed")).collect();
                (info.name.clone(), floats(&mut random, &shape, 1.0))
            })
            .collect();
        let inputs: Vec<(&str, &Tensor)> =
            inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let expected = ops::evaluate_graph(graph, &inputs).expect("a graph with a meaning");
        let found = executor.run(&inputs).expect("a run");
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.shape(), expected.shape());
            let pairs = found.as_f32().expect("floats").iter().zip(expected.as_f32().expect("floats"));
            for (index, (found, expected)) in pairs.enumerate() {
                let error = (found - expected).abs();
                assert!(
                    error <= tolerance * (1.0 + expected.abs()),
                    "element {index}: {found}, expected {expected}\n{}",
                    executor.explain()
                );
            }
        }
    }
    executor
}

/// Every float step, both layouts, fused and not, values with several readers.
fn every_float_step() -> Graph {
    let mut random = Random(7);
    let mut graph = Graph {
        inputs: vec![value("x", &[2, 3, 9, 8]), value("v", &[2, 5])],
        outputs: ["y", "pooled", "wide", "product", "raw"].map(|name| value(name, &[])).to_vec(),
        ..Graph::default()
    };
    let shapes: [(&str, &[usize]); 9] = [
        ("w1", &[8, 3, 3, 3]),
        ("b1", &[8]),
        ("dw", &[8, 1, 3, 3]),
        ("bdw", &[8]),
        ("w2", &[6, 8, 1, 1]),
        ("w3", &[4, 3, 2, 3]),
        ("fc", &[7, 6]),
        ("fcb", &[7]),
        ("m", &[5, 4]),
    ];
    for (name, shape) in shapes {
        graph.constants.insert(name.to_owned(), floats(&mut random, shape, 1.0));
    }
    graph.constants.insert("low".to_owned(), Tensor::scalar(-0.5f32));
    graph.constants.insert("high".to_owned(), Tensor::scalar(1.5f32));
    let pads = |node: Node, pads: [i64; 4]| node.with("pads", pads.to_vec());
    let two = vec![2i64, 2];
    graph.nodes = vec![
        pads(Node::new("c1", "Conv", &["x", "w1", "b1"], &["t1"]), [1, 1, 1, 1]),
        Node::new("r1", "Relu", &["t1"], &["t2"]),
        pads(Node::new("dw", "Conv", &["t2", "dw", "bdw"], &["t3"]), [0, 0, 1, 1])
            .with("group", 8)
            .with("strides", two.clone()),
        Node::new("clip", "Clip", &["t3", "low", "high"], &["t4"]),
        Node::new("c2", "Conv", &["t4", "w2"], &["t5"]),
        Node::new("sigmoid", "Sigmoid", &["t5"], &["t6"]),
        Node::new("mul", "Mul", &["t5", "t6"], &["t7"]),
        Node::new("c3", "Conv", &["t7", "w3"], &["t8"])
            .with("group", 2)
            .with("dilations", vec![1, 1])
            .with("auto_pad", "SAME_UPPER"),
        Node::new("cat", "Concat", &["t7", "t8"], &["wide"]).with("axis", 1),
        pads(Node::new("max", "MaxPool", &["t7"], &["p1"]), [0, 1, 1, 0]).with("kernel_shape", vec![2, 2]),
        pads(Node::new("mean", "AveragePool", &["t7"], &["p2"]), [0, 1, 1, 0])
            .with("kernel_shape", vec![2, 2]),
        Node::new("sum", "Add", &["p1", "p2"], &["p3"]),
        Node::new("out", "Relu", &["p3"], &["pooled"]),
        Node::new("gap", "GlobalAveragePool", &["t7"], &["g"]),
        Node::new("flat", "Flatten", &["g"], &["f"]),
        Node::new("fc", "Gemm", &["f", "fc", "fcb"], &["z"]).with("transB", 1).with("alpha", 0.5f32),
        Node::new("soft", "Softmax", &["z"], &["y"]),
        Node::new("mm", "MatMul", &["v", "m"], &["product"]),
        Node::new("copy", "Identity", &["t5"], &["raw"]),
    ];
    graph
}

#[test]
fn float_steps_mean_what_the_operators_mean() {
    let executor = check(&every_float_step(), 11, 2, 1e-5);
    let text = executor.explain();
    assert!(
        text.contains("depthwise") && text.contains("relu") && text.contains("softmax")
            || text.contains("Softmax")
    );
    assert_eq!(executor.outputs()[0].shape, [Some(2), Some(7)]);
}

/// One number, one per column, per row or per element.
#[test]
fn a_product_adds_a_bias_of_any_shape() {
    let node = Node::new("gemm", "Gemm", &["x", "w", "b"], &["y"]).with("beta", 0.5f32);
    let mut graph = Graph {
        inputs: vec![value("x", &[3, 4])],
        outputs: vec![value("y", &[3, 5])],
        nodes: vec![node],
        ..Graph::default()
    };
    let mut random = Random(7);
    graph.constants.insert("w".to_owned(), floats(&mut random, &[4, 5], 1.0));
    for shape in [&[][..], &[1], &[5], &[1, 5], &[3, 1], &[1, 1], &[3, 5]] {
        graph.constants.insert("b".to_owned(), floats(&mut random, shape, 1.0));
        let how = check(&graph, 3, 2, 1e-5).explain();
        assert!(how.contains("f32 matrix product"), "{shape:?}: {how}");
    }
}

#[test]
#[cfg(feature = "rayon")]
fn threads_change_nothing() {
    let graph = every_float_step();
    let mut random = Random(17);
    let inputs = [("x", &floats(&mut random, &[2, 3, 9, 8], 1.0)), ("v", &floats(&mut random, &[2, 5], 1.0))];
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let expected = executor.run(&inputs).expect("a run");
    for threads in [2, 3, 7] {
        let mut options = ExecutorOptions::default();
        options.threads = threads;
        let executor = Executor::new(&graph, &options).expect("a graph that runs");
        assert_eq!(executor.run(&inputs).expect("a run"), expected, "{threads} threads");
    }
}

#[test]
fn values_that_need_no_step_are_given_back() {
    let graph = Graph {
        inputs: vec![value("x", &[1, 2, 2, 2])],
        outputs: vec![value("x", &[1, 2, 2, 2]), value("c", &[2]), value("y", &[1, 2, 2, 2])],
        nodes: vec![Node::new("id", "Identity", &["x"], &["y"])],
        constants: [("c".to_owned(), Tensor::vector([1.0f32, 2.0]))].into(),
        ..Graph::default()
    };
    check(&graph, 3, 2, 0.0);
}

fn relu() -> Executor {
    let graph = Graph {
        inputs: vec![value("x", &[2])],
        outputs: vec![value("y", &[2])],
        nodes: vec![Node::new("relu", "Relu", &["x"], &["y"])],
        ..Graph::default()
    };
    Executor::new(&graph, &ExecutorOptions::default()).expect("runs")
}

#[test]
fn inputs_are_checked() {
    let executor = relu();
    let good = Tensor::vector([1.0f32, 2.0]);
    let message =
        |result: Result<Vec<Tensor>, eightbit_graph::Error>| result.expect_err("refused").to_string();
    assert!(message(executor.run::<&Tensor>(&[])).contains("\"x\""));
    assert!(message(executor.run(&[("x", &good), ("z", &good)])).contains("\"z\""));
    assert!(message(executor.run(&[("x", &Tensor::vector([1.0f32]))])).contains("shape"));
    assert!(message(executor.run(&[("x", &Tensor::vector([1u8, 2]))])).contains("f32"));
    assert!(executor.run(&[("x", &good)]).is_ok());
}

#[test]
fn outputs_can_be_reused_and_are_checked() {
    let executor = relu();
    let x = Tensor::vector([-1.0f32, 2.0]);
    let mut outputs = [Tensor::vector([9.0f32, 9.0])];
    executor.run_into(&[("x", &x)], &mut outputs).expect("an output that fits");
    assert_eq!(outputs, [Tensor::vector([0.0f32, 2.0])]);
    for mut wrong in [vec![], vec![Tensor::vector([0.0f32])], vec![Tensor::vector([0u8, 0])]] {
        assert!(executor.run_into(&[("x", &x)], &mut wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_profile_has_every_step() {
    let graph = Graph {
        inputs: vec![value("x", &[2])],
        outputs: vec![value("y", &[2])],
        nodes: vec![Node::new("exp", "Exp", &["x"], &["e"]), Node::new("relu", "Relu", &["e"], &["y"])],
        ..Graph::default()
    };
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("runs");
    let steps = executor.profile(&[("x", &Tensor::vector([1.0f32, 2.0]))], 3).expect("a profile");
    assert_eq!(steps.iter().map(|step| step.op.as_str()).collect::<Vec<_>>(), ["Exp", "Relu"]);
    assert!(executor.profile::<&Tensor>(&[], 1).is_err());
}

fn model(below_root: &str) -> Graph {
    Graph::from_onnx_file(crate::support::path(below_root)).expect("a model")
}

#[test]
fn a_small_network_in_float() {
    check(&model("tests/vectors/networks/mnist_cnn.onnx"), 5, 2, 1e-4);
}

#[test]
fn an_image_network_in_float() {
    let graph = model("models/efficientnet_lite0.onnx");
    let executor = check(&graph, 5, 1, 1e-4);
    // Buffers are reused: all intermediate values together would take thirty times this memory.
    let graph = passes::fold_batch_norms(graph).expect("folds");
    let types = infer_shapes(&graph, &ShapeOptions::with_batch(1)).expect("shapes");
    let written = |node: &Node| types[&node.outputs[0]].shape.iter().product::<usize>() * 4;
    let all: usize = graph.nodes.iter().map(written).sum();
    assert!(executor.memory_bytes() * 5 < all, "{} of {all} bytes", executor.memory_bytes());
}
