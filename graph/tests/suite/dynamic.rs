//! What ONNX Runtime's `quantize_dynamic` writes: the executor against the meaning of the nodes.

use eightbit::Backend;
use eightbit_graph::{Executor, ExecutorOptions, Graph, Node, Tensor, ops};
use eightbit_testing::Random;

use crate::values::{floats, value};

/// A graph from `x` to `y` in the form of `quantize_dynamic`.
struct Dynamic {
    graph: Graph,
    random: Random,
    /// The value that the next product reads.
    last: String,
}

impl Dynamic {
    fn new() -> Self {
        let graph = Graph { opset: 13, inputs: vec![value("x", &[2, 3, 9, 11])], ..Graph::default() };
        Self { graph, random: Random(7), last: "x".to_owned() }
    }

    fn constant(&mut self, name: &str, tensor: Tensor) {
        self.graph.constants.insert(name.to_owned(), tensor);
    }

    fn node(&mut self, op: &str, inputs: &[&str], output: &str) -> &mut Node {
        let at = self.graph.nodes.len();
        self.graph.nodes.push(Node::new(&format!("{output}_{at}"), op, inputs, &[output]));
        self.last = output.to_owned();
        &mut self.graph.nodes[at]
    }

    /// A product of the last value, whose weights are signed or have a zero point of their own, with these scales.
    fn product(
        &mut self,
        name: &str,
        op: &str,
        weights: &[usize],
        signed: bool,
        scales: Tensor,
    ) -> &mut Node {
        let count = weights.iter().product();
        let bytes: Vec<u8> = (0..count).map(|_| self.random.next() as u8).collect();
        let (bytes, zero) = if signed {
            let bytes: Vec<i8> = bytes.into_iter().map(|byte| byte as i8).collect();
            (Tensor::new(weights, bytes), Tensor::scalar(0i8))
        } else {
            (Tensor::new(weights, bytes), Tensor::scalar(121u8))
        };
        let of = |what: &str| format!("{name}_{what}");
        self.constant(&of("w"), bytes.expect("as many as the shape has"));
        self.constant(&of("wz"), zero);
        self.constant(&of("ws"), scales);
        let [q, s, z, ws] = ["q", "s", "z", "ws"].map(of);
        let from = self.last.clone();
        let quantize = Node::new(&of("quantize"), "DynamicQuantizeLinear", &[&from], &[&q, &s, &z]);
        self.graph.nodes.push(quantize);
        self.node("Mul", &[&s, &ws], &of("scales"));
        let at = self.graph.nodes.len();
        self.node(op, &[&q, &of("w"), &z, &of("wz")], &of("sums"));
        self.node("Cast", &[&of("sums")], &of("cast")).attributes.insert("to".to_owned(), 1.into());
        self.node("Mul", &[&of("cast"), &of("scales")], &of("y"));
        &mut self.graph.nodes[at]
    }

    /// Adds a constant of this shape to the last value.
    fn add(&mut self, name: &str, shape: &[usize]) {
        let bias = floats(&mut self.random, shape, 3.0);
        self.constant(&format!("{name}_b"), bias);
        let last = self.last.clone();
        self.node("Add", &[&last, &format!("{name}_b")], &format!("{name}_sum"));
    }

    /// Adds one number for each channel of images, which is reshaped first.
    fn add_reshaped(&mut self, name: &str, channels: usize) {
        let last = self.last.clone();
        let [bias, shape, reshaped, sum] =
            ["b", "shape", "reshaped", "sum"].map(|what| format!("{name}_{what}"));
        let values = floats(&mut self.random, &[channels], 3.0);
        self.constant(&bias, values);
        self.constant(&shape, Tensor::vector([1i64, -1, 1, 1]));
        self.node("Reshape", &[&bias, &shape], &reshaped);
        self.node("Add", &[&last, &reshaped], &sum);
    }

    fn unary(&mut self, op: &str, inputs: &[&str]) {
        let last = self.last.clone();
        let inputs: Vec<&str> = [last.as_str()].into_iter().chain(inputs.iter().copied()).collect();
        let output = format!("{last}_{op}");
        self.node(op, &inputs, &output);
    }

    fn finish(mut self, shape: &[usize]) -> Graph {
        self.graph.outputs = vec![value(&self.last, shape)];
        self.graph
    }
}

/// Convolutions of images, one of them depthwise with a scale for each channel, and a matrix product.
fn network() -> Graph {
    let mut net = Dynamic::new();
    net.product("stem", "ConvInteger", &[8, 3, 3, 3], false, Tensor::scalar(0.013f32)).attributes.extend([
        ("pads".to_owned(), vec![1i64, 1, 1, 1].into()),
        ("strides".to_owned(), vec![2i64, 2].into()),
    ]);
    net.add_reshaped("stem", 8);
    net.unary("Relu", &[]);
    let scales: Vec<f32> = (1..9).map(|c| 0.003 * c as f32).collect();
    let scales = Tensor::new([1, 8, 1, 1], scales).expect("eight");
    net.product("depthwise", "ConvInteger", &[8, 1, 3, 3], true, scales)
        .attributes
        .extend([("pads".to_owned(), vec![1i64, 1, 1, 1].into()), ("group".to_owned(), 8i64.into())]);
    net.constant("low", Tensor::scalar(-1.0f32));
    net.constant("high", Tensor::scalar(6.0f32));
    net.unary("Clip", &["low", "high"]);
    net.product("point", "ConvInteger", &[6, 8, 1, 1], false, Tensor::scalar(0.01f32));
    net.unary("Flatten", &[]);
    let columns: Vec<f32> = (1..6).map(|c| 0.002 * c as f32).collect();
    net.product("fully", "MatMulInteger", &[180, 5], true, Tensor::vector(columns));
    net.add("fully", &[5]);
    net.finish(&[2, 5])
}

/// Results of the executor on a backend; a second input has another range.
fn runs(graph: &Graph, backend: Backend) -> (Vec<Tensor>, String) {
    let mut options = ExecutorOptions::default();
    options.backend = Some(backend);
    let executor = Executor::new(graph, &options).expect("a graph that runs");
    let found = inputs().map(|x| executor.run(&[("x", &x)]).expect("a run").remove(0));
    (found.into(), executor.explain())
}

fn inputs() -> [Tensor; 3] {
    let mut random = Random(3);
    [1.0, 7.5, 0.0].map(|factor| floats(&mut random, &[2, 3, 9, 11], factor))
}

fn meanings(graph: &Graph) -> Vec<Tensor> {
    let meaning = |x: Tensor| ops::evaluate_graph(graph, &[("x", &x)]).expect("a meaning").remove(0);
    inputs().map(meaning).into()
}

#[test]
fn dynamic_products_give_the_bits_of_their_nodes() {
    let graph = network();
    let expected = meanings(&graph);
    for backend in Backend::available() {
        let (found, text) = runs(&graph, backend);
        assert_eq!(found, expected, "{backend}");
        assert!(!text.contains("plain loops"), "{text}");
        assert_eq!(text.matches("dynamic quantize").count(), 4, "{text}");
        assert!(!text.contains("f32 Add"), "{text}");
        // Sums, their conversion, factors, bias and activation are one step.
        assert_eq!(
            text.lines().filter(|line| line.contains("Relu") || line.contains("cast")).count(),
            0,
            "{text}"
        );
    }
}

#[test]
fn a_batch_norm_is_folded_into_the_scales_of_the_weights() {
    let mut net = Dynamic::new();
    net.product("stem", "ConvInteger", &[8, 3, 3, 3], false, Tensor::scalar(0.013f32));
    for (name, offset) in [("scale", -0.5), ("shift", 0.0), ("mean", 0.0), ("variance", 1.5)] {
        let values = floats(&mut net.random, &[8], 1.0);
        let values: Vec<f32> = values.as_f32().expect("floats").iter().map(|x| x + offset).collect();
        net.constant(name, Tensor::vector(values));
    }
    net.unary("BatchNormalization", &["scale", "shift", "mean", "variance"]);
    net.unary("Relu", &[]);
    let graph = net.finish(&[2, 8, 7, 9]);
    let expected = meanings(&graph);
    let first = runs(&graph, Backend::available().last().expect("the portable one")).0;
    for (found, expected) in first.iter().zip(&expected) {
        let pairs = found.as_f32().expect("floats").iter().zip(expected.as_f32().expect("floats"));
        pairs.for_each(|(a, b)| assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a}, not {b}"));
    }
    for backend in Backend::available() {
        let (found, text) = runs(&graph, backend);
        assert_eq!(found, first, "{backend}");
        assert!(!text.contains("plain loops"), "{text}");
    }
}

#[test]
fn values_with_other_readers_stay() {
    let mut graph = network();
    graph.outputs.push(value("point_y", &[2, 6, 5, 6]));
    graph.outputs.push(value("stem_y", &[2, 8, 5, 6]));
    let expected = ops::evaluate_graph(&graph, &[("x", &inputs()[1])]).expect("a meaning");
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    assert_eq!(executor.run(&[("x", &inputs()[1])]).expect("a run"), expected);
}

#[test]
fn inputs_without_a_range_are_errors() {
    let graph = network();
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let mut x = inputs()[0].clone();
    x.values_mut::<f32>().expect("floats")[5] = f32::INFINITY;
    let error = executor.run(&[("x", &x)]).expect_err("no range").to_string();
    assert!(error.contains("stem_quantize") && error.contains("not finite"), "{error}");
}

/// The executor and the meaning of the nodes, which gives infinities and no numbers.
fn assert_same_without_numbers(graph: &Graph, x: &Tensor) {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).expect("an answer");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", x)]).expect("an answer");
    let (found, expected) = (found[0].as_f32().expect("floats"), expected[0].as_f32().expect("floats"));
    assert!(expected.iter().any(|value| !value.is_finite()));
    let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(same));
}

#[test]
fn scales_that_overflow_are_not_fused() {
    let mut net = Dynamic::new();
    net.product("huge", "ConvInteger", &[2, 3, 3, 3], true, Tensor::scalar(1e38f32));
    let mut x = inputs()[0].clone();
    x.values_mut::<f32>().expect("floats")[5] = 3e38;
    assert_same_without_numbers(&net.finish(&[2, 2, 7, 9]), &x);
}

#[test]
fn statistics_without_a_scale_are_not_fused() {
    let mut net = Dynamic::new();
    net.product("first", "ConvInteger", &[2, 3, 3, 3], true, Tensor::scalar(0.01f32));
    for (name, values) in [("one", [1.0f32; 2]), ("variance", [-1.0, 2.0])] {
        net.constant(name, Tensor::vector(values));
    }
    net.unary("BatchNormalization", &["one", "one", "one", "variance"]);
    assert_same_without_numbers(&net.finish(&[2, 2, 7, 9]), &inputs()[0]);
}

#[test]
fn what_is_not_a_number_counts_as_zero() {
    let graph = network();
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let mut x = inputs()[0].clone();
    x.values_mut::<f32>().expect("floats")[5] = f32::NAN;
    let expected = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a meaning");
    assert_eq!(executor.run(&[("x", &x)]).expect("a run"), expected);
}

#[test]
fn a_gelu_in_parts_between_products_is_one_step() {
    let graph = |spelled: bool| {
        let mut net = Dynamic::new();
        net.unary("Flatten", &[]);
        net.product("first", "MatMulInteger", &[297, 24], true, Tensor::scalar(0.002f32));
        net.add("first", &[24]);
        let (from, of) = (net.last.clone(), |name: &str| name.to_owned());
        for (name, value) in [("root", std::f32::consts::SQRT_2), ("one", 1.0), ("half", 0.5)] {
            net.constant(name, Tensor::scalar(value));
        }
        if spelled {
            net.node("Div", &[&from, "root"], "narrow");
            net.node("Erf", &["narrow"], "erf");
            net.node("Add", &["erf", "one"], "sum");
            net.node("Mul", &[&from, "sum"], "weighted");
            net.node("Mul", &["weighted", "half"], "gelu");
        } else {
            net.node("Gelu", &[&from], &of("gelu"));
        }
        net.product("second", "MatMulInteger", &[24, 5], false, Tensor::scalar(0.01f32));
        net.finish(&[2, 5])
    };
    for backend in Backend::available() {
        let ((found, text), (expected, _)) = (runs(&graph(true), backend), runs(&graph(false), backend));
        assert_eq!(found, expected, "{backend}");
        assert!(text.contains("f32 Gelu") && !text.contains("Erf"), "{text}");
    }
}
