//! TensorFlow's eight-bit operators one behind the other: steps that join nodes, and threads, change no bit.

use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Op, Tensor, ValueInfo, ops};

fn node(op: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    Node::of(Op::new("org.tensorflow", op), name, inputs, outputs)
}

/// Bytes of a linear congruential generator.
fn bytes(shape: &[usize], seed: u32) -> Tensor {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let bytes: Vec<u8> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::new(shape, bytes).expect("a tensor")
}

/// `op` of an input and a constant, requantized in its own range, and clamped.
fn chain(op: &str, x: &[usize], y: &[usize], clamp: &str, outputs: &[&str]) -> Graph {
    let info = |name: &str, data_type, shape: &[usize]| ValueInfo {
        name: name.to_owned(),
        data_type,
        shape: shape.iter().map(|&size| Some(size)).collect(),
    };
    let output = |name: &&str| match *name {
        "c" | "b" => info(name, DataType::U8, x),
        "s" => info(name, DataType::I32, x),
        _ => info(name, DataType::F32, &[]),
    };
    let mut graph = Graph {
        inputs: vec![
            info("x", DataType::U8, x),
            info("min", DataType::F32, &[]),
            info("max", DataType::F32, &[]),
        ],
        outputs: outputs.iter().map(output).collect(),
        nodes: vec![
            node(op, "sum", &["x", "y", "min", "max", "y_min", "y_max"], &["s", "s_min", "s_max"]),
            node("RequantizationRange", "range", &["s", "s_min", "s_max"], &["r_min", "r_max"]),
            node("Requantize", "bytes", &["s", "s_min", "s_max", "r_min", "r_max"], &["b", "b_min", "b_max"]),
            node(clamp, "clamp", &["b", "b_min", "b_max"], &["c", "c_min", "c_max"]),
        ],
        ..Graph::default()
    };
    graph.constants.insert("y".to_owned(), bytes(y, 7));
    graph.constants.insert("y_min".to_owned(), Tensor::scalar(-0.4f32));
    graph.constants.insert("y_max".to_owned(), Tensor::scalar(1.1f32));
    graph
}

/// Compares the executor with the plain evaluation, and returns how it runs.
fn compare(graph: &Graph, x: &Tensor, range: [f32; 2]) -> String {
    let [min, max] = range.map(Tensor::scalar);
    let given = [("x", x), ("min", &min), ("max", &max)];
    let expected = ops::evaluate_graph(graph, &given).expect("evaluated");
    let mut text = String::new();
    let threads = if cfg!(feature = "rayon") { vec![1, 2, 3] } else { vec![1] };
    for threads in threads {
        let mut options = ExecutorOptions::default();
        options.threads = threads;
        let executor = Executor::new(graph, &options).expect("a plan");
        assert!(executor.run(&given).expect("runs") == expected, "{threads} threads, {range:?}");
        text = executor.explain();
    }
    text
}

#[test]
fn joined_steps_change_no_bit() {
    // Many rows, for which there are tables; few rows; a second tensor of the same shape; one number.
    let shapes: [(&[usize], &[usize]); 4] = [
        (&[2, 60, 50, 9], &[9]),
        (&[1, 5, 7, 40], &[40]),
        (&[1, 90, 90, 3], &[1, 90, 90, 3]),
        (&[3, 50], &[1]),
    ];
    for op in ["QuantizedBiasAdd", "QuantizedAdd", "QuantizedMul"] {
        for (x_shape, y_shape) in shapes {
            for clamp in ["QuantizedRelu", "QuantizedRelu6"] {
                let graph = chain(op, x_shape, y_shape, clamp, &["c", "c_min", "c_max"]);
                // The last range falls.
                for range in [[-1.5, 9.0], [0.0, 2.0], [3.0, -1.0]] {
                    let text = compare(&graph, &bytes(x_shape, 3), range);
                    assert!(text.contains("function of two bytes, requantized"), "{text}");
                }
            }
        }
    }
}

#[test]
fn values_that_others_read_stay() {
    for outputs in [&["c", "s"][..], &["c", "r_max"], &["c", "b"], &["c", "b_min"], &["s_min", "c"]] {
        let graph = chain("QuantizedBiasAdd", &[1, 40, 40, 4], &[4], "QuantizedRelu", outputs);
        compare(&graph, &bytes(&[1, 40, 40, 4], 5), [-1.0, 3.0]);
    }
}

#[test]
fn graphs_of_tensorflows_operators_are_not_written_as_onnx() {
    let graph = chain("QuantizedBiasAdd", &[2, 4], &[4], "QuantizedRelu", &["c"]);
    let error = graph.to_onnx_bytes().expect_err("refused").to_string();
    assert!(error.contains("\"sum\"") && error.contains("float graph"), "{error}");
}
