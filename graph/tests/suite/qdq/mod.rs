//! Graphs in QDQ form for tests of the executor.

use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};

/// A deterministic pseudo-random generator (xorshift64*).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.float()).collect();
        Tensor::new(shape, values).expect("the shape fits")
    }
}

pub(crate) fn value(name: &str, shape: &[usize]) -> ValueInfo {
    let shape = shape.iter().map(|&dim| Some(dim)).collect();
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape }
}

/// Builds graphs in QDQ form.
struct Qdq {
    graph: Graph,
    numbers: Numbers,
    activations: DataType,
}

impl Qdq {
    fn new(activations: DataType) -> Self {
        Self { graph: Graph { opset: 13, ..Graph::default() }, numbers: Numbers(99), activations }
    }

    fn constant(&mut self, name: &str, tensor: Tensor) {
        self.graph.constants.insert(name.to_owned(), tensor);
    }

    fn node(&mut self, node: Node) {
        self.graph.nodes.push(node);
    }

    /// Quantizes and dequantizes the value `name`; returns the name of the result.
    fn activation(&mut self, name: &str, scale: f32, zero: u8) -> String {
        let [s, z, q, d] = ["scale", "zero", "q", "dq"].map(|what| format!("{name}_{what}"));
        self.constant(&s, Tensor::scalar(scale));
        let zero = match self.activations {
            DataType::I8 => Tensor::scalar(zero.wrapping_sub(128) as i8),
            _ => Tensor::scalar(zero),
        };
        self.constant(&z, zero);
        self.node(Node::new(&format!("{q}_node"), "QuantizeLinear", &[name, &s, &z], &[&q]));
        self.node(Node::new(&format!("{d}_node"), "DequantizeLinear", &[&q, &s, &z], &[&d]));
        d
    }

    /// Adds weights per channel along axis 0 and a bias at the accumulator's scale; returns the names of the floats.
    fn weights(&mut self, name: &str, shape: &[usize], x_scale: f32) -> [String; 2] {
        let [w, s, z, d] = ["w", "scale", "zero", "dq"].map(|what| format!("{name}_{what}"));
        let [bias, bs, bz, bd] =
            ["bias", "bias_scale", "bias_zero", "bias_dq"].map(|what| format!("{name}_{what}"));
        let channels = shape[0];
        let bytes: Vec<i8> = (0..shape.iter().product()).map(|_| self.numbers.next() as i8).collect();
        let scales: Vec<f32> = (0..channels).map(|c| 0.002 + 0.0001 * c as f32).collect();
        let biases: Vec<i32> = (0..channels).map(|_| (self.numbers.float() * 3000.0) as i32).collect();
        self.constant(&w, Tensor::new(shape, bytes).expect("weights"));
        self.constant(&bs, Tensor::vector(scales.iter().map(|scale| scale * x_scale).collect::<Vec<_>>()));
        self.constant(&s, Tensor::vector(scales));
        self.constant(&z, Tensor::vector(vec![0i8; channels]));
        self.constant(&bias, Tensor::vector(biases));
        self.constant(&bz, Tensor::vector(vec![0i32; channels]));
        self.node(Node::new(&format!("{d}_node"), "DequantizeLinear", &[&w, &s, &z], &[&d]).with("axis", 0));
        self.node(
            Node::new(&format!("{bd}_node"), "DequantizeLinear", &[&bias, &bs, &bz], &[&bd]).with("axis", 0),
        );
        [d, bd]
    }
}

/// Elementwise steps on a tensor large enough for several threads.
pub(crate) fn elementwise(activations: DataType) -> Graph {
    let mut net = Qdq::new(activations);
    net.graph.inputs = vec![value("x", &[1, 8, 50, 60])];
    net.graph.outputs = vec![value("y", &[1, 16, 50, 60])];
    let x = net.activation("x", 1.0 / 127.0, 128);
    // A gate of other values than x: the product of x with its own gate is a table.
    let pool = Node::new("pool", "MaxPool", &[&x], &["pooled"]).with("kernel_shape", vec![3, 3]);
    net.node(pool.with("pads", vec![1, 1, 1, 1]));
    net.node(Node::new("sigmoid", "Sigmoid", &["pooled"], &["gate"]));
    let gate = net.activation("gate", 1.0 / 255.0, 0);
    net.node(Node::new("mul", "Mul", &[&x, &gate], &["swish"]));
    let swish = net.activation("swish", 0.008, 60);
    net.node(Node::new("add", "Add", &[&swish, &x], &["sum"]));
    let sum = net.activation("sum", 0.012, 90);
    net.node(Node::new("cat", "Concat", &[&sum, &swish], &["wide"]).with("axis", 1));
    let wide = net.activation("wide", 0.013, 100);
    net.node(Node::new("copy", "Identity", &[&wide], &["y"]));
    net.graph
}

/// A network with every eight-bit step, and optionally one operator that has none.
pub(crate) fn network(activations: DataType, with_softmax: bool) -> Graph {
    let mut net = Qdq::new(activations);
    net.graph.inputs = vec![value("x", &[2, 3, 12, 11])];
    net.graph.outputs = vec![value("y", &[2, 10]), value("wide_dq", &[])];
    net.graph.outputs[1].shape = [2, 24, 6, 6].map(Some).to_vec();
    let x = net.activation("x", 1.0 / 127.0, 128);
    let [w, b] = net.weights("stem", &[16, 3, 3, 3], 1.0 / 127.0);
    let conv = Node::new("stem", "Conv", &[&x, &w, &b], &["stem_out"]);
    net.node(conv.with("pads", vec![1, 1, 1, 1]).with("strides", vec![2, 2]));
    net.node(Node::new("stem_relu", "Relu", &["stem_out"], &["stem_relu_out"]));
    let h = net.activation("stem_relu_out", 0.02, 0);
    let [w, b] = net.weights("dw", &[16, 1, 3, 3], 0.02);
    let conv = Node::new("dw", "Conv", &[&h, &w, &b], &["dw_out"]);
    net.node(conv.with("pads", vec![1, 1, 1, 1]).with("group", 16));
    net.constant("low", Tensor::scalar(0.0f32));
    net.constant("six", Tensor::scalar(1.5f32));
    net.node(Node::new("dw_clip", "Clip", &["dw_out", "low", "six"], &["dw_clip_out"]));
    let d = net.activation("dw_clip_out", 0.01, 3);
    let [w, b] = net.weights("pw", &[16, 16, 1, 1], 0.01);
    net.node(Node::new("pw", "Conv", &[&d, &w, &b], &["pw_out"]));
    let p = net.activation("pw_out", 0.03, 120);
    net.node(Node::new("add", "Add", &[&h, &p], &["sum"]));
    let sum = net.activation("sum", 0.035, 100);
    net.node(Node::new("sigmoid", "Sigmoid", &[&sum], &["gate"]));
    let gate = net.activation("gate", 1.0 / 255.0, 0);
    // Of two values: the product of one with its own gate is a table.
    net.node(Node::new("mul", "Mul", &[&h, &gate], &["swish"]));
    let swish = net.activation("swish", 0.03, 40);
    let [w, b] = net.weights("grouped", &[8, 8, 2, 2], 0.03);
    let conv = Node::new("grouped", "Conv", &[&swish, &w, &b], &["grouped_out"]);
    net.node(conv.with("group", 2).with("auto_pad", "SAME_UPPER"));
    let grouped = net.activation("grouped_out", 0.06, 130);
    net.node(Node::new("cat", "Concat", &[&swish, &grouped], &["wide"]).with("axis", 1));
    let wide = net.activation("wide", 0.06, 100);
    let pool = |op: &str, from: &str, to: &str| {
        Node::new(to, op, &[from], &[&format!("{to}_out")])
            .with("kernel_shape", vec![3, 2])
            .with("strides", vec![2, 2])
            .with("pads", vec![1, 0, 1, 0])
    };
    net.node(pool("MaxPool", &wide, "max"));
    let max = net.activation("max_out", 0.06, 100);
    net.node(pool("AveragePool", &max, "mean"));
    let mean = net.activation("mean_out", 0.05, 90);
    let soft = if with_softmax {
        Node::new("soft", "Softmax", &[&mean], &["soft"]).with("axis", 1)
    } else {
        Node::new("soft", "Sigmoid", &[&mean], &["soft"])
    };
    net.node(soft);
    let soft = net.activation("soft", 1.0 / 256.0, 0);
    net.node(Node::new("gap", "GlobalAveragePool", &[&soft], &["gap_out"]));
    let gap = net.activation("gap_out", 1.0 / 512.0, 5);
    net.node(Node::new("flat", "Flatten", &[&gap], &["flat_out"]));
    let flat = net.activation("flat_out", 1.0 / 512.0, 5);
    let [w, b] = net.weights("fc", &[10, 24], 1.0 / 512.0);
    net.node(Node::new("fc", "Gemm", &[&flat, &w, &b], &["logits"]).with("transB", 1));
    let y = net.activation("logits", 0.004, 128);
    net.node(Node::new("copy", "Identity", &[&y], &["y"]));
    net.graph
}
