//! Biases of products of bytes are broadcast by shape, with the scale that the operator's specification gives them.

use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Op, Tensor, ValueInfo, ops};

fn floats(shape: &[usize], values: impl Into<Vec<f32>>) -> Tensor {
    Tensor::new(shape, values.into()).expect("the shape fits")
}

fn integers(shape: &[usize], values: impl Into<Vec<i32>>) -> Tensor {
    Tensor::new(shape, values.into()).expect("the shape fits")
}

fn value(name: &str, data_type: DataType, shape: &[usize]) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type, shape: shape.iter().map(|&dim| Some(dim)).collect() }
}

/// Rows of activations, 2×3 by default. Their scale is 0.5.
fn x(rows: usize) -> Tensor {
    floats(&[rows, 3], (0..rows * 3).map(|at| at as f32 * 0.5).collect::<Vec<_>>())
}

/// `Gemm` of bytes in QDQ form: weights 3×2 with one scale per column, output scale 0.25.
fn qdq_gemm(
    rows: usize,
    bias: Tensor,
    bias_scale: Option<(Tensor, i64)>,
    gemm: impl Fn(Node) -> Node,
) -> Graph {
    let mut graph = Graph {
        opset: 13,
        inputs: vec![value("x", DataType::F32, &[rows, 3])],
        outputs: vec![value("y", DataType::F32, &[rows, 2])],
        nodes: vec![
            Node::new("qx", "QuantizeLinear", &["x", "x_scale", "zero"], &["x8"]),
            Node::new("dqx", "DequantizeLinear", &["x8", "x_scale", "zero"], &["xf"]),
            Node::new("dqw", "DequantizeLinear", &["w8", "w_scale"], &["wf"]).with("axis", 1i64),
            gemm(Node::new("gemm", "Gemm", &["xf", "wf", "bf"], &["z"])),
            Node::new("qy", "QuantizeLinear", &["z", "y_scale", "y_zero"], &["y8"]),
            Node::new("dqy", "DequantizeLinear", &["y8", "y_scale", "y_zero"], &["y"]),
        ],
        ..Graph::default()
    };
    let weights = Tensor::new([3, 2], vec![1i8, -2, 3, 4, -5, 6]).expect("six");
    for (name, tensor) in [
        ("x_scale", Tensor::scalar(0.5f32)),
        ("zero", Tensor::scalar(0u8)),
        ("w8", weights),
        ("w_scale", Tensor::vector(vec![1.0f32, 2.0])),
        ("y_scale", Tensor::scalar(0.25f32)),
        ("y_zero", Tensor::scalar(120u8)),
    ] {
        graph.constants.insert(name.to_owned(), tensor);
    }
    match bias_scale {
        None => graph.constants.insert("bf".to_owned(), bias),
        Some((scale, axis)) => {
            let node = Node::new("dqb", "DequantizeLinear", &["b32", "b_scale"], &["bf"]).with("axis", axis);
            graph.nodes.insert(0, node);
            graph.constants.insert("b32".to_owned(), bias);
            graph.constants.insert("b_scale".to_owned(), scale)
        }
    };
    graph
}

/// The executor must compute the results of the float operators, in bytes if `eight_bit`.
fn check(graph: &Graph, x: &Tensor, eight_bit: bool) {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).expect("a graph with a meaning");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", x)]).expect("a run");
    let how = executor.explain();
    assert_eq!(found, expected, "{how}");
    assert_eq!(how.contains("eight-bit matrix product"), eight_bit, "{how}");
}

#[test]
fn one_number_for_all_columns_is_the_same_number_in_each() {
    for shape in [&[][..], &[1], &[1, 1]] {
        // At the scale of the first column, whose weights have the scale 1, and at others.
        for scale in [0.5f32, 1.0, 3.0] {
            let graph = qdq_gemm(2, integers(shape, [10]), Some((Tensor::scalar(scale), 1)), |node| node);
            check(&graph, &x(2), true);
        }
        check(&qdq_gemm(2, floats(shape, [5.0]), None, |node| node), &x(2), true);
    }
}

#[test]
fn one_number_for_each_column() {
    let steps = || Some((Tensor::vector(vec![0.5f32, 1.0]), -1));
    for shape in [&[2][..], &[1, 2]] {
        check(&qdq_gemm(2, integers(shape, [7, -5]), steps(), |node| node), &x(2), true);
        check(&qdq_gemm(2, floats(shape, [3.5, -5.0]), None, |node| node), &x(2), true);
        check(
            &qdq_gemm(2, integers(shape, [7, -5]), Some((Tensor::scalar(1.0f32), 1)), |node| node),
            &x(2),
            true,
        );
    }
}

#[test]
fn one_number_for_each_row_or_element_is_not_folded_into_columns() {
    check(
        &qdq_gemm(2, integers(&[2, 1], [10, 20]), Some((Tensor::scalar(0.5f32), 1)), |node| node),
        &x(2),
        false,
    );
    check(&qdq_gemm(2, floats(&[2, 1], [10.0, 20.0]), None, |node| node), &x(2), false);
    let all = integers(&[2, 2], [1, 2, 3, 4]);
    check(&qdq_gemm(2, all, Some((Tensor::scalar(0.5f32), 1)), |node| node), &x(2), false);
    // Of a single row.
    check(&qdq_gemm(1, floats(&[1, 1], [10.0]), None, |node| node), &x(1), true);
}

#[test]
fn alpha_and_beta_scale_what_they_say() {
    for (alpha, beta, eight_bit) in [
        (2.0f32, 1.0f32, true),
        (0.5, 2.0, true),
        (1.0, -1.0, true),
        (1.0, 0.0, true),
        (-1.0, 1.0, false),
        (0.0, 1.0, false),
    ] {
        let scaled = |node: Node| node.with("alpha", alpha).with("beta", beta);
        check(&qdq_gemm(2, floats(&[2], [4.0, -8.0]), None, scaled), &x(2), eight_bit);
        let steps = Tensor::vector(vec![0.5f32, 1.0]);
        check(&qdq_gemm(2, integers(&[2], [8, -6]), Some((steps, 0)), scaled), &x(2), eight_bit);
    }
}

/// A bias is rounded to steps of the accumulator only where the effect is negligible.
#[test]
fn a_bias_that_is_no_whole_number_of_large_steps_stays_float() {
    let coarse = |bias: f32| {
        let mut graph = qdq_gemm(2, floats(&[2], [bias, bias]), None, |node| node);
        graph.constants.insert("w_scale".to_owned(), Tensor::vector(vec![0.5f32, 1.0]));
        graph
    };
    check(&coarse(4.0), &x(2), true);
    check(&coarse(4.1), &x(2), false);
    for huge in [1e30f32, f32::NAN, f32::NEG_INFINITY] {
        check(&coarse(huge), &x(2), false);
    }
}

/// Inputs: a, scale, zero point, b, scale, zero point, bias, without and with the output's scale and zero point.
fn qgemm(c: Tensor, alpha: f32, with_output: bool) -> Graph {
    let mut inputs = vec!["a", "sa", "za", "b", "sb", "zb", "c"];
    if with_output {
        inputs.extend(["sy", "zy"]);
    }
    let mut node = Node::new("gemm", "QGemm", &inputs, &["y"]).with("alpha", alpha).with("transB", 1i64);
    node.op = Op::new("com.microsoft", node.op.as_str());
    let output = if with_output { DataType::U8 } else { DataType::F32 };
    let constants = [
        ("sa", Tensor::scalar(0.5f32)),
        ("za", Tensor::scalar(1u8)),
        ("b", Tensor::new([2, 3], vec![1i8, 2, 3, 4, 5, 6]).expect("six")),
        ("sb", Tensor::vector(vec![1.0f32, 2.0])),
        ("zb", Tensor::vector(vec![0i8, 0])),
        ("c", c),
        ("sy", Tensor::scalar(1.0f32)),
        ("zy", Tensor::scalar(3u8)),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", DataType::U8, &[2, 3])],
        outputs: vec![value("y", output, &[2, 2])],
        nodes: vec![Node::new("copy", "Identity", &["x"], &["a"]), node],
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

#[test]
fn qgemm_adds_c_to_the_sums_before_alpha_scales_them() {
    let x = Tensor::new([2, 3], vec![2u8, 3, 4, 5, 6, 7]).expect("six");
    // Sums of products: rows [14, 32], [32, 77].
    let sums = [[14, 32], [32, 77]];
    for alpha in [1.0f32, 2.0, 0.25] {
        let cases = [
            (&[][..], vec![10], [[10, 10], [10, 10]], true),
            (&[1], vec![10], [[10, 10], [10, 10]], true),
            (&[2], vec![10, 20], [[10, 20], [10, 20]], true),
            (&[1, 2], vec![10, 20], [[10, 20], [10, 20]], true),
            (&[2, 1], vec![10, 20], [[10, 10], [20, 20]], false),
            (&[2, 2], vec![1, 2, 3, 4], [[1, 2], [3, 4]], false),
        ];
        for (shape, c, added, eight_bit) in cases {
            for with_output in [false, true] {
                let graph = qgemm(integers(shape, c.clone()), alpha, with_output);
                let expected: Vec<f32> = (0..4)
                    .map(|at| {
                        let sum = (sums[at / 2][at % 2] + added[at / 2][at % 2]) as f32;
                        let real = sum * (alpha * 0.5 * [1.0, 2.0][at % 2]);
                        if with_output { (real.round_ties_even() + 3.0).clamp(0.0, 255.0) } else { real }
                    })
                    .collect();
                let of = |tensor: &Tensor| match tensor.as_f32() {
                    Ok(values) => values.to_vec(),
                    Err(_) => tensor.as_u8().expect("bytes").iter().map(|&y| f32::from(y)).collect(),
                };
                let plain = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a graph with a meaning");
                assert_eq!(of(&plain[0]), expected, "evaluated, C of shape {shape:?}, alpha {alpha}");
                let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("it runs");
                let found = executor.run(&[("x", &x)]).expect("a run");
                assert_eq!(of(&found[0]), expected, "executed, C of shape {shape:?}, alpha {alpha}");
                assert_eq!(executor.explain().contains("eight-bit matrix product"), eight_bit);
            }
        }
    }
}

/// The standard defines only one bias per channel of a convolution.
#[test]
fn a_convolution_takes_one_bias_for_each_channel() {
    let graph = |bias: Tensor| {
        let mut graph = Graph {
            opset: 13,
            inputs: vec![value("x", DataType::F32, &[1, 1, 2, 2])],
            outputs: vec![value("y", DataType::F32, &[1, 2, 2, 2])],
            nodes: vec![
                Node::new("qx", "QuantizeLinear", &["x", "one", "zero"], &["x8"]),
                Node::new("dqx", "DequantizeLinear", &["x8", "one", "zero"], &["xf"]),
                Node::new("dqw", "DequantizeLinear", &["w8", "w_scale"], &["wf"]).with("axis", 0i64),
                Node::new("conv", "Conv", &["xf", "wf", "bf"], &["z"]),
                Node::new("qy", "QuantizeLinear", &["z", "one", "zero"], &["y8"]),
                Node::new("dqy", "DequantizeLinear", &["y8", "one", "zero"], &["y"]),
            ],
            ..Graph::default()
        };
        for (name, tensor) in [
            ("one", Tensor::scalar(1.0f32)),
            ("zero", Tensor::scalar(0u8)),
            ("w8", Tensor::new([2, 1, 1, 1], vec![1i8, 3]).expect("two")),
            ("w_scale", Tensor::vector(vec![1.0f32, 0.125])),
            ("bf", bias),
        ] {
            graph.constants.insert(name.to_owned(), tensor);
        }
        graph
    };
    let x = floats(&[1, 1, 2, 2], [1.0, 2.0, 30.0, 400.0]);
    let with_floats = graph(Tensor::vector(vec![5.0f32, 0.375]));
    let expected = ops::evaluate_graph(&with_floats, &[("x", &x)]).expect("a graph with a meaning");
    let executor = Executor::new(&with_floats, &ExecutorOptions::default()).expect("a graph that runs");
    assert_eq!(executor.run(&[("x", &x)]).expect("a run"), expected);
    assert!(executor.explain().contains("eight-bit convolution"), "{}", executor.explain());
    // On bytes, too.
    let inputs = ["x", "one", "zero", "w8", "w_scale", "w_zero", "one", "zero", "b32"];
    let mut bytes = graph(Tensor::vector(vec![5.0f32]));
    bytes.inputs = vec![value("x", DataType::U8, &[1, 1, 2, 2])];
    bytes.outputs = vec![value("y", DataType::U8, &[1, 2, 2, 2])];
    bytes.nodes = vec![Node::new("conv", "QLinearConv", &inputs, &["y"])];
    bytes.constants.insert("w_zero".to_owned(), Tensor::vector(vec![0i8, 0]));
    bytes.constants.insert("b32".to_owned(), Tensor::vector(vec![5i32]));
    let pixels = Tensor::new([1, 1, 2, 2], vec![1u8, 2, 3, 4]).expect("four");
    assert!(ops::evaluate_graph(&bytes, &[("x", &pixels)]).is_err());
    let run = Executor::new(&bytes, &ExecutorOptions::default()).and_then(|one| one.run(&[("x", &pixels)]));
    run.expect_err("one bias for two channels");
    let one = graph(Tensor::vector(vec![5.0f32]));
    assert!(ops::evaluate_graph(&one, &[("x", &x)]).is_err());
    let run = Executor::new(&one, &ExecutorOptions::default()).and_then(|one| one.run(&[("x", &x)]));
    run.expect_err("one bias for two channels");
}
