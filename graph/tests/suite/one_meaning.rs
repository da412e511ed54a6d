//! Where the standard is ambiguous or runtimes differ, the executor and the plain evaluator agree on stated numbers.

use eightbit_graph::{
    DataType, Executor, ExecutorOptions, Graph, Node, Op, Tensor, TensorData, ValueInfo, ops,
};

fn value(name: &str, data_type: DataType, shape: &[usize]) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type, shape: shape.iter().map(|&dim| Some(dim)).collect() }
}

fn tensor(shape: &[usize], values: impl Into<Vec<f32>>) -> Tensor {
    Tensor::new(shape, values.into()).expect("the shape fits")
}

/// A graph from `x` to `y`.
fn graph(x: &Tensor, y: (DataType, &[usize]), nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
    Graph {
        opset: 13,
        inputs: vec![value("x", x.data_type(), x.shape())],
        outputs: vec![value("y", y.0, y.1)],
        nodes,
        constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

/// Both must compute `expected`; returns the executor's description.
fn both_give(graph: &Graph, x: &Tensor, expected: &[f32]) -> String {
    let bits = |tensor: &Tensor| match tensor.data() {
        TensorData::F32(values) => values.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        TensorData::U8(values) => values.iter().map(|&value| f32::from(value).to_bits()).collect(),
        TensorData::I8(values) => values.iter().map(|&value| f32::from(value).to_bits()).collect(),
        other => panic!("{other:?}"),
    };
    let expected: Vec<u32> = expected.iter().map(|value| value.to_bits()).collect();
    let plain = ops::evaluate_graph(graph, &[("x", x)]).expect("a graph with a meaning");
    assert_eq!(bits(&plain[0]), expected, "evaluated: {:?}", plain[0]);
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", x)]).expect("a run");
    assert_eq!(bits(&found[0]), expected, "executed: {:?}\n{}", found[0], executor.explain());
    executor.explain()
}

/// `node` between bytes: from `x` through `xf` to `yf`, all with scale 1 and zero point 0.
fn on_bytes(node: Node) -> Vec<Node> {
    vec![
        Node::new("q", "QuantizeLinear", &["x", "one", "zero"], &["x8"]),
        Node::new("dq", "DequantizeLinear", &["x8", "one", "zero"], &["xf"]),
        node,
        Node::new("qy", "QuantizeLinear", &["yf", "one", "zero"], &["y8"]),
        Node::new("dqy", "DequantizeLinear", &["y8", "one", "zero"], &["y"]),
    ]
}

fn steps() -> Vec<(&'static str, Tensor)> {
    vec![("one", Tensor::scalar(1.0f32)), ("zero", Tensor::scalar(0u8))]
}

#[test]
fn a_value_that_a_pad_ignores_changes_nothing() {
    let x = tensor(&[1, 1, 1, 3], [1.0, 2.0, 3.0]);
    for (mode, expected) in [
        ("edge", [1.0, 1.0, 2.0, 3.0, 3.0]),
        ("reflect", [2.0, 1.0, 2.0, 3.0, 2.0]),
        ("wrap", [3.0, 1.0, 2.0, 3.0, 1.0]),
        ("constant", [7.0, 1.0, 2.0, 3.0, 7.0]),
    ] {
        for inputs in [vec!["xf", "pads", "fill"], vec!["xf", "some_pads", "fill", "axes"]] {
            let pad = Node::new("pad", "Pad", &inputs, &["yf"]).with("mode", mode);
            let mut constants = steps();
            constants.extend([
                ("pads", Tensor::vector(vec![0i64, 0, 0, 1, 0, 0, 0, 1])),
                ("some_pads", Tensor::vector(vec![1i64, 1])),
                ("axes", Tensor::vector(vec![-1i64])),
                ("fill", Tensor::scalar(7.0f32)),
            ]);
            let bytes = graph(&x, (DataType::F32, &[1, 1, 1, 5]), on_bytes(pad.clone()), constants.clone());
            both_give(&bytes, &x, &expected);
            let float = Node {
                inputs: [vec!["x"], inputs[1..].to_vec()]
                    .concat()
                    .iter()
                    .map(|&name| name.to_owned())
                    .collect(),
                outputs: vec!["y".to_owned()],
                ..pad
            };
            both_give(&graph(&x, (DataType::F32, &[1, 1, 1, 5]), vec![float], constants), &x, &expected);
        }
    }
}

/// As ONNX Runtime defines it.
#[test]
fn a_pad_crops_before_it_repeats() {
    let x = tensor(&[4], [0.0, 1.0, 2.0, 3.0]);
    for (mode, pads, expected) in [
        ("wrap", [-1i64, 2], vec![1.0f32, 2.0, 3.0, 1.0, 2.0]),
        ("wrap", [3, -2], vec![1.0, 0.0, 1.0, 0.0, 1.0]),
        ("reflect", [-1, 2], vec![1.0, 2.0, 3.0, 2.0, 1.0]),
        ("reflect", [1, -2], vec![1.0, 0.0, 1.0]),
        ("edge", [2, -3], vec![0.0, 0.0, 0.0]),
        ("wrap", [-1, -1], vec![1.0, 2.0]),
        ("constant", [-1, 2], vec![1.0, 2.0, 3.0, 0.0, 0.0]),
    ] {
        let node = Node::new("pad", "Pad", &["x", "pads"], &["y"]).with("mode", mode);
        let constants = vec![("pads", Tensor::vector(pads.to_vec()))];
        both_give(&graph(&x, (DataType::F32, &[expected.len()]), vec![node], constants), &x, &expected);
    }
}

#[test]
fn amounts_at_the_ends_of_their_type_are_no_panic() {
    let x = tensor(&[4], [0.0, 1.0, 2.0, 3.0]);
    for mode in ["constant", "edge", "reflect", "wrap"] {
        for pads in [[i64::MIN, i64::MAX], [i64::MAX, i64::MIN + 2], [-9, 9], [i64::MIN, 0]] {
            let node = Node::new("pad", "Pad", &["x", "pads"], &["y"]).with("mode", mode);
            let pads = Tensor::vector(pads.to_vec());
            let _ = ops::evaluate(&node, &[Some(&x), Some(&pads)]);
        }
    }
}

#[test]
fn nan_is_never_the_greatest_of_a_window() {
    let nan = f32::NAN;
    let x = tensor(&[1, 1, 2, 4], [nan, -0.0, -3.0, nan, nan, nan, nan, nan]);
    let pool = |height: i64| {
        Node::new("pool", "MaxPool", &["x"], &["y"])
            .with("kernel_shape", vec![height, 2])
            .with("strides", vec![1i64, 2])
    };
    let infinity = f32::NEG_INFINITY;
    both_give(&graph(&x, (DataType::F32, &[1, 1, 1, 2]), vec![pool(2)], vec![]), &x, &[-0.0, -3.0]);
    let expected = [-0.0, -3.0, infinity, infinity];
    both_give(&graph(&x, (DataType::F32, &[1, 1, 2, 2]), vec![pool(1)], vec![]), &x, &expected);
    // With indices as a second output, too, for which the executor uses the plain evaluator.
    let mut places = graph(&x, (DataType::F32, &[1, 1, 2, 2]), vec![pool(1)], vec![]);
    places.nodes[0].outputs.push("at".to_owned());
    places.outputs.push(value("at", DataType::I64, &[1, 1, 2, 2]));
    both_give(&places, &x, &expected);
    let found = ops::evaluate_graph(&places, &[("x", &x)]).expect("a graph with a meaning");
    assert_eq!(found[1].as_i64().expect("places"), [1, 2, 4, 6]);
}

#[test]
fn an_axis_of_one_element_is_quantized_in_blocks() {
    let scales = tensor(&[2, 1], [1.0, 2.0]);
    let blocks = |node: Node, axis: i64, block: i64| node.with("axis", axis).with("block_size", block);
    // A block is as large as its axis, or larger.
    for block in [1, 16] {
        let dq = blocks(Node::new("dq", "DequantizeLinear", &["x", "s"], &["y"]), 1, block);
        let x = Tensor::new([2, 1], vec![1u8, 1]).expect("two");
        both_give(
            &graph(&x, (DataType::F32, &[2, 1]), vec![dq], vec![("s", scales.clone())]),
            &x,
            &[1.0, 2.0],
        );
        let q = blocks(Node::new("q", "QuantizeLinear", &["x", "s", "z"], &["y"]), -1, block);
        let x = tensor(&[2, 1], [4.0, 4.0]);
        let zeros = Tensor::new([2, 1], vec![0u8, 10]).expect("two");
        let constants = vec![("s", scales.clone()), ("z", zeros)];
        both_give(&graph(&x, (DataType::U8, &[2, 1]), vec![q], constants), &x, &[4.0, 12.0]);
    }
    // The first of three axes, on which each element has a block of its own.
    let dq = blocks(Node::new("dq", "DequantizeLinear", &["x", "s"], &["y"]), 0, 1);
    let x = Tensor::new([1, 2, 2], vec![1i8, 1, 1, 1]).expect("four");
    let scales = tensor(&[1, 2, 2], [1.0, 2.0, 3.0, 4.0]);
    let expected = [1.0, 2.0, 3.0, 4.0];
    both_give(&graph(&x, (DataType::F32, &[1, 2, 2]), vec![dq], vec![("s", scales)]), &x, &expected);
}

/// Inputs: a, scale, zero point, b, scale, zero point, scale and zero point of the output. The results are equal on the
/// executor, when broadcast by plain loops, and when folded as a constant.
#[test]
fn sums_and_products_of_bytes_have_one_meaning() {
    let bytes: Vec<u8> = (0..=255).collect();
    let others: Vec<u8> = (0..=255u8).map(|byte| byte.wrapping_mul(37).wrapping_add(11)).collect();
    let scales = [(0.013_7f32, 0.009_1f32, 0.017_3f32), (0.05, 0.05, 0.1), (1.0, 3.0, 0.3)];
    for (op, (a, b, y)) in ["QLinearAdd", "QLinearMul"].into_iter().flat_map(|op| scales.map(|one| (op, one)))
    {
        let inputs = ["x", "sa", "za", "b", "sb", "zb", "sy", "zy"];
        let mut node =
            Node::new("op", op, &inputs, &["y"]).with("clamp_low", 3i64).with("clamp_high", 250i64);
        node.op = Op::new("com.microsoft", node.op.as_str());
        let x = Tensor::new([1, 1, 256, 1], bytes.clone()).expect("bytes");
        let mut constants = vec![
            ("sa", Tensor::scalar(a)),
            ("za", Tensor::scalar(117u8)),
            ("b", Tensor::new([1, 1, 256, 1], others.clone()).expect("bytes")),
            ("sb", Tensor::scalar(b)),
            ("zb", Tensor::vector(vec![9u8])),
            ("sy", Tensor::scalar(y)),
            ("zy", Tensor::scalar(31u8)),
        ];
        let of = |scale, zero| eightbit::QuantizedType::u8(scale, zero).expect("a type");
        let (a, b, y) = (of(a, 117), of(b, 9), of(y, 31));
        let element = |a_byte: u8, b_byte: u8| {
            let (left, right) = (a_byte.into(), b_byte.into());
            let value = match op {
                "QLinearAdd" => eightbit::reference::add_elements((left, &a), (right, &b), &y, (3, 250)),
                _ => eightbit::reference::mul_elements((left, &a), (right, &b), &y, (3, 250)),
            };
            value as f32
        };
        let expected: Vec<f32> = bytes.iter().zip(&others).map(|(&a, &b)| element(a, b)).collect();
        let shape: &[usize] = &[1, 1, 256, 1];
        let how = both_give(
            &graph(&x, (DataType::U8, shape), vec![node.clone()], constants.clone()),
            &x,
            &expected,
        );
        assert!(how.contains("eight-bit"), "{how}");
        constants[2].1 = Tensor::scalar(200u8);
        let expected: Vec<f32> = bytes.iter().map(|&a| element(a, 200)).collect();
        both_give(&graph(&x, (DataType::U8, shape), vec![node.clone()], constants.clone()), &x, &expected);
        // All inputs constant, beside the graph's own input.
        constants.push(("c", x.clone()));
        node.inputs[0] = "c".to_owned();
        node.outputs[0] = "folded".to_owned();
        let mut folds = graph(&x, (DataType::U8, shape), vec![node], constants);
        folds.outputs[0].name = "folded".to_owned();
        both_give(&folds, &x, &expected);
        let folded = eightbit_graph::passes::fold_constants(folds).expect("folds");
        let values = folded.constants["folded"].as_u8().expect("bytes");
        assert!(values.iter().map(|&value| f32::from(value)).eq(expected));
    }
}

/// A mode that is not constant is refused when it is set; dropping nothing is the identity.
#[test]
fn a_dropout_that_trains_is_refused() {
    let x = tensor(&[2, 3], [1.0, -2.0, 3.0, 4.0, 5.0, 6.0]);
    for (ratio, mode, is_constant) in
        [(0.5f32, true, true), (0.5, true, false), (0.5, false, true), (0.5, false, false), (0.0, true, true)]
    {
        let node = Node::new("drop", "Dropout", &["x", "ratio", "mode"], &["y"]);
        let mut graph =
            graph(&x, (DataType::F32, &[2, 3]), vec![node], vec![("ratio", Tensor::scalar(ratio))]);
        let mode_tensor = Tensor::scalar(mode);
        let mut inputs = vec![("x", &x)];
        if is_constant {
            graph.constants.insert("mode".to_owned(), mode_tensor.clone());
        } else {
            graph.inputs.push(value("mode", DataType::Bool, &[]));
            inputs.push(("mode", &mode_tensor));
        }
        let executor = Executor::new(&graph, &ExecutorOptions::default());
        let results = [ops::evaluate_graph(&graph, &inputs), executor.and_then(|it| it.run(&inputs))];
        for result in results {
            match result {
                Ok(outputs) => assert!(!mode || ratio == 0.0, "{outputs:?}"),
                Err(error) => {
                    assert!(mode && ratio != 0.0, "{error}");
                    assert!(error.to_string().contains("\"drop\""), "{error}");
                }
            }
        }
    }
}

#[test]
fn outputs_have_the_declared_type_and_the_computed_shape() {
    let x = tensor(&[2, 3], [1.0, -2.0, 3.0, 4.0, 5.0, 6.0]);
    let declared = |data_type, shape: &[usize], open: bool| {
        let mut graph =
            graph(&x, (data_type, shape), vec![Node::new("relu", "Relu", &["x"], &["y"])], Vec::new());
        if open {
            graph.inputs[0].shape[0] = None;
        }
        graph
    };
    for open in [false, true] {
        // Exporters write the shape of their example.
        for shape in [&[2, 3][..], &[], &[1, 3], &[2, 4], &[6]] {
            both_give(&declared(DataType::F32, shape, open), &x, &[1.0, 0.0, 3.0, 4.0, 5.0, 6.0]);
        }
        for (data_type, shape) in [(DataType::U8, &[2, 3][..]), (DataType::I64, &[])] {
            let graph = declared(data_type, shape, open);
            let executor = Executor::new(&graph, &ExecutorOptions::default());
            for result in [
                ops::evaluate_graph(&graph, &[("x", &x)]),
                executor.and_then(|executor| executor.run(&[("x", &x)])),
            ] {
                let error = result.expect_err("not what is declared").to_string();
                assert!(error.contains("\"y\"") && error.contains("but it is f32"), "{error}");
            }
        }
    }
}

/// Four rows of one byte by four columns, to floats.
fn product_to_floats(bias: Tensor) -> (Graph, Tensor) {
    let x = Tensor::new([4, 1], TensorData::U8(vec![1, 2, 3, 4])).expect("the shape fits");
    let node = Node::new("product", "QGemm", &["x", "one", "zero", "w", "one", "wz", "c"], &["y"]);
    let node = Node { op: Op::new("com.microsoft", "QGemm"), ..node };
    let w = Tensor::new([1, 4], TensorData::I8(vec![1, 1, 1, 1])).expect("the shape fits");
    let mut constants = steps();
    constants.extend([("w", w), ("wz", Tensor::scalar(0i8)), ("c", bias)]);
    (graph(&x, (DataType::F32, &[4, 4]), vec![node], constants), x)
}

#[test]
fn a_float_bias_of_bytes_is_broadcast_by_its_shape() {
    let by_row: Vec<f32> = (0..16).map(|at| (1 + at / 4) as f32 + 100.0 * (at / 4) as f32).collect();
    let by_column: Vec<f32> = (0..16).map(|at| (1 + at / 4) as f32 + 100.0 * (at % 4) as f32).collect();
    let bias = [0.0, 100.0, 200.0, 300.0];
    for (shape, expected) in [(&[4, 1][..], by_row), (&[4], by_column.clone()), (&[1, 4], by_column)] {
        let (graph, x) = product_to_floats(tensor(shape, bias));
        both_give(&graph, &x, &expected);
    }
}

#[test]
fn a_float_bias_has_no_place_before_a_quantized_output() {
    let (mut graph, x) = product_to_floats(tensor(&[4], [100.0, -50.0, 30.0, 0.0]));
    graph.nodes[0].inputs.extend(["one", "zero"].map(str::to_owned));
    graph.outputs[0].data_type = DataType::U8;
    assert!(ops::evaluate_graph(&graph, &[("x", &x)]).is_err());
    let executor = Executor::new(&graph, &ExecutorOptions::default());
    assert!(executor.and_then(|executor| executor.run(&[("x", &x)])).is_err());
}

#[test]
fn a_bias_that_is_not_finite_stays_float() {
    let x = tensor(&[1, 2], [3.0, 4.0]);
    let nodes = vec![
        Node::new("q", "QuantizeLinear", &["x", "one", "zero"], &["x8"]),
        Node::new("dq", "DequantizeLinear", &["x8", "one", "zero"], &["xf"]),
        Node::new("dw", "DequantizeLinear", &["w", "one", "wz"], &["wf"]),
        Node::new("product", "MatMul", &["xf", "wf"], &["sum"]),
        Node::new("add", "Add", &["sum", "b"], &["y"]),
    ];
    let mut constants = steps();
    constants.extend([
        ("w", Tensor::new([2, 2], TensorData::I8(vec![1, 0, 0, 1])).expect("the shape fits")),
        ("wz", Tensor::scalar(0i8)),
        ("b", tensor(&[2], [f32::INFINITY, 1.0])),
    ]);
    both_give(&graph(&x, (DataType::F32, &[1, 2]), nodes, constants), &x, &[f32::INFINITY, 5.0]);
}

/// An output without a name must not become the input that another node leaves out.
#[test]
fn constants_without_names_are_nobodys_inputs() {
    let x = tensor(&[1, 2], [3.0, 400.0]);
    let nodes = vec![
        Node::new("dw", "DequantizeLinear", &["w", "one", "wz"], &["wf"]),
        Node::new("split", "Split", &["wf"], &["", "half"]).with("axis", 0i64),
        Node::new("clip", "Clip", &["x", "", "most"], &["clipped"]),
        Node::new("add", "Add", &["clipped", "half"], &["y"]),
    ];
    let mut constants = steps();
    constants.extend([
        ("w", Tensor::new([2, 2], TensorData::I8(vec![1, 2, 3, 4])).expect("the shape fits")),
        ("wz", Tensor::scalar(0i8)),
        ("most", Tensor::scalar(100.0f32)),
    ]);
    both_give(&graph(&x, (DataType::F32, &[1, 2]), nodes, constants), &x, &[6.0, 104.0]);
}
