//! Quantizes a small network: close results, the same inputs and outputs, errors with reasons.

use eightbit_graph::quantize::{
    CalibrationMethod, FromFn, Progress, QuantizeOptions, QuantizeReport, Role, WeightRange, quantize,
};
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo, ops, passes,
};

/// Pseudo-random numbers between −1 and 1 (a linear congruential generator with Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn tensor(&mut self, shape: &[usize], factor: f32) -> Tensor {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * factor
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
        Tensor::new(shape, values).expect("the shape fits")
    }
}

const INPUT: [usize; 4] = [1, 3, 8, 8];

/// Convolution with batch norm and ReLU6, depthwise convolution, a residual addition, pooling, and a classifier with
/// a softmax beside it.
pub(crate) fn network() -> Graph {
    let mut numbers = Numbers(7);
    let value = |name: &str, shape: &[usize]| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.iter().map(|&dim| Some(dim)).collect(),
    };
    let constants = [
        ("w1", numbers.tensor(&[8, 3, 3, 3], 0.4)),
        ("gamma", Tensor::vector(vec![1.5f32, 0.5, -1.0, 1.0, 2.0, 0.1, 1.0, 0.0])),
        ("beta", numbers.tensor(&[8], 0.5)),
        ("mean", numbers.tensor(&[8], 0.5)),
        ("variance", Tensor::vector(vec![1.0f32, 0.5, 2.0, 1.0, 0.3, 1.0, 1.0, 1.0])),
        ("zero", Tensor::scalar(0.0f32)),
        ("six", Tensor::scalar(6.0f32)),
        ("w2", numbers.tensor(&[8, 1, 3, 3], 0.5)),
        ("b2", numbers.tensor(&[8], 0.2)),
        ("w3", numbers.tensor(&[8, 10], 0.5)),
        ("b3", numbers.tensor(&[10], 0.2)),
    ];
    let same = |node: Node| node.with("kernel_shape", vec![3i64, 3]).with("pads", vec![1i64, 1, 1, 1]);
    Graph {
        name: "small".to_owned(),
        opset: 13,
        inputs: vec![value("x", &INPUT)],
        outputs: vec![value("logits", &[1, 10]), value("shares", &[1, 10])],
        nodes: vec![
            same(Node::new("conv", "Conv", &["x", "w1"], &["c1"])),
            Node::new("bn", "BatchNormalization", &["c1", "gamma", "beta", "mean", "variance"], &["n1"]),
            Node::new("relu6", "Clip", &["n1", "zero", "six"], &["r1"]),
            same(Node::new("dw", "Conv", &["r1", "w2", "b2"], &["c2"]).with("group", 8i64)),
            Node::new("add", "Add", &["c2", "r1"], &["sum"]),
            Node::new("relu", "Relu", &["sum"], &["r2"]),
            Node::new("pool", "MaxPool", &["r2"], &["p"])
                .with("kernel_shape", vec![2i64, 2])
                .with("strides", vec![2i64, 2]),
            Node::new("gap", "GlobalAveragePool", &["p"], &["g"]),
            Node::new("flat", "Flatten", &["g"], &["f"]),
            Node::new("fc", "Gemm", &["f", "w3", "b3"], &["logits"]),
            Node::new("softmax", "Softmax", &["logits"], &["shares"]),
        ],
        constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

/// [`network`] with a pointwise layer in the place of the sum, so that the depthwise layer can have more channels. One channel hardly varies, and
/// the depthwise layer makes much of it. `seed` chooses the weights that read it.
pub(crate) fn network_with_place(seed: u64) -> Graph {
    const LOUD: usize = 3;
    let mut graph = network();
    let mut numbers = Numbers(seed);
    let add = graph.nodes.iter_mut().find(|node| node.name == "add").expect("is there");
    *add = Node::new("project", "Conv", &["c2", "w4", "b4"], &["sum"]).with("kernel_shape", vec![1i64, 1]);
    graph.constants.insert("w4".to_owned(), numbers.tensor(&[8, 8, 1, 1], 0.5));
    graph.constants.insert("b4".to_owned(), numbers.tensor(&[8], 0.2));
    let mut edit = |name: &str, of: &dyn Fn(usize, f32) -> f32| {
        let old = &graph.constants[name];
        let values = old.as_f32().expect("floats").iter().enumerate().map(|(at, &value)| of(at, value));
        let new = Tensor::new(old.shape(), values.collect::<Vec<_>>()).expect("as many");
        graph.constants.insert(name.to_owned(), new);
    };
    edit("gamma", &|at, value| if at == LOUD { 0.02 } else { value });
    edit("beta", &|at, value| if at == LOUD { 3.0 } else { value });
    // Differences of neighbours.
    let differences = [0.0, 20.0, 0.0, 20.0, -80.0, 20.0, 0.0, 20.0, 0.0];
    edit("w2", &|at, value| if at / 9 == LOUD { differences[at % 9] } else { value });
    graph
}

pub(crate) fn examples(count: u64) -> Vec<Vec<Tensor>> {
    (0..count).map(|seed| vec![Numbers(seed).tensor(&INPUT, 2.0)]).collect()
}

fn quantized(graph: &Graph, options: &QuantizeOptions) -> Result<(Graph, QuantizeReport), Error> {
    quantize(graph, &examples(16), options, |_| {})
}

#[test]
fn answers_stay_close() {
    let float = network();
    for (method, weights) in [
        (CalibrationMethod::MinMax, WeightRange::Full),
        (CalibrationMethod::Percentile(99.99), WeightRange::Full),
        (CalibrationMethod::Percentile(99.99), WeightRange::PairSafe),
    ] {
        let options = QuantizeOptions { method, weights, ..QuantizeOptions::default() };
        let (eight_bit, report) = quantized(&float, &options).expect("quantized");
        eight_bit.validate().expect("sound");
        assert_eq!((&eight_bit.inputs, &eight_bit.outputs), (&float.inputs, &float.outputs));
        let bytes = eight_bit.to_onnx_bytes().expect("written");
        assert_eq!(Graph::from_onnx_bytes(&bytes).expect("read").nodes.len(), eight_bit.nodes.len());

        for seed in 100..110 {
            let input = Numbers(seed).tensor(&INPUT, 2.0);
            let run = |graph| ops::evaluate_graph(graph, &[("x", &input)]).expect("runs");
            let (expected, found) = (run(&float), run(&eight_bit));
            let scores = expected[0].as_f32().expect("f32");
            let extreme = |of: fn(f32, f32) -> f32| scores.iter().copied().fold(0.0, of);
            let range = extreme(f32::max) - extreme(f32::min);
            for (expected, found) in
                expected[0].as_f32().expect("f32").iter().zip(found[0].as_f32().expect("f32"))
            {
                let error = (expected - found).abs();
                assert!(error < 0.05 * range, "{expected} became {found}");
            }
        }
        // Without those that only move data.
        let layers: Vec<&str> = report.layers.iter().map(|layer| layer.node.as_str()).collect();
        assert_eq!(layers, ["conv", "dw", "add", "gap", "fc"]);
    }
}

/// AVX2 has kernels for weights that cannot saturate its products, and takes them by their bytes alone.
#[test]
fn pair_safe_weights_take_the_pair_sum_kernels() {
    let Ok(backend) = eightbit::Backend::by_name("avx2") else { return };
    for (weights, pair_safe, full) in [(WeightRange::Full, 0, 2), (WeightRange::PairSafe, 2, 0)] {
        let options = QuantizeOptions { weights, ..QuantizeOptions::default() };
        let (eight_bit, _) = quantized(&network(), &options).expect("quantized");
        let mut options = ExecutorOptions::default();
        options.backend = Some(backend);
        let explained = Executor::new(&eight_bit, &options).expect("runs").explain();
        assert_eq!(explained.matches("i8-group4").count(), pair_safe, "{explained}");
        assert_eq!(explained.matches("i8-group2").count(), full, "{explained}");
    }
}

#[test]
fn nodes_stay_float_on_request() {
    let asked = |name: &str| QuantizeOptions {
        float: [(name.to_owned(), "asked for".to_owned())].into(),
        measure_speed: true,
        ..QuantizeOptions::default()
    };
    let (_, report) = quantized(&network(), &asked("dw")).expect("quantized");
    assert!(report.float().any(|(node, why)| (node.name.as_str(), why) == ("dw", "asked for")), "{report:?}");
    let error = quantized(&network(), &asked("conv9")).expect_err("no such node").to_string();
    assert!(error.contains("conv9"), "{error}");
}

#[test]
fn the_report_tells_what_and_why() {
    let mut steps = Vec::new();
    let options = QuantizeOptions::default();
    let (eight_bit, report) =
        quantize(network(), &examples(5), &options, |step| steps.push(step)).expect("quantized");
    let float: Vec<(&str, &str)> = report.float().map(|(node, why)| (node.name.as_str(), why)).collect();
    assert_eq!(float, [("softmax", "no eight-bit kernel for Softmax")]);
    let fused = report.nodes.iter().filter(|node| node.role == Role::Fused).map(|node| node.name.as_str());
    assert_eq!(fused.collect::<Vec<_>>(), ["relu6", "relu"]);
    assert_eq!(report.calibration.inputs, 5);
    assert!(report.bytes_after < report.bytes_before);
    // The activations, the batch norm and the float weights are gone.
    assert!(
        eight_bit
            .nodes
            .iter()
            .all(|node| !["Clip", "Relu", "BatchNormalization"].contains(&node.op.as_str()))
    );
    assert!(["w1", "w2", "w3", "gamma", "six"].iter().all(|name| !eight_bit.constants.contains_key(*name)));
    for layer in &report.layers {
        assert!(layer.sqnr_db > 25.0 && layer.accumulated_sqnr_db > 20.0, "{layer:?}");
    }
    let worst = report.worst_layers(2);
    assert!(worst[0].sqnr_db <= worst[1].sqnr_db);
    assert!(report.layers.iter().all(|layer| worst[0].sqnr_db <= layer.sqnr_db));
    assert!(steps.contains(&Progress::Observed(5)) && steps.contains(&Progress::Measured(4)));
    assert!(steps.contains(&Progress::Pass("fold_batch_norms")));
}

/// A value whose only reader is a `Concat` has its scale, so that the node that computes it writes its bytes into the output
/// of the `Concat`.
#[test]
fn parts_of_a_concat_share_its_steps() {
    let mut numbers = Numbers(3);
    let mut float = network();
    float.nodes.truncate(3);
    for (name, channels, factor) in [("wa", 5, 0.2), ("wb", 16, 0.9), ("wc", 21, 0.4)] {
        let inputs = if name == "wc" { 21 + 8 } else { 8 };
        float.constants.insert(name.to_owned(), numbers.tensor(&[channels, inputs, 1, 1], factor));
    }
    float.nodes.extend([
        Node::new("a", "Conv", &["r1", "wa"], &["a1"]),
        Node::new("relu_a", "Relu", &["a1"], &["a2"]),
        Node::new("b", "Conv", &["r1", "wb"], &["b1"]),
        Node::new("inner", "Concat", &["a2", "b1"], &["ab"]).with("axis", 1i64),
        Node::new("outer", "Concat", &["ab", "r1"], &["abr"]).with("axis", 1i64),
        Node::new("c", "Conv", &["abr", "wc"], &["logits"]),
    ]);
    float.outputs.truncate(1);
    float.outputs[0].shape = [1, 21, 8, 8].map(Some).to_vec();
    let (eight_bit, report) = quantized(&float, &QuantizeOptions::default()).expect("quantized");
    let layers: Vec<&str> = report.layers.iter().map(|layer| layer.node.as_str()).collect();
    assert_eq!(layers, ["conv", "a", "b", "inner", "outer", "c"]);

    let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("runs");
    // `ab` must be copied into `abr`, because it is a `Concat` itself. `r1` has other readers.
    assert_eq!(executor.explain().matches("join").count(), 2, "{}", executor.explain());
    let fused = passes::fuse_quantized(&eight_bit).expect("fuses");
    for seed in 100..105 {
        let input = Numbers(seed).tensor(&INPUT, 2.0);
        let found = executor.run(&[("x", &input)]).expect("a run");
        assert_eq!(found, ops::evaluate_graph(&fused, &[("x", &input)]).expect("runs"));
        let expected = ops::evaluate_graph(&float, &[("x", &input)]).expect("runs");
        let range = report.calibration.ranges["logits"];
        for (expected, found) in
            expected[0].as_f32().expect("f32").iter().zip(found[0].as_f32().expect("f32"))
        {
            assert!((expected - found).abs() < 0.05 * (range.max - range.min), "{expected} became {found}");
        }
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let options = QuantizeOptions::default();
    let error = |graph: &Graph, examples: Vec<Vec<Tensor>>, options: &QuantizeOptions| {
        quantize(graph, &examples, options, |_| {}).expect_err("must fail").to_string()
    };
    let good = || vec![vec![Numbers(1).tensor(&INPUT, 1.0)]];

    let message = error(&network(), Vec::new(), &options);
    assert!(message.contains("calibration set") && message.contains("empty"), "{message}");
    let unreadable = FromFn::new(1, |_| Err(Error::argument("photo.png", "is not a photo")));
    let message = quantize(network(), &unreadable, &options, |_| {}).expect_err("must fail").to_string();
    assert_eq!(message, "photo.png: is not a photo");
    let message = error(&network(), vec![Vec::new()], &options);
    assert!(message.contains("0 tensors") && message.contains("1 inputs"), "{message}");
    for percent in [0.0, -1.0, 100.5, f64::NAN] {
        let options = QuantizeOptions {
            method: CalibrationMethod::Percentile(percent),
            measured: 0,
            ..QuantizeOptions::default()
        };
        let message = error(&network(), good(), &options);
        assert!(message.starts_with("percentile"), "{message}");
    }

    let mut input = Numbers(1).tensor(&INPUT, 1.0);
    input.values_mut::<f32>().expect("f32")[5] = f32::INFINITY;
    let message = error(&network(), vec![vec![input]], &options);
    assert!(message.contains("\"x\"") && message.contains("inf"), "{message}");

    let (eight_bit, _) = quantized(&network(), &options).expect("quantized");
    let message = error(&eight_bit, good(), &options);
    assert!(message.contains("quantized already"), "{message}");
}

#[test]
fn nan_weights_are_named_before_anything_runs() {
    let mut broken = network();
    broken.constants.get_mut("w3").expect("there").values_mut::<f32>().expect("f32")[0] = f32::NAN;
    let never = FromFn::new(1, |_| -> Result<Vec<Tensor>, Error> { panic!("an example was asked for") });
    let message =
        quantize(&broken, &never, &QuantizeOptions::default(), |_| {}).expect_err("NaN").to_string();
    assert!(["\"fc\"", "\"w3\"", "element 0 is NaN"].iter().all(|part| message.contains(part)), "{message}");
}
