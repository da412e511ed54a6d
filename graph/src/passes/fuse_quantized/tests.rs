//! Tests on tiny graphs in QDQ form.

use super::super::DOMAIN;
use super::fuse_quantized;
use crate::{DataType, Graph, Node, Tensor, ValueInfo, ops};

fn value(name: &str, shape: &[usize]) -> ValueInfo {
    let shape = shape.iter().map(|&size| Some(size)).collect();
    ValueInfo { name: name.into(), data_type: DataType::F32, shape }
}

/// A graph from `x` to `y` with a scale and zero point for each of `a`, `b`, `c`; the nodes read `xf`, which is `x` in bytes `x8`.
fn graph(nodes: Vec<Node>) -> Graph {
    let nodes = [quantize("x", "x8", "a"), dequantize("x8", "xf", "a")].into_iter().chain(nodes).collect();
    let mut graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[1, 2, 2, 2])],
        outputs: vec![value("y", &[1, 2, 2, 2])],
        nodes,
        ..Graph::default()
    };
    for (name, scale, zero) in [("a", 0.05f32, 100u8), ("b", 0.1, 7), ("c", 0.02, 0)] {
        graph.constants.insert(format!("{name}_scale"), Tensor::scalar(scale));
        graph.constants.insert(format!("{name}_zero"), Tensor::scalar(zero));
    }
    graph
}

fn quantize(from: &str, to: &str, parameters: &str) -> Node {
    let [scale, zero] = [format!("{parameters}_scale"), format!("{parameters}_zero")];
    Node::new(&format!("q_{to}"), "QuantizeLinear", &[from, &scale, &zero], &[to])
}

fn dequantize(from: &str, to: &str, parameters: &str) -> Node {
    let [scale, zero] = [format!("{parameters}_scale"), format!("{parameters}_zero")];
    Node::new(&format!("dq_{to}"), "DequantizeLinear", &[from, &scale, &zero], &[to])
}

fn ops_of(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.op.as_str()).collect()
}

#[test]
fn a_convolution_with_its_activation_is_one_node() {
    let mut graph = graph(vec![
        Node::new("dq_w", "DequantizeLinear", &["w8", "w_scale", "w_zero"], &["wf"]).with("axis", 0i64),
        Node::new("dq_b", "DequantizeLinear", &["b32", "b_scale32"], &["bf"]).with("axis", 0i64),
        Node::new("conv", "Conv", &["xf", "wf", "bf"], &["z"]),
        Node::new("clip", "Clip", &["z", "zero", "six"], &["r"]),
        quantize("r", "r8", "b"),
        dequantize("r8", "y", "b"),
    ]);
    let w = vec![1i8, -2, 3, 4];
    graph.constants.insert("w8".into(), Tensor::new(vec![2, 2, 1, 1], w).expect("w"));
    graph.constants.insert("w_scale".into(), Tensor::vector([0.5f32, 0.25]));
    graph.constants.insert("w_zero".into(), Tensor::vector([0i8, 0]));
    graph.constants.insert("b32".into(), Tensor::vector([10i32, -10]));
    graph.constants.insert("b_scale32".into(), Tensor::vector([0.5f32 * 0.05, 0.25 * 0.05]));
    graph.constants.insert("zero".into(), Tensor::scalar(0.0f32));
    graph.constants.insert("six".into(), Tensor::scalar(6.0f32));

    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "QLinearConv", "DequantizeLinear"]);
    let conv = &fused.nodes[1];
    assert_eq!(
        conv.inputs,
        ["x8", "a_scale", "a_zero", "w8", "w_scale", "w_zero", "b_scale", "b_zero", "b32"]
    );
    // 0 is step 7, 6 is step 67.
    assert_eq!(conv.int("clamp_low", -1).expect("low"), 7);
    assert_eq!(conv.int("clamp_high", -1).expect("high"), 67);
}

#[test]
fn a_bias_in_other_steps_is_counted_in_those_of_the_sums() {
    let mut graph = graph(vec![
        dequantize("w8", "wf", "b"),
        dequantize("b32", "bf", "bias"),
        Node::new("conv", "Conv", &["xf", "wf", "bf"], &["z"]),
        quantize("z", "z8", "c"),
        dequantize("z8", "y", "c"),
    ]);
    graph.constants.insert("w8".into(), Tensor::new(vec![2, 2, 1, 1], vec![1u8, 2, 3, 4]).expect("w"));
    graph.constants.insert("b32".into(), Tensor::vector([10i32, -10]));
    graph.constants.insert("bias_scale".into(), Tensor::scalar(1.0f32));
    graph.constants.insert("bias_zero".into(), Tensor::scalar(0i32));
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "QLinearConv", "DequantizeLinear"]);
    // ±10 in steps of 0.05 · 0.1.
    assert_eq!(fused.constants[&fused.nodes[1].inputs[8]].as_i32().expect("i32"), [2000, -2000]);
    let x = Tensor::new(vec![1, 2, 2, 2], (0..8).map(|i| i as f32 - 3.5).collect::<Vec<_>>()).expect("x");
    let run = |graph| ops::evaluate_graph(graph, &[("x", &x)]).expect("evaluate");
    assert_eq!(run(&graph), run(&fused));
}

#[test]
fn unary_operators_become_tables_that_compute_what_they_did() {
    let graph = graph(vec![
        Node::new("sigmoid", "Sigmoid", &["xf"], &["s"]),
        quantize("s", "s8", "c"),
        dequantize("s8", "y", "c"),
    ]);
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "LookupTable", "DequantizeLinear"]);
    assert_eq!(fused.nodes[1].op.domain(), DOMAIN);
    let table = fused.constants[&fused.nodes[1].inputs[1]].as_u8().expect("u8").to_vec();
    let bytes: Vec<u8> = (0..=255).collect();
    let mut alone = graph.clone();
    alone.nodes.remove(0);
    alone.nodes.pop();
    alone.inputs = vec![ValueInfo { data_type: DataType::U8, ..value("x8", &[256]) }];
    alone.outputs = vec![ValueInfo { data_type: DataType::U8, ..value("s8", &[256]) }];
    let expected = ops::evaluate_graph(&alone, &[("x8", &Tensor::vector(bytes))]).expect("evaluate");
    assert_eq!(expected[0].as_u8().expect("u8"), table);
}

/// What `graph` computes of every byte, as its inputs `x` of 256 elements.
fn of_every_byte(graph: &Graph) -> Vec<Tensor> {
    let x: Vec<f32> = (0..256).map(|byte| (byte - 100) as f32 * 0.05).collect();
    let x = Tensor::new(vec![1, 2, 8, 16], x).expect("256 elements");
    ops::evaluate_graph(graph, &[("x", &x)]).expect("evaluate")
}

#[test]
fn what_several_operators_compute_of_one_byte_is_one_table() {
    let mut gelu = graph(vec![
        Node::new("div", "Div", &["xf", "root"], &["d"]),
        Node::new("erf", "Erf", &["d"], &["e"]),
        quantize("e", "e8", "c"),
        dequantize("e8", "ef", "c"),
        Node::new("add", "Add", &["ef", "one"], &["s"]),
        quantize("s", "s8", "b"),
        dequantize("s8", "sf", "b"),
        Node::new("mul", "Mul", &["xf", "sf"], &["m"]),
        quantize("m", "m8", "b"),
        dequantize("m8", "y", "b"),
    ]);
    gelu.constants.insert("root".into(), Tensor::vector([std::f32::consts::SQRT_2]));
    gelu.constants.insert("one".into(), Tensor::scalar(1.0f32));
    let fused = fuse_quantized(&gelu).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "LookupTable", "DequantizeLinear"]);
    assert_eq!(fused.nodes[1].name, "mul");
    assert_eq!(of_every_byte(&fused), of_every_byte(&gelu));

    // One dimension more than the input's.
    gelu.constants.insert("root".into(), Tensor::new(vec![1; 5], vec![1.5f32]).expect("one element"));
    let fused = fuse_quantized(&gelu).expect("fuse");
    assert!(ops_of(&fused).contains(&"Erf"), "{:?}", ops_of(&fused));
    assert_eq!(of_every_byte(&fused)[0].shape(), [1, 1, 2, 8, 16]);
}

/// The bytes of a table whose steps differ by channel are no function of one byte.
#[test]
fn steps_of_channels_end_a_function() {
    let mut graph = graph(vec![
        Node::new("tanh", "Tanh", &["xf"], &["t"]),
        quantize("t", "t8", "c"),
        dequantize("t8", "tf", "channels"),
        Node::new("neg", "Neg", &["tf"], &["n"]),
        quantize("n", "n8", "b"),
        dequantize("n8", "y", "b"),
    ]);
    graph.constants.insert("channels_scale".into(), Tensor::vector([0.5f32, 0.01]));
    graph.constants.insert("channels_zero".into(), Tensor::vector([3u8, 200]));
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused).iter().filter(|&&op| op == "LookupTable").count(), 1, "{:?}", ops_of(&fused));
    assert_eq!(of_every_byte(&fused), of_every_byte(&graph));
}

#[test]
fn what_passes_bytes_on_is_no_function() {
    let graph = graph(vec![
        Node::new("copy", "Identity", &["xf"], &["c"]),
        Node::new("pool", "MaxPool", &["c"], &["p"]).with("kernel_shape", vec![1i64, 1]),
        quantize("p", "p8", "a"),
        dequantize("p8", "y", "a"),
    ]);
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "Identity", "MaxPool", "DequantizeLinear"]);
}

#[test]
fn floats_and_bytes_of_one_function_are_both_there() {
    let mut graph = graph(vec![
        Node::new("tanh", "Tanh", &["xf"], &["t"]),
        quantize("t", "t8", "c"),
        dequantize("t8", "y", "c"),
        quantize("t", "same8", "c"),
        dequantize("same8", "z", "c"),
    ]);
    graph.outputs.extend([value("z", &[1, 2, 2, 2]), value("t", &[1, 2, 2, 2])]);
    let fused = fuse_quantized(&graph).expect("fuse");
    let ops = ops_of(&fused);
    assert_eq!(ops.iter().filter(|&&op| op == "LookupTable").count(), 1, "{ops:?}");
    assert!(ops.contains(&"Tanh"), "{ops:?}");
    assert_eq!(of_every_byte(&fused), of_every_byte(&graph));
}

#[test]
fn data_that_only_moves_stays_bytes() {
    let graph = graph(vec![
        Node::new("pool", "MaxPool", &["xf"], &["p"]).with("kernel_shape", vec![1i64, 1]),
        quantize("p", "p8", "a"),
        dequantize("p8", "pf", "a"),
        Node::new("add", "Add", &["pf", "xf"], &["z"]),
        quantize("z", "z8", "b"),
        dequantize("z8", "y", "b"),
    ]);
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "MaxPool", "QLinearAdd", "DequantizeLinear"]);
    assert_eq!(fused.nodes[2].inputs[0], fused.nodes[1].outputs[0]);
}

#[test]
fn parts_of_a_split_stay_bytes() {
    let mut graph = graph(vec![
        Node::new("split", "Split", &["xf"], &["p", "q"]).with("axis", 1i64),
        quantize("p", "p8", "a"),
        dequantize("p8", "pf", "a"),
        quantize("q", "q8", "a"),
        dequantize("q8", "qf", "a"),
        Node::new("add", "Add", &["pf", "qf"], &["z"]),
        quantize("z", "z8", "b"),
        dequantize("z8", "y", "b"),
    ]);
    graph.outputs = vec![value("y", &[1, 1, 2, 2]), value("qf", &[1, 1, 2, 2])];
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(
        ops_of(&fused),
        ["QuantizeLinear", "Split", "QLinearAdd", "DequantizeLinear", "DequantizeLinear"]
    );
    assert_eq!(
        [&fused.nodes[2].inputs[0], &fused.nodes[2].inputs[3]],
        [&fused.nodes[1].outputs[0], &fused.nodes[1].outputs[1]]
    );
    let x = Tensor::new(vec![1, 2, 2, 2], (0..8).map(|i| i as f32 - 3.5).collect::<Vec<_>>()).expect("x");
    let run = |graph| ops::evaluate_graph(graph, &[("x", &x)]).expect("evaluate");
    assert_eq!(run(&graph), run(&fused));
}

#[test]
fn what_has_no_form_on_bytes_reads_floats() {
    let graph = graph(vec![Node::new("softmax", "Softmax", &["xf"], &["y"])]);
    let fused = fuse_quantized(&graph).expect("fuse");
    assert_eq!(ops_of(&fused), ["QuantizeLinear", "DequantizeLinear", "Softmax"]);
}
