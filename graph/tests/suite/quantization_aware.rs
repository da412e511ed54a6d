//! Quantization-aware exports run in eight bits: float weights before QuantizeLinear and DequantizeLinear, int8 weights with
//! a float bias.

use eightbit_graph::{Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo, ops};
use eightbit_testing::Random;

use crate::values::{floats, value};

/// Builds networks with a quantizer after every layer.
struct Network(Graph);

impl Network {
    fn constant(&mut self, name: &str, tensor: Tensor) {
        self.0.constants.insert(name.to_owned(), tensor);
    }

    fn node(&mut self, node: Node) {
        self.0.nodes.push(node);
    }

    /// Quantizes and dequantizes `value`; returns the name of the result.
    fn fake_quantized(&mut self, value: &str, scale: Tensor, zero: Tensor, axis: i64) -> String {
        let [s, z, q, d] = ["scale", "zero", "q", "dq"].map(|what| format!("{value}_{what}"));
        self.constant(&s, scale);
        self.constant(&z, zero);
        let node =
            |op: &str, from: &str, to: &str| Node::new(to, op, &[from, &s, &z], &[to]).with("axis", axis);
        let nodes = [node("QuantizeLinear", value, &q), node("DequantizeLinear", &q, &d)];
        self.0.nodes.extend(nodes);
        d
    }

    fn activation(&mut self, value: &str, scale: f32, zero: u8) -> String {
        self.fake_quantized(value, Tensor::scalar(scale), Tensor::scalar(zero), 1)
    }

    fn weights(&mut self, name: &str, tensor: Tensor, axis: usize) -> String {
        let channels = tensor.shape()[axis];
        let scales: Vec<f32> = (0..channels).map(|channel| 0.004 + 0.0002 * channel as f32).collect();
        self.constant(name, tensor);
        self.fake_quantized(name, Tensor::vector(scales), Tensor::vector(vec![0i8; channels]), axis as i64)
    }
}

/// A convolution, a depthwise one, and two products whose weights are transposed before the product, all with float biases.
fn network(per_channel: bool) -> Graph {
    let mut random = Random(3);
    let mut net = Network(Graph { opset: 13, ..Graph::default() });
    net.0.inputs = vec![value("x", &[2, 3, 7, 6])];
    net.0.outputs = vec![value("z_dq", &[2, 5])];
    let x = net.activation("x", 1.0 / 127.0, 128);
    let mut weights = |net: &mut Network, name: &str, shape: &[usize], axis: usize| {
        let tensor = floats(&mut random, shape, 0.5);
        if per_channel {
            return net.weights(name, tensor, axis);
        }
        net.constant(name, tensor);
        net.fake_quantized(name, Tensor::scalar(0.004f32), Tensor::scalar(0i8), 1)
    };
    let w = weights(&mut net, "w1", &[8, 3, 3, 3], 0);
    net.node(Node::new("conv", "Conv", &[&x, &w, "b1"], &["c"]).with("pads", vec![1i64, 1, 1, 1]));
    net.node(Node::new("relu", "Relu", &["c"], &["r"]));
    let r = net.activation("r", 0.02, 0);
    let w = weights(&mut net, "w2", &[8, 1, 3, 3], 0);
    net.node(Node::new("depthwise", "Conv", &[&r, &w, "b1"], &["d"]).with("group", 8i64));
    let d = net.activation("d", 0.03, 128);
    net.node(Node::new("gap", "GlobalAveragePool", &[&d], &["g"]));
    let g = net.activation("g", 0.03, 128);
    net.node(Node::new("flat", "Flatten", &[&g], &["f"]));
    let f = net.activation("f", 0.03, 128);
    // PyTorch's linear layers: weights of [outputs, inputs], transposed for MatMul or by Gemm.
    let w = weights(&mut net, "w3", &[8, 8], 0);
    net.node(Node::new("transpose", "Transpose", &[&w], &["w3t"]).with("perm", vec![1i64, 0]));
    net.node(Node::new("matmul", "MatMul", &[&f, "w3t"], &["m"]));
    let m = net.activation("m", 0.02, 128);
    let w = weights(&mut net, "w4", &[5, 8], 0);
    net.node(Node::new("fc", "Gemm", &[&m, &w, "b2"], &["z"]).with("transB", 1i64));
    net.activation("z", 0.01, 128);
    net.constant("b1", floats(&mut random, &[8], 0.3));
    net.constant("b2", floats(&mut random, &[5], 0.3));
    net.0
}

/// The share of results that are equal; others may be a step or two apart, where a tie was rounded the other way.
fn agreement(graph: &Graph, x: &Tensor, step: f32) -> (f64, String) {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).expect("a graph with a meaning");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", x)]).expect("a run");
    let (found, expected) = (found[0].as_f32().expect("floats"), expected[0].as_f32().expect("floats"));
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2.5 * step), "{found:?} {expected:?}");
    let range = expected.iter().fold((f32::MAX, f32::MIN), |(low, high), &y| (low.min(y), high.max(y)));
    assert!(range.1 - range.0 > 10.0 * step, "the results differ from each other: {expected:?}");
    let equal = found.iter().zip(expected).filter(|(a, b)| (*a - *b).abs() < step / 2.0).count();
    (equal as f64 / found.len() as f64, executor.explain())
}

/// Runs a network, checks that it runs in eight bits with the right results, and describes how it runs.
fn runs_in_eight_bits(graph: &Graph) -> String {
    let (equal, how) = agreement(graph, &floats(&mut Random(5), &[2, 3, 7, 6], 1.0), 0.01);
    assert!(equal > 0.7, "{equal}\n{how}");
    assert!(!how.contains("f32"), "{how}");
    how
}

#[test]
fn float_weights_behind_a_quantizer_become_bytes_once() {
    for per_channel in [false, true] {
        let how = runs_in_eight_bits(&network(per_channel));
        assert_eq!(how.matches("eight-bit convolution").count(), 2, "{how}");
        assert_eq!(how.matches("eight-bit matrix product").count(), 2, "{how}");
        assert!(!how.contains("plain loops"), "{how}");
    }
}

/// The weights are bytes in the file, the bias is not.
#[test]
fn bytes_with_a_float_bias_run_in_eight_bits() {
    let mut graph = network(true);
    for name in ["w1", "w2", "w4"] {
        let at = graph.nodes.iter().position(|node| node.outputs[0] == format!("{name}_q")).expect("there");
        let node = graph.nodes.remove(at);
        let inputs: Vec<Option<&Tensor>> = node.inputs.iter().map(|name| graph.constants.get(name)).collect();
        let bytes = ops::evaluate(&node, &inputs).expect("bytes").remove(0);
        graph.constants.insert(node.outputs[0].clone(), bytes);
        graph.constants.remove(name);
    }
    runs_in_eight_bits(&graph);
}

/// Weights by a Constant node, as exporters write them.
#[test]
fn weights_of_constant_nodes_are_constants() {
    let mut graph = network(true);
    for name in ["w1", "w3", "b1", "b2", "w1_scale"] {
        let tensor = graph.constants.remove(name).expect("there");
        graph
            .nodes
            .insert(0, Node::new(&format!("{name}_node"), "Constant", &[], &[name]).with("value", tensor));
    }
    runs_in_eight_bits(&graph);
}

/// Exporters write a quantizer for each reader of a value.
#[test]
fn a_value_quantized_for_each_of_its_readers_is_made_once() {
    let mut graph = network(true);
    let depthwise = graph.nodes.iter().position(|node| node.name == "depthwise").expect("there");
    // A second reader of the first activation, by a quantizer of its own with constants of its own.
    graph.constants.insert("own_scale".to_owned(), graph.constants["r_scale"].clone());
    graph.constants.insert("own_zero".to_owned(), graph.constants["r_zero"].clone());
    graph.nodes[depthwise].inputs[0] = "own_dq".to_owned();
    let own = |op: &str, from: &str, to: &str| {
        Node::new(to, op, &[from, "own_scale", "own_zero"], &[to]).with("axis", 1i64)
    };
    graph.nodes.splice(
        depthwise..depthwise,
        [own("QuantizeLinear", "r", "own_q"), own("DequantizeLinear", "own_q", "own_dq")],
    );
    graph.outputs.push(value("r_dq", &[2, 8, 7, 6]));
    let how = runs_in_eight_bits(&graph);
    assert_eq!(how.matches(" quantize\n").count(), 1, "{how}");
}

/// A network of one product of the activation `x_dq` with the weights `w`, whose result `z` is quantized to `z_dq` or not.
fn one_product(
    x: &[usize],
    w: &[usize],
    axis: usize,
    nodes: impl FnOnce(&str, &str) -> Vec<Node>,
) -> Network {
    let mut random = Random(3);
    let mut net = Network(Graph { opset: 13, ..Graph::default() });
    net.0.inputs = vec![value("x", x)];
    net.0.outputs = vec![ValueInfo { shape: vec![None; x.len()], ..value("z", &[]) }];
    let x = net.activation("x", 1.0 / 127.0, 128);
    let w = net.weights("w", floats(&mut random, w, 0.5), axis);
    net.0.nodes.extend(nodes(&x, &w));
    net.constant("b", floats(&mut random, &[5], 0.3));
    net
}

/// PyTorch's linear layers on sequences: a product and an addition.
#[test]
fn a_bias_added_after_a_product_is_a_part_of_it() {
    for (shape, order) in [(&[7, 8][..], ["m", "b"]), (&[2, 7, 8], ["m", "b"]), (&[2, 7, 8], ["b", "m"])] {
        for quantized_bias in [false, true] {
            let mut net = one_product(shape, &[8, 5], 1, |x, w| {
                vec![Node::new("matmul", "MatMul", &[x, w], &["m"]), Node::new("add", "Add", &order, &["z"])]
            });
            net.activation("z", 0.02, 120);
            if quantized_bias {
                // In steps of the accumulator, and after the nodes that use it.
                let steps: Vec<f32> = (0..5).map(|at| (0.004 + 0.0002 * at as f32) / 127.0).collect();
                net.constant("b_scale", Tensor::vector(steps));
                net.constant("b_steps", Tensor::vector(vec![900i32, -1500, 0, 20000, -7]));
                net.0.constants.remove("b");
                net.node(
                    Node::new("b_dq", "DequantizeLinear", &["b_steps", "b_scale"], &["b"]).with("axis", 0i64),
                );
            }
            net.0.outputs[0].name = "z_dq".to_owned();
            let (equal, how) = agreement(&net.0, &floats(&mut Random(5), shape, 1.0), 0.02);
            assert!(equal > 0.9, "{equal}\n{how}");
            assert_eq!(how.matches("eight-bit matrix product").count(), 1, "{how}");
            assert!(!how.contains("f32") && !how.contains("plain loops"), "{how}");
        }
    }
}

/// Another value than one number per column is added by a node of its own.
#[test]
fn other_additions_after_a_product_stay() {
    for shape in [&[7, 5][..], &[1, 1, 1, 5], &[7, 1]] {
        let mut net = one_product(&[7, 8], &[8, 5], 1, |x, w| {
            vec![Node::new("matmul", "MatMul", &[x, w], &["m"]), Node::new("add", "Add", &["m", "c"], &["z"])]
        });
        net.constant("c", floats(&mut Random(8), shape, 0.3));
        net.activation("z", 0.02, 120);
        net.0.outputs[0].name = "z_dq".to_owned();
        net.0.outputs[0].shape = vec![None; shape.len()];
        let (equal, how) = agreement(&net.0, &floats(&mut Random(5), &[7, 8], 1.0), 0.02);
        assert!(equal > 0.9, "{equal}\n{how}");
        assert_eq!(how.matches("eight-bit matrix product").count(), 1, "{how}");
    }
}

/// The last layer, or one before a float operator.
#[test]
fn products_without_a_quantized_output_read_bytes() {
    let conv = |groups: i64, bias: &'static [&'static str]| {
        move |x: &str, w: &str| {
            let inputs: Vec<&str> = [&[x, w], bias].concat();
            vec![Node::new("conv", "Conv", &inputs, &["z"]).with("group", groups)]
        }
    };
    let gemm = |x: &str, w: &str| {
        let node = Node::new("gemm", "Gemm", &[x, w, "b"], &["z"]);
        vec![node.with("transB", 1i64).with("beta", 0.5f32).with("alpha", 2.0f32)]
    };
    let matmul = |x: &str, w: &str| vec![Node::new("matmul", "MatMul", &[x, w], &["z"])];
    let with_bias = |x: &str, w: &str| {
        vec![Node::new("matmul", "MatMul", &[x, w], &["m"]), Node::new("add", "Add", &["b", "m"], &["z"])]
    };
    let relu = |x: &str, w: &str| {
        vec![Node::new("conv", "Conv", &[x, w, "b"], &["c"]), Node::new("relu", "Relu", &["c"], &["z"])]
    };
    // Not quantized before a residual addition.
    let residual = |x: &str, w: &str| {
        vec![Node::new("conv", "Conv", &[x, w, "b"], &["c"]), Node::new("add", "Add", &["c", x], &["z"])]
    };
    for (what, net) in [
        ("conv", one_product(&[2, 3, 6, 7], &[5, 3, 3, 3], 0, conv(1, &["b"]))),
        ("conv", one_product(&[2, 3, 6, 7], &[5, 3, 1, 1], 0, conv(1, &[]))),
        ("depthwise", one_product(&[2, 5, 6, 7], &[5, 1, 3, 3], 0, conv(5, &["b"]))),
        ("relu", one_product(&[2, 3, 6, 7], &[5, 3, 3, 3], 0, relu)),
        ("residual", one_product(&[2, 5, 6, 7], &[5, 5, 1, 1], 0, residual)),
        ("gemm", one_product(&[7, 8], &[5, 8], 0, gemm)),
        ("matmul", one_product(&[2, 7, 8], &[8, 5], 1, matmul)),
        ("matmul and add", one_product(&[2, 7, 8], &[8, 5], 1, with_bias)),
    ] {
        let graph = net.0;
        let shape: Vec<usize> = graph.inputs[0].shape.iter().map(|dim| dim.expect("fixed")).collect();
        let x = floats(&mut Random(5), &shape, 1.0);
        let expected = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a graph with a meaning");
        let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
        let found = executor.run(&[("x", &x)]).expect("a run");
        let fused = eightbit_graph::passes::fuse_quantized(&graph).expect("sound");
        let plain = ops::evaluate_graph(&fused, &[("x", &x)]).expect("a graph with a meaning");
        let how = executor.explain();
        assert_eq!(how.matches("eight-bit").count(), 1, "{what}: {how}");
        assert!(!how.contains("f32 matrix") && !how.contains("f32 conv"), "{what}: {how}");
        assert!(!how.contains("plain loops"), "{what}: {how}");
        for found in [&found, &plain] {
            let pairs = found[0].as_f32().expect("floats").iter().zip(expected[0].as_f32().expect("floats"));
            let worst = pairs.fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 1e-5, "{what}: off by {worst}");
        }
    }
}
