//! Recurrent networks whose products are of bytes.

use eightbit_graph::{Graph, Node, Op, Tensor, ops};

use crate::values::value;

/// Bytes from `low`, in steps of `step` modulo `modulus`.
fn bytes(shape: &[usize], step: i32, modulus: i32, low: i32) -> Tensor {
    let count = shape.iter().product::<usize>() as i32;
    let values: Vec<i8> = (0..count).map(|index| (index * step % modulus + low) as i8).collect();
    Tensor::new(shape, values).expect("the shape fits")
}

/// The expected numbers are those of ONNX Runtime 1.32. With floats in place of bytes some differ from the third digit on.
#[test]
fn the_state_of_dynamic_quantize_lstm_is_rounded_at_each_step() {
    let x = Tensor::new([3, 1, 2], vec![0.5f32, -1.0, 0.25, 0.75, -0.5, 1.5]).expect("the shape fits");
    let bias: Vec<f32> = (0..16).map(|index| (index * 7 % 11 - 5) as f32 / 8.0).collect();
    let constants = [
        ("w", bytes(&[1, 2, 8], 23, 97, -48)),
        ("r", bytes(&[1, 2, 8], 31, 89, -44)),
        ("b", Tensor::new([1, 16], bias).expect("the shape fits")),
        ("ws", Tensor::vector([0.03f32])),
        ("wz", Tensor::vector([2i8])),
        ("rs", Tensor::vector([0.05f32])),
        ("rz", Tensor::vector([-1i8])),
    ];
    let inputs = ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"];
    let op = Op::new("com.microsoft", "DynamicQuantizeLSTM");
    let graph = Graph {
        opset: 12,
        inputs: vec![value("x", &[3, 1, 2])],
        outputs: ["y", "h", "c"].map(|name| value(name, &[])).to_vec(),
        nodes: vec![Node::of(op, "lstm", &inputs, &["y", "h", "c"])],
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    };
    let found = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a graph with a meaning");
    let expected: [&[f32]; 3] = [
        &[0.021840332, 0.08357736, 0.083019026, 0.06282378, 0.12768842, 0.0077767144],
        &[0.12768842, 0.0077767144],
        &[0.46148372, 0.015134696],
    ];
    for (found, expected) in found.iter().zip(expected) {
        let found = found.as_f32().expect("floats");
        let is_near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6);
        assert!(is_near && found.len() == expected.len(), "{found:?}, not {expected:?}");
    }
}
