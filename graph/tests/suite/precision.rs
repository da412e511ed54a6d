//! Networks of few bits against plain computations, element by element.

use std::collections::BTreeMap;

use eightbit_graph::passes::fake_quantize;
use eightbit_graph::precision::{
    BitWidth, FixedPoint, Format, Precision, Quantizer, Study, input_ranges, quantize_weights_to,
};
use eightbit_graph::quantize::{
    Affine, Calibration, CalibrationMethod, Calibrator, Effort, Granularity, QuantizeOptions, Range, Roles,
    quantize,
};
use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Limits, Node, Tensor, ValueInfo, passes};
use eightbit_testing::Random;

fn value(name: &str, shape: &[usize]) -> ValueInfo {
    ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: shape.iter().copied().map(Some).collect(),
    }
}

fn tensor(shape: &[usize], seed: u64, scale: f32) -> Tensor {
    let mut random = Random(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.float() * scale).collect();
    Tensor::new(shape, values).expect("fits")
}

/// `x[1, 6] → hidden (Relu) → bytes (a Flatten moves them) → y`: two products with biases.
fn network() -> Graph {
    Graph {
        opset: 13,
        inputs: vec![value("x", &[1, 6])],
        outputs: vec![value("y", &[1, 4])],
        nodes: vec![
            Node::new("first", "Gemm", &["x", "w", "b"], &["h"]),
            Node::new("relu", "Relu", &["h"], &["r"]),
            Node::new("flat", "Flatten", &["r"], &["f"]),
            Node::new("last", "Gemm", &["f", "v", "c"], &["y"]).with("transB", 1i64),
        ],
        constants: [
            ("w", tensor(&[6, 5], 1, 1.0)),
            ("b", tensor(&[5], 2, 0.5)),
            ("v", tensor(&[4, 5], 3, 2.0)),
            ("c", tensor(&[4], 4, 0.5)),
        ]
        .into_iter()
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .collect(),
        ..Graph::default()
    }
}

fn examples() -> Vec<Vec<Tensor>> {
    (10..26).map(|seed| vec![tensor(&[1, 6], seed, 3.0)]).collect()
}

fn study() -> Study {
    Study::new(network(), &examples(), CalibrationMethod::MinMax, &Limits::default(), |_| {})
        .expect("calibrates")
}

fn run(graph: &Graph, x: &Tensor) -> Vec<f32> {
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("runs");
    executor.run(&[("x", x)]).expect("runs").remove(0).into_values().expect("floats")
}

fn bits(bits: u8) -> Format {
    Format::Bits(BitWidth::new(bits).expect("1 to 16"))
}

/// The network as loops in doubles, whose parts are on the grids that the functions give.
fn plain(
    x: &[f32],
    input: impl Fn(f32) -> f32,
    weights: impl Fn(&str, usize) -> Vec<f32>,
    bias: impl Fn(f32) -> f32,
    activation: impl Fn(f32) -> f32,
    sum: impl Fn(f32) -> f32,
) -> Vec<f32> {
    let graph = network();
    let bias_of =
        |name: &str, at: usize| f64::from(bias(graph.constants[name].as_f32().expect("floats")[at]));
    let (w, v) = (weights("w", 1), weights("v", 0));
    let hidden: Vec<f32> = (0..5)
        .map(|to| {
            let products = (0..6).map(|from| f64::from(input(x[from])) * f64::from(w[from * 5 + to]));
            activation(((products.sum::<f64>() + bias_of("b", to)) as f32).max(0.0))
        })
        .collect();
    let last = |to: usize| {
        let products = (0..5).map(|from| f64::from(hidden[from]) * f64::from(v[to * 5 + from]));
        sum((products.sum::<f64>() + bias_of("c", to)) as f32)
    };
    (0..4).map(last).collect()
}

/// The grid of a value by the definition, in doubles.
fn grid(range: Range, bits: u8) -> impl Fn(f32) -> f32 {
    let (min, max) = (f64::from(range.min.min(0.0)), f64::from(range.max.max(0.0)));
    let signs = bits == 1 && max.min(-min) >= max.max(-min) / 3.0;
    let levels = 2f64.powi(bits.into()) - 1.0;
    let span = if bits == 1 { max.max(-min) } else { max - min };
    let zero = (-min / (span / levels)).round().min(levels);
    move |x: f32| {
        let step = span / levels;
        let y = match signs {
            true => max.max(-min) / 2.0 * if x >= 0.0 { 1.0 } else { -1.0 },
            false => ((f64::from(x) / step + zero).round().clamp(0.0, levels) - zero) * step,
        };
        y as f32
    }
}

/// Weights by the definition, in doubles.
fn rounded_weights(name: &str, axis: usize, bits: u8) -> Vec<f32> {
    let graph = network();
    let tensor = &graph.constants[name];
    let values = tensor.as_f32().expect("floats");
    let channel = |at: usize| if axis == 0 { at / tensor.shape()[1] } else { at % tensor.shape()[1] };
    let of_channel = |at: usize| {
        (0..values.len())
            .filter(move |&other| channel(other) == channel(at))
            .map(|at| f64::from(values[at].abs()))
    };
    (0..values.len())
        .map(|at| {
            let x = f64::from(values[at]);
            if bits == 1 {
                let mean = of_channel(at).sum::<f64>() / of_channel(at).count() as f64;
                return if x >= 0.0 { mean as f32 } else { -mean as f32 };
            }
            let scale = of_channel(at).fold(0.0, f64::max) / (2f64.powi(i32::from(bits) - 1) - 1.0);
            ((x / scale).round() * scale) as f32
        })
        .collect()
}

fn floats(name: &str, _: usize) -> Vec<f32> {
    network().constants[name].as_f32().expect("floats").to_vec()
}

fn close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len());
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance * b.abs().max(1.0);
    assert!(found.iter().zip(expected).all(close), "{what}: {found:?}, not {expected:?}");
}

/// What rounded sums differ by.
const SUMS: f32 = 2e-5;

#[test]
fn every_part_in_every_width_equals_a_plain_computation() {
    let study = study();
    let ranges = &study.calibration().ranges;
    let same = |x: f32| x;
    for width in 1..=16u8 {
        // Fine steps: a sum that is rounded may come to lie on the next one.
        let tolerance = if width > 12 { 16.0 / f32::from(width).exp2() } else { SUMS };
        let (input, activation) = (grid(ranges["x"], width), grid(ranges["r"], width));
        for parts in 1..8 {
            let [reduces_inputs, reduces_weights, reduces_activations] =
                [1, 2, 4].map(|part| parts & part != 0);
            let of = |reduces: bool| reduces.then(|| bits(width));
            let graph = study
                .reduced(&Precision {
                    inputs: of(reduces_inputs),
                    weights: of(reduces_weights),
                    activations: of(reduces_activations),
                    ..Precision::default()
                })
                .expect("finite");
            for example in examples() {
                let expected = plain(
                    example[0].as_f32().expect("floats"),
                    |x| if reduces_inputs { input(x) } else { x },
                    |name, axis| {
                        if reduces_weights { rounded_weights(name, axis, width) } else { floats(name, axis) }
                    },
                    same,
                    |x| if reduces_activations { activation(x) } else { x },
                    same,
                );
                close(&run(&graph, &example[0]), &expected, tolerance, &format!("{width} bits of {parts}"));
            }
        }
    }
}

/// A fixed point holds for biases and for the sums that leave the network, too.
#[test]
fn fixed_points_equal_a_plain_computation() {
    for format in
        ["16,6", "8,4,AP_RND,AP_SAT", "6,3,AP_TRN_ZERO,AP_WRAP", "ap_fixed<12,4,AP_RND_CONV,AP_SAT_SYM>"]
    {
        let format: FixedPoint = format.parse().expect("a format");
        let all = Some(Format::Fixed(format));
        let precision = Precision { inputs: all, weights: all, activations: all, ..Precision::default() };
        let graph = study().reduced(&precision).expect("finite");
        let apply = |x: f32| format.apply(x);
        for example in examples() {
            let weights = |name: &str, axis: usize| floats(name, axis).into_iter().map(apply).collect();
            let x = example[0].as_f32().expect("floats");
            let expected = plain(x, apply, weights, apply, apply, apply);
            // Sums of such products are exact in either order.
            assert_eq!(run(&graph, &example[0]), expected, "{format}");
        }
    }
}

#[test]
fn single_layers_are_reduced_alone() {
    let study = study();
    let layers: Vec<(&str, usize, bool)> = study
        .layers()
        .iter()
        .map(|layer| (layer.node.as_str(), layer.weights, layer.has_activation))
        .collect();
    assert_eq!(layers, [("first", 30, true), ("last", 20, false)]);
    let of = |layer: &str| Precision {
        weights: Some(bits(3)),
        activations: Some(bits(4)),
        layers: Some([layer.to_owned()].into()),
        ..Precision::default()
    };
    let same = |x: f32| x;
    let activation = grid(study.calibration().ranges["r"], 4);
    for example in examples() {
        let x = example[0].as_f32().expect("floats");
        let only = |reduced: &'static str| {
            move |name: &str, axis: usize| {
                if name == reduced { rounded_weights(name, axis, 3) } else { floats(name, axis) }
            }
        };
        let first = run(&study.reduced(&of("first")).expect("finite"), &example[0]);
        close(&first, &plain(x, same, only("w"), same, &activation, same), SUMS, "first");
        let last = run(&study.reduced(&of("last")).expect("finite"), &example[0]);
        close(&last, &plain(x, same, only("v"), same, same, same), SUMS, "last");
    }
    let error = study.reduced(&of("no such")).expect_err("no layer").to_string();
    assert!(error.contains("\"no such\""), "{error}");
}

/// Eight bits of everything are what the converter writes, but for biases and sums, which it rounds.
#[test]
fn eight_bits_are_near_the_eight_bit_network() {
    let all = Some(bits(8));
    let precision = Precision { inputs: all, weights: all, activations: all, ..Precision::default() };
    let reduced = study().reduced(&precision).expect("finite");
    let (method, effort) = (CalibrationMethod::MinMax, Effort::None);
    let options = QuantizeOptions { method, effort, ..QuantizeOptions::default() };
    let (eight_bit, _) = quantize(network(), &examples(), &options, |_| {}).expect("quantizes");
    for example in examples() {
        let pairs = run(&reduced, &example[0]).into_iter().zip(run(&eight_bit, &example[0]));
        for (a, b) in pairs {
            assert!((a - b).abs() < 2e-3, "{a} {b}");
        }
    }
}

/// Bytes are those of the converter: the same scales and zero points.
#[test]
fn eight_bits_have_the_scales_of_bytes() {
    let mut random = Random(7);
    for _ in 0..1000 {
        let ends = [random.float() * 10.0, random.float() * 10.0];
        let range = Range { min: ends[0].min(ends[1]), max: ends[0].max(ends[1]) };
        let affine = Affine::covering(range);
        let Quantizer::Affine { scale, zero_point, .. } = Quantizer::covering(range, bits(8)) else {
            panic!("an affine grid")
        };
        assert_eq!((scale, zero_point), (affine.scale, affine.zero_point.into()));
        for _ in 0..20 {
            let x = random.float() * 12.0;
            let (a, b) =
                (Quantizer::covering(range, bits(8)).apply(x), affine.dequantize(affine.quantize(x)));
            assert!(a == b || (a - b).abs() <= scale * 1.001 && is_a_tie(x, scale), "{x}: {a} {b}");
        }
    }
}

/// Whether `x` is in the middle of two steps, as exactly as a rounded sum with a zero point tells.
fn is_a_tie(x: f32, scale: f32) -> bool {
    (((f64::from(x) / f64::from(scale)).abs() % 1.0) - 0.5).abs() < 1.0 / 65536.0
}

#[test]
fn sizes_of_weights() {
    let study = study();
    let of = |weights, granularity, layers| {
        study.weight_bytes(&Precision { weights, granularity, layers, ..Precision::default() })
    };
    let (channels, tensor) = (Granularity::PerChannel, Granularity::PerTensor);
    let biases = 4 * (5 + 4);
    assert_eq!(of(None, channels, None), biases + 4 * 50);
    // 30 and 20 weights of three bits, and 5 and 4 scales.
    assert_eq!(of(Some(bits(3)), channels, None), biases + 12 + 8 + 4 * 9);
    assert_eq!(of(Some(bits(3)), tensor, None), biases + 12 + 8 + 4 * 2);
    let fixed = Format::Fixed(FixedPoint::new(12, 2).expect("in range"));
    assert_eq!(of(Some(fixed), channels, None), biases + 45 + 30);
    assert_eq!(of(Some(bits(4)), channels, Some(["last".to_owned()].into())), biases + 120 + 10 + 4 * 4);
}

/// The pass alone: what it adds, and what it refuses.
#[test]
fn the_pass_adds_nodes_where_bytes_would_be() {
    let graph = network();
    let mut calibrator = Calibrator::new(&graph).expect("runs");
    calibrator.observe(&[("x", &examples()[0][0])]).expect("finite");
    let calibration = calibrator.calibration(CalibrationMethod::MinMax).expect("an example");
    let roles = Roles::new(&graph).expect("float");
    let all = Some(bits(4));
    let precision = Precision { inputs: all, activations: all, ..Precision::default() };
    let reduced = fake_quantize(&graph, &roles, &calibration, &precision).expect("finite");
    reduced.validate().expect("sound");
    let lines: Vec<String> = reduced
        .nodes
        .iter()
        .map(|node| format!("{}({})→{}", node.op, node.inputs[0], node.outputs[0]))
        .collect();
    assert_eq!(
        lines,
        [
            "Quant(x)→reduced",
            "Gemm(reduced)→h",
            "Relu(h)→float",
            "Quant(float)→r",
            "Flatten(r)→f",
            "Gemm(f)→y"
        ]
    );
    // What is written is read again.
    let bytes = reduced.to_onnx_bytes().expect("written");
    let again = Graph::from_onnx_bytes(&bytes).expect("read");
    assert_eq!(run(&again, &examples()[0][0]), run(&reduced, &examples()[0][0]));
    let nothing = Calibration { ranges: BTreeMap::new(), inputs: 1 };
    let error = fake_quantize(&graph, &roles, &nothing, &precision).expect_err("no range").to_string();
    assert!(error.contains("\"x\"") && error.contains("was not observed"), "{error}");
    let mut infinite = graph.clone();
    infinite.constants.insert("w".to_owned(), Tensor::new([6, 5], vec![f32::NAN; 30]).expect("fits"));
    let precision = Precision { weights: all, ..Precision::default() };
    let error = fake_quantize(&infinite, &roles, &calibration, &precision).expect_err("NaN").to_string();
    assert!(["\"first\"", "\"w\"", "NaN"].iter().all(|part| error.contains(part)), "{error}");
}

/// Two layers with the same weights, of which one is reduced.
#[test]
fn shared_weights_stay_for_who_is_not_reduced() {
    let square = tensor(&[4, 4], 5, 1.0);
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", &[3, 4])],
        outputs: vec![value("y", &[3, 4])],
        nodes: vec![
            Node::new("a", "MatMul", &["x", "w"], &["h"]),
            Node::new("b", "MatMul", &["h", "w"], &["y"]),
        ],
        constants: [("w".to_owned(), square.clone())].into(),
        ..Graph::default()
    };
    let examples = vec![vec![tensor(&[3, 4], 8, 1.0)]];
    let study = Study::new(&graph, &examples, CalibrationMethod::MinMax, &Limits::default(), |_| {})
        .expect("calibrates");
    let layers = Some(["b".to_owned()].into());
    let reduced =
        study.reduced(&Precision { weights: Some(bits(2)), layers, ..Precision::default() }).expect("finite");
    let rounded = quantize_weights_to(&square, 1, bits(2), Granularity::PerChannel).expect("finite");
    let read = |name: &str| {
        let node = reduced.nodes.iter().find(|node| node.name == name).expect("the node");
        reduced.constants[&node.inputs[1]].clone()
    };
    assert_eq!((read("a"), read("b")), (square, rounded));
}

#[test]
fn ranges_of_inputs_are_those_of_a_calibration() {
    for method in [CalibrationMethod::MinMax, CalibrationMethod::Percentile(90.0), CalibrationMethod::Mse] {
        let mut count = 0;
        let ranges =
            input_ranges(&network(), &examples(), method, |observed| count = observed).expect("finite");
        let study =
            Study::new(network(), &examples(), method, &Limits::default(), |_| {}).expect("calibrates");
        assert_eq!((ranges.len(), count), (1, 16));
        assert_eq!(ranges["x"], study.calibration().ranges["x"]);
    }
    let none: Vec<Vec<Tensor>> = Vec::new();
    assert!(input_ranges(&network(), &none, CalibrationMethod::MinMax, |_| {}).is_err());
    let study = Study::new(network(), &none, CalibrationMethod::MinMax, &Limits::default(), |_| {});
    assert!(study.expect_err("no example").to_string().contains("empty"));
}

/// A network of an eight-bit file, and one that is reduced already.
#[test]
fn networks_that_are_quantized_are_refused_or_stay() {
    let (eight_bit, _) =
        quantize(network(), &examples(), &QuantizeOptions::default(), |_| {}).expect("quantizes");
    let refused = Study::new(&eight_bit, &examples(), CalibrationMethod::MinMax, &Limits::default(), |_| {});
    assert!(refused.expect_err("bytes").to_string().contains("quantized already"));
    let inputs = input_ranges(&network(), &examples(), CalibrationMethod::MinMax, |_| {}).expect("finite");
    let reduced =
        passes::quantize_inputs(network(), &inputs, BitWidth::new(4).expect("four")).expect("an input");
    let study = Study::new(&reduced, &examples(), CalibrationMethod::MinMax, &Limits::default(), |_| {});
    let study = study.expect("floats");
    let layers: Vec<&str> = study.layers().iter().map(|layer| layer.op.as_str()).collect();
    assert_eq!(layers, ["Quant", "Gemm", "Gemm"]);
}
