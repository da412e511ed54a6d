//! What is foretold, beside what a graph computes from normally distributed numbers.

use super::*;
use crate::ops::evaluate_graph;
use crate::{Node, Tensor, ValueInfo};

const CHANNELS: usize = 4;
const SIDE: usize = 64;

/// Independent numbers of a standard normal distribution, by the central limit theorem.
fn normal(seed: u64) -> Tensor {
    let (mut state, shape) = (seed, [1, CHANNELS, SIDE, SIDE]);
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let count = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect();
    Tensor::new(shape, numbers).expect("as many")
}

fn constant(name: &str, shape: &[usize], values: &[f32]) -> (String, Tensor) {
    (name.to_owned(), Tensor::new(shape, values.to_vec()).expect("as many"))
}

/// `nodes` after a batch normalization `n` of `x`, whose channels are 0.5 ± 1, −1 ± 2, 2 ± 0.5 and 0 ± 3; another input is `z`.
fn graph(nodes: Vec<Node>) -> Graph {
    let value = |name: &str| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: [1, CHANNELS, SIDE, SIDE].map(Some).to_vec(),
    };
    let mut constants: BTreeMap<String, Tensor> = [
        constant("scale", &[4], &[1.0, 2.0, -0.5, 3.0]),
        constant("shift", &[4], &[0.5, -1.0, 2.0, 0.0]),
        constant("zeros", &[4], &[0.0; 4]),
        constant("ones", &[4], &[1.0; 4]),
        constant("zero", &[], &[0.0]),
        constant("six", &[], &[6.0]),
        constant("numbers", &[4, 1, 1], &[1.0, -2.0, 4.0, 0.5]),
        constant("mixing", &[2, 4, 1, 1], &[1.0, 0.5, -1.0, 2.0, 0.0, 1.0, 3.0, -0.25]),
        constant("groups", &[4, 2, 1, 1], &[1.0, 0.5, -1.0, 2.0, 0.0, 1.0, 3.0, -0.25]),
        constant("matrix", &[4, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 0.25, 0.0, 1.0, 2.0, 0.5, 0.5, -4.0]),
        constant("bias", &[3], &[10.0, 20.0, 30.0]),
    ]
    .into();
    constants.insert("rows".to_owned(), Tensor::vector([-1i64, 4]));
    constants.insert("amounts".to_owned(), Tensor::vector([0i64, 0, 1, 1, 0, 0, 1, 1]));
    let norm = Node::new("norm", "BatchNormalization", &["x", "scale", "shift", "zeros", "ones"], &["n"]);
    let outputs = nodes.iter().flat_map(|node| &node.outputs).map(|name| value(name)).collect();
    let nodes = std::iter::once(norm.with("epsilon", 0.0f32)).chain(nodes).collect();
    Graph { inputs: vec![value("x"), value("z")], outputs, nodes, constants, opset: 13, ..Graph::default() }
}

/// Inputs of a standard normal distribution.
fn standard() -> DataFreeOptions {
    let range = Range { min: -6.0, max: 6.0 };
    DataFreeOptions {
        other_inputs: InputMoments { range, mean: 0.0, deviation: 1.0 },
        ..DataFreeOptions::default()
    }
}

/// Mean, deviation and ends of each channel of a tensor.
fn measured(tensor: &Tensor, axis: usize, channels: usize) -> Vec<Moments> {
    let run: usize = tensor.shape()[axis + 1..].iter().product();
    let values = tensor.as_f32().expect("floats");
    let channel = |channel: usize| {
        let own = values.iter().enumerate().filter(move |(at, _)| at / run % tensor.shape()[axis] == channel);
        let own = own.map(|(_, value)| Moments::constant(f64::from(*value)));
        Moments::mixture(own.collect::<Vec<_>>().into_iter())
    };
    (0..channels).map(channel).collect()
}

/// What is foretold of `nodes`.
fn foretold(nodes: Vec<Node>) -> DataFree {
    statistics(&graph(nodes), &standard()).expect("a valid graph")
}

/// Checks what is foretold of all outputs of `nodes`.
fn check(nodes: Vec<Node>) -> DataFree {
    let graph = graph(nodes);
    let found = statistics(&graph, &standard()).expect("a valid graph");
    let outputs = evaluate_graph(&graph, &[("x", &normal(1)), ("z", &normal(2))]).expect("it runs");
    for (info, output) in graph.outputs.iter().zip(outputs) {
        let (name, foretold) = (&info.name, found.moments.get(&info.name));
        let foretold = foretold.unwrap_or_else(|| panic!("{name}: {:?}", found.unknown));
        let channels = foretold.mean.len();
        let (axis, all) = if channels == 1 { (0, 1) } else { (foretold.axis, output.shape()[foretold.axis]) };
        let flat =
            Tensor::new([1, output.len()], output.as_f32().expect("floats").to_vec()).expect("as many");
        let true_ones = if channels == 1 { measured(&flat, 0, 1) } else { measured(&output, axis, channels) };
        assert_eq!(channels, all, "{name}");
        for (index, truth) in true_ones.iter().enumerate() {
            let (mean, deviation) = (f64::from(foretold.mean[index]), f64::from(foretold.deviation[index]));
            // Of 4096 numbers; some of what they are computed from is shared.
            let close = 0.08 * (truth.deviation + 0.1);
            assert!((mean - truth.mean).abs() < close, "{name} {index}: mean {mean}, {truth:?}");
            let is_close = (deviation - truth.deviation).abs() < close;
            assert!(is_close, "{name} {index}: deviation {deviation}, {truth:?}");
            let range = found.ranges[name];
            // The least and the greatest value of a curve may lie between its points.
            let slack = 1e-4 * f64::from(range.max - range.min);
            assert!(
                f64::from(range.min) - slack <= truth.low && truth.high <= f64::from(range.max) + slack,
                "{name}: {range:?}, {truth:?}"
            );
        }
    }
    found
}

#[test]
fn clamps_and_curves() {
    let found = check(vec![
        Node::new("relu", "Relu", &["n"], &["r"]),
        Node::new("clip", "Clip", &["n", "zero", "six"], &["c"]),
        Node::new("sigmoid", "Sigmoid", &["n"], &["s"]),
        Node::new("again", "Relu", &["c"], &["a"]),
        Node::new("swish", "Mul", &["s", "n"], &["gated"]),
    ]);
    // The least of x · sigmoid(x) is −0.278.
    assert!(found.ranges["gated"].min > -0.3, "{:?}", found.ranges["gated"]);
    assert_eq!(found.ranges["c"], Range { min: 0.0, max: 6.0 });
    assert_eq!(found.moments["a"], found.moments["c"], "there is nothing left to cut off");
}

#[test]
fn products() {
    check(vec![
        Node::new("conv", "Conv", &["n", "mixing"], &["m"]),
        Node::new("grouped", "Conv", &["n", "groups"], &["g"]).with("group", 2),
        Node::new("rows", "Transpose", &["n"], &["t"]).with("perm", vec![0, 2, 3, 1]),
        Node::new("matrix", "Reshape", &["t", "rows"], &["f"]),
        Node::new("gemm", "Gemm", &["f", "matrix", "bias"], &["p"])
            .with("alpha", 2.0f32)
            .with("beta", 0.5f32),
        Node::new("matmul", "MatMul", &["t", "matrix"], &["q"]),
    ]);
}

#[test]
fn arithmetic() {
    let found = check(vec![
        Node::new("add", "Add", &["n", "numbers"], &["a"]),
        Node::new("sub", "Sub", &["numbers", "n"], &["s"]),
        Node::new("mul", "Mul", &["n", "numbers"], &["m"]),
        Node::new("div", "Div", &["n", "numbers"], &["d"]),
        Node::new("six", "Mul", &["six", "n"], &["six_times"]),
        Node::new("both", "Add", &["n", "z"], &["b"]),
        Node::new("other", "Sub", &["z", "n"], &["o"]),
    ]);
    let (a, d) = (&found.moments["a"], &found.moments["d"]);
    assert_eq!((a.mean[1], a.deviation[1]), (-3.0, 2.0));
    assert_eq!((d.mean[3], d.deviation[3], d.mean_of(4)), (0.0, 6.0, None));
}

#[test]
fn moves_keep_channels() {
    let found = foretold(vec![
        Node::new("flat", "Flatten", &["n"], &["f"]),
        Node::new("concat", "Concat", &["n", "x", "n"], &["c"]).with("axis", 1),
        Node::new("split", "Split", &["c"], &["first", "second", "third"]).with("axis", -3),
        Node::new("pad", "Pad", &["n", "amounts"], &["padded"]),
    ]);
    assert_eq!(found.moments["f"].mean.len(), CHANNELS * SIDE * SIDE);
    assert_eq!(found.moments["c"].mean.len(), 3 * CHANNELS);
    assert_eq!(found.moments["third"], found.moments["n"]);
    assert_eq!(found.ranges["second"], Range { min: -6.0, max: 6.0 });
    assert_eq!(found.moments["padded"], found.moments["n"]);
    assert_eq!(found.unknown, []);
}

#[test]
fn pools_stay_within_what_they_pool() {
    let found = foretold(vec![
        Node::new("clip", "Clip", &["n", "zero", "six"], &["c"]),
        Node::new("global", "GlobalAveragePool", &["c"], &["g"]),
        Node::new("whole", "AveragePool", &["c"], &["w"]).with("kernel_shape", vec![SIDE as i64; 2]),
        Node::new("largest", "MaxPool", &["c"], &["m"]).with("kernel_shape", vec![2, 2]),
    ]);
    assert_eq!(found.moments["g"].mean, found.moments["c"].mean);
    assert!(found.moments["g"].deviation[0] < found.moments["c"].deviation[0]);
    assert_eq!((&found.moments["w"], found.ranges["w"]), (&found.moments["g"], found.ranges["g"]));
    assert!(found.ranges["g"].max <= 6.0 && found.ranges["m"].max <= 6.0);
    assert!(found.moments["m"].mean[0] > found.moments["c"].mean[0]);
}

#[test]
fn what_cannot_be_known_says_why() {
    let nodes = vec![
        Node::new("sum", "CumSum", &["n", "rows"], &["s"]),
        Node::new("relu", "Relu", &["s"], &["r"]),
        Node::new("other", "Relu", &["n"], &["o"]),
    ];
    let found = foretold(nodes);
    let [(first, why), (second, then)] = &found.unknown[..] else { panic!("{:?}", found.unknown) };
    assert_eq!((first.as_str(), second.as_str()), ("s", "r"));
    assert!(why.contains("CumSum") && why.contains("calibrate with examples"), "{why}");
    assert!(then.contains("\"s\""), "{then}");
    assert!(found.moments.contains_key("o"));
}

/// Each `Concat` has twice the channels of the one before.
#[test]
fn channels_without_end_are_not_counted() {
    let name = |index: usize| if index == 0 { "n".to_owned() } else { format!("c{index}") };
    let double = |index: usize| {
        let (from, to) = (name(index), name(index + 1));
        Node::new(&to, "Concat", &[&from, &from], &[&to]).with("axis", 1)
    };
    let mut graph = graph((0..40).map(double).collect());
    graph.inputs.iter_mut().for_each(|input| input.shape = [1, CHANNELS, 1, 1].map(Some).to_vec());
    let found = statistics(&graph, &standard()).expect("a valid graph");
    assert!(found.moments.contains_key("c10"));
    let (_, why) = found.unknown.first().expect("too many");
    assert!(why.contains("channels"), "{why}");
}

#[test]
fn options_are_finite() {
    let options = DataFreeOptions { reach: f32::NAN, ..standard() };
    assert!(statistics(&graph(Vec::new()), &options).is_err());
    let photos = InputMoments::photos(Range { min: -1.0, max: f32::INFINITY });
    let options = DataFreeOptions { inputs: [("x".to_owned(), photos)].into(), ..standard() };
    assert!(statistics(&graph(Vec::new()), &options).is_err());
}
