//! The executor on eight-bit graphs, against the float operators between DequantizeLinear and QuantizeLinear.

use eightbit::Backend;
use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, TensorData, ValueInfo, ops};

use crate::qdq::{Numbers, elementwise, network, value};

/// Runs on `backend`; the results must be close to the evaluator's: mostly equal, else a few steps apart, where a tie was
/// rounded the other way.
fn check(graph: &Graph, backend: Backend) -> (Vec<Tensor>, String) {
    let mut options = ExecutorOptions::default();
    options.backend = Some(backend);
    let executor = Executor::new(graph, &options).expect("a graph that runs");
    let x = Numbers(5).tensor(&[2, 3, 12, 11]);
    let expected = ops::evaluate_graph(graph, &[("x", &x)]).expect("a graph with a meaning");
    let found = executor.run(&[("x", &x)]).expect("a run");
    assert_eq!(executor.run(&[("x", &x)]).expect("another"), found, "a run leaves nothing behind");
    let text = executor.explain();
    for ((found, expected), step) in found.iter().zip(&expected).zip([0.004f32, 0.06]) {
        assert_eq!(found.shape(), expected.shape());
        let (found, expected) = (found.as_f32().expect("floats"), expected.as_f32().expect("floats"));
        let equal = found.iter().zip(expected).filter(|(a, b)| (*a - *b).abs() < step / 2.0).count();
        let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2.5 * step);
        assert!(near && equal * 100 >= found.len() * 95, "{equal} of {} equal\n{text}", found.len());
        let range = found.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        assert!(range.1 > range.0, "the results differ from each other");
    }
    (found, text)
}

#[test]
fn every_backend_and_type_gives_what_the_float_operators_give() {
    for activations in [DataType::U8, DataType::I8] {
        let graph = network(activations, true);
        let mut first: Option<Vec<Tensor>> = None;
        for backend in Backend::available() {
            let (found, text) = check(&graph, backend);
            for what in [
                "eight-bit convolution 3×3",
                "depthwise",
                "eight-bit Add",
                "eight-bit Mul",
                "table of 256 bytes",
                "join:",
                "eight-bit maximum",
                "eight-bit mean",
                "eight-bit matrix product",
                "f32 softmax",
            ] {
                assert!(text.contains(what), "no {what:?} in\n{text}");
            }
            let first = first.get_or_insert_with(|| found.clone());
            assert_eq!(*first, found, "{backend} differs from another backend");
        }
    }
}

/// The operators that ONNX itself defines on bytes, float outside.
#[test]
fn integer_operators_of_onnx_run() {
    let mut numbers = Numbers(17);
    let mut bytes = |shape: &[usize]| {
        let values: Vec<i8> = (0..shape.iter().product()).map(|_| numbers.next() as i8).collect();
        Tensor::new(shape, values).expect("bytes")
    };
    let (w, m) = (bytes(&[4, 3, 3, 3]), bytes(&[5, 7]));
    let byte = |name: &str, shape: &[usize]| ValueInfo { data_type: DataType::U8, ..value(name, shape) };
    let sum = |name: &str, shape: &[usize]| ValueInfo { data_type: DataType::I32, ..value(name, shape) };
    let graph = Graph {
        opset: 13,
        inputs: vec![byte("x", &[1, 3, 6, 5]), byte("a", &[2, 4, 5])],
        outputs: vec![sum("y", &[1, 4, 6, 5]), sum("p", &[2, 4, 7])],
        nodes: vec![
            Node::new("conv", "ConvInteger", &["x", "w", "z"], &["y"]).with("pads", vec![1, 1, 1, 1]),
            Node::new("product", "MatMulInteger", &["a", "m", "z"], &["p"]),
        ],
        constants: [("w", w), ("m", m), ("z", Tensor::scalar(131u8))]
            .map(|(name, tensor)| (name.to_owned(), tensor))
            .into(),
        ..Graph::default()
    };
    let unsigned = |shape: &[usize]| {
        let values: Vec<u8> = (0..shape.iter().product()).map(|at: usize| (at * 37 % 256) as u8).collect();
        Tensor::new(shape, TensorData::U8(values)).expect("bytes")
    };
    let (x, a) = (unsigned(&[1, 3, 6, 5]), unsigned(&[2, 4, 5]));
    let inputs = [("x", &x), ("a", &a)];
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let expected = ops::evaluate_graph(&graph, &inputs).expect("a graph with a meaning");
    assert_eq!(executor.run(&inputs).expect("a run"), expected);
    assert!(executor.explain().contains("eight-bit matrix product"), "{}", executor.explain());
}

#[test]
fn threads_need_the_feature_and_change_nothing() {
    for (graph, shape) in
        [(network(DataType::U8, true), [2, 3, 12, 11]), (elementwise(DataType::I8), [1, 8, 50, 60])]
    {
        let mut options = ExecutorOptions::default();
        options.threads = 3;
        let executor = Executor::new(&graph, &options);
        if cfg!(feature = "rayon") {
            let x = Numbers(5).tensor(&shape);
            let one = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
            let three = executor.expect("three threads");
            assert_eq!(three.run(&[("x", &x)]).expect("a run"), one.run(&[("x", &x)]).expect("a run"));
        } else {
            assert!(executor.expect_err("no threads").to_string().contains("rayon"));
        }
    }
}
