//! QONNX's operators: numbers that its own evaluation gives (qonnx 1.0.0), and what they refuse.

use eightbit_graph::{DataType, Error, Executor, ExecutorOptions, Graph, Node, Op, Tensor, ops};

use crate::values::value;

const DOMAIN: &str = "qonnx.custom_op.general";
const X: [f32; 13] =
    [-9.0, -1.25, -0.75, -0.625, -0.5, -0.25, -0.0, 0.124_999_99, 0.25, 0.375, 0.75, 1.25, 9.0];

/// The outputs of a node with `X` and constant inputs, by the executor, checked against the plain evaluator.
fn run(node: Node, constants: &[Tensor]) -> Result<Vec<f32>, Error> {
    let names = ["a", "b", "c", "d", "e"];
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[13])],
        outputs: vec![value("y", &[])],
        nodes: vec![node],
        constants: names.iter().map(|name| (*name).to_owned()).zip(constants.iter().cloned()).collect(),
        ..Graph::default()
    };
    let x = Tensor::vector(X);
    let expected = ops::evaluate_graph(&graph, &[("x", &x)])?;
    let found = Executor::new(&graph, &ExecutorOptions::default())?.run(&[("x", &x)])?;
    assert_eq!(found, expected);
    found[0].as_f32().map(<[f32]>::to_vec)
}

fn node(domain: &str, name: &str, constants: usize) -> Node {
    let inputs = &["x", "a", "b", "c", "d", "e"][..=constants];
    Node::of(Op::new(domain, name), "node", inputs, &["y"])
}

fn scalars(numbers: &[f32]) -> Vec<Tensor> {
    numbers.iter().map(|&number| Tensor::scalar(number)).collect()
}

#[test]
fn every_rounding_mode() {
    for (mode, expected) in [
        ("ROUND", [-2.0, -1.0, -1.0, -0.5, -0.5, -0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.5]),
        ("half_even", [-2.0, -1.0, -1.0, -0.5, -0.5, -0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.5]),
        ("CEIL", [-2.0, -1.0, -0.5, -0.5, -0.5, -0.0, 0.0, 0.5, 0.5, 0.5, 1.0, 1.5, 1.5]),
        ("FLOOR", [-2.0, -1.5, -1.0, -1.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5]),
        ("UP", [-2.0, -1.5, -1.0, -1.0, -0.5, -0.5, 0.0, 0.5, 0.5, 0.5, 1.0, 1.5, 1.5]),
        ("DOWN", [-2.0, -1.0, -0.5, -0.5, -0.5, -0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.5]),
        ("HALF_UP", [-2.0, -1.5, -1.0, -0.5, -0.5, -0.5, 0.0, 0.0, 0.5, 0.5, 1.0, 1.5, 1.5]),
        ("HALF_DOWN", [-2.0, -1.0, -0.5, -0.5, -0.5, -0.0, -0.0, -0.0, 0.0, 0.5, 0.5, 1.0, 1.5]),
    ] {
        let node = node(DOMAIN, "IntQuant", 3).with("rounding_mode", mode);
        let found = run(node, &scalars(&[0.5, 0.0, 3.0])).unwrap();
        // The signs of zeros, too.
        assert_eq!(
            found.iter().map(|y| y.to_bits()).collect::<Vec<_>>(),
            expected.map(f32::to_bits),
            "{mode}"
        );
    }
}

/// Just below a half, `HALF_UP` adds to the next integer in `f32`, as QONNX does.
#[test]
fn sums_of_half_up_are_rounded() {
    let node = node(DOMAIN, "Quant", 3).with("rounding_mode", "HALF_UP");
    // 0.12499999 / 0.25 is the greatest float below a half.
    assert_eq!(run(node, &scalars(&[0.25, 0.0, 8.0])).unwrap()[7], 0.25);
}

#[test]
fn integers_of_every_kind() {
    for (signed, narrow, bits, zero, expected) in [
        (1, 1, 3.0, 0.0, [-1.5, -1.0, -1.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.5]),
        (0, 0, 3.0, 0.0, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 3.5]),
        (0, 1, 3.0, 0.0, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 3.0]),
        (1, 0, 1.0, 0.0, [-0.5, -0.5, -0.5, -0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        (1, 1, 1.0, 0.0, [-0.5, -0.5, -0.5, -0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        (0, 0, 1.0, 0.0, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5]),
        (1, 0, 4.0, 2.0, [-5.0, -1.0, -1.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 2.5]),
        (0, 0, 2.5, 1.0, [-0.5, -0.5, -0.5, -0.5, -0.5, -0.5, 0.0, 0.0, 0.5, 0.5, 0.5, 1.5, 2.0]),
    ] {
        let node = node("onnx.brevitas", "Quant", 3).with("signed", signed).with("narrow", narrow);
        let found = run(node, &scalars(&[0.5, zero, bits])).unwrap();
        assert_eq!(found, expected, "signed {signed}, narrow {narrow}, {bits} bits, zero point {zero}");
    }
}

#[test]
fn signs_and_lost_bits() {
    let bipolar = run(node("finn.custom_op.general", "BipolarQuant", 1), &scalars(&[0.5])).unwrap();
    assert_eq!(bipolar, X.map(|x| if x >= 0.0 { 0.5 } else { -0.5 }));
    for (mode, expected) in [
        (
            "FLOOR",
            [-1.25, -0.375, -0.25, -0.25, -0.25, -0.25, -0.125, -0.125, -0.125, -0.125, -0.125, 0.0, 1.0],
        ),
        (
            "ROUND",
            [-1.25, -0.25, -0.25, -0.125, -0.125, -0.125, -0.125, -0.125, -0.125, -0.125, 0.0, 0.0, 1.0],
        ),
        ("CEIL", [-1.125, -0.25, -0.125, -0.125, -0.125, -0.125, 0.0, 0.0, 0.0, 0.0, 0.0, 0.125, 1.125]),
    ] {
        let node = node(DOMAIN, "Trunc", 4).with("rounding_mode", mode);
        assert_eq!(run(node, &scalars(&[0.125, 1.0, 8.0, 5.0])).unwrap(), expected, "{mode}");
    }
    for (mode, signed, expected) in [
        ("FLOOR", 1, [-2.25, -1.25, -0.75, -0.75, -0.75, -0.25, -0.25, -0.25, 0.25, 0.25, 0.75, 1.25, 1.25]),
        (
            "HALF_EVEN",
            0,
            [-0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, 0.25, 0.25, 0.25, 0.75, 1.25, 3.25],
        ),
    ] {
        let node = node(DOMAIN, "Trunc", 5).with("rounding_mode", mode).with("signed", signed);
        let found = run(node, &scalars(&[0.125, 2.0, 8.0, 0.5, 3.0])).unwrap();
        assert_eq!(found, expected, "{mode}, signed {signed}");
    }
}

/// Exporters write zero points and numbers of bits as integers, too, and a scale for each channel.
#[test]
fn numbers_of_any_type_are_broadcast() {
    let scales = Tensor::vector(X.map(|x| if x < 0.0 { 0.5f32 } else { 0.25 }));
    let found = run(node(DOMAIN, "Quant", 3), &[scales, Tensor::scalar(0i64), Tensor::scalar(3i32)]).unwrap();
    assert_eq!(found, [-2.0, -1.0, -1.0, -0.5, -0.5, 0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 0.75, 0.75]);
}

#[test]
fn what_has_no_meaning_is_refused() {
    let unknown = node(DOMAIN, "Quant", 3).with("rounding_mode", "STOCHASTIC");
    let error = run(unknown, &scalars(&[0.5, 0.0, 3.0])).unwrap_err().to_string();
    assert!(error.contains("STOCHASTIC") && error.contains("HALF_EVEN"), "{error}");
    let scales = Tensor::new([2], vec![0.5f32; 2]).unwrap();
    let error = run(node(DOMAIN, "BipolarQuant", 1), &[scales]).unwrap_err().to_string();
    assert!(error.contains("[2]") && error.contains("[13]"), "{error}");
    let error = run(node(DOMAIN, "BipolarQuant", 1), &[Tensor::scalar(true)]).unwrap_err().to_string();
    assert!(error.contains(&DataType::Bool.to_string()), "{error}");
}
