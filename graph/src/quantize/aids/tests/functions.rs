//! What changes a float graph keeps the function that it computes.

use eightbit_testing::Random;

use super::{difference, examples, graph, largest, output, planned, random};
use crate::quantize::aids::classes::classes;
use crate::quantize::aids::copies::{copied, widened};
use crate::quantize::aids::equalize::{Which, candidates, equalized, equalized_weights};
use crate::{Graph, Limits, Node, Tensor};

const INPUT: [usize; 4] = [1, 3, 10, 10];

/// `tensor` with its element number `at` replaced by that of `of`.
fn edited(tensor: &Tensor, of: impl Fn(usize, f32) -> f32) -> Tensor {
    let values = tensor.as_f32().expect("floats").iter().enumerate().map(|(at, &value)| of(at, value));
    Tensor::new(tensor.shape(), values.collect::<Vec<_>>()).expect("as many")
}

/// A stem, two depthwise blocks with a residual sum, pools, and a classifier. Channels 2 and 5 of the first depthwise layer are dead,
/// channel 0 has large weights; the channels of the bottleneck differ a hundredfold. With `high` biases of the stem, its activation cuts
/// nothing off.
fn network(high: bool) -> Graph {
    let mut numbers = Random(5);
    let mut of = |shape: &[usize], factor| random(&mut numbers, shape, factor);
    let stem_bias = if high { Tensor::vector(vec![3.0f32; 8]) } else { of(&[8], 0.5) };
    let depthwise = edited(&of(&[8, 1, 3, 3], 0.2), |at, weight| match at / 9 {
        2 | 5 => 0.0,
        0 => 8.0 * weight,
        _ => weight,
    });
    let bottleneck =
        edited(&of(&[6, 8, 1, 1], 0.4), |at, weight| if at / 8 < 3 { 0.01 * weight } else { weight });
    let back = edited(&of(&[6, 8, 1, 1], 0.4), |at, weight| if at / 8 < 3 { 0.01 * weight } else { weight });
    let constants = [
        ("zero", Tensor::scalar(0.0f32)),
        ("six", Tensor::scalar(6.0f32)),
        ("w1", of(&[8, 3, 3, 3], 0.3)),
        ("b1", stem_bias),
        ("w2", depthwise),
        ("b2", of(&[8], 0.2)),
        ("w3", bottleneck),
        ("b3", Tensor::vector(vec![0.0f32; 6])),
        ("w4", of(&[8, 6, 1, 1], 0.8)),
        ("w5", of(&[8, 1, 3, 3], 0.5)),
        ("b5", of(&[8], 0.2)),
        ("w6", back),
        ("w7", of(&[8, 6, 1, 1], 0.5)),
        ("w8", of(&[5, 8], 0.7)),
        ("b8", of(&[5], 0.1)),
    ];
    let pads = |node: Node| node.with("pads", vec![1i64; 4]);
    let clip = |name: &str, from: &str, to: &str| Node::new(name, "Clip", &[from, "zero", "six"], &[to]);
    let nodes = vec![
        pads(Node::new("stem", "Conv", &["x", "w1", "b1"], &["c1"])).with("strides", vec![2i64; 2]),
        clip("relu6", "c1", "r1"),
        pads(Node::new("depthwise", "Conv", &["r1", "w2", "b2"], &["c2"])).with("group", 8i64),
        Node::new("project", "Conv", &["c2", "w3", "b3"], &["c3"]),
        Node::new("expand", "Conv", &["c3", "w4"], &["c4"]),
        Node::new("relu_4", "Relu", &["c4"], &["r4"]),
        pads(Node::new("depthwise_5", "Conv", &["r4", "w5", "b5"], &["c5"])).with("group", 8i64),
        clip("relu6_5", "c5", "r5"),
        Node::new("back", "Conv", &["r5", "w6"], &["c6"]),
        Node::new("add", "Add", &["c3", "c6"], &["sum"]),
        Node::new("max", "MaxPool", &["sum"], &["m"]).with("kernel_shape", vec![2i64, 2]),
        Node::new("last", "Conv", &["m", "w7"], &["c7"]),
        Node::new("relu_7", "LeakyRelu", &["c7"], &["r7"]),
        Node::new("mean", "GlobalAveragePool", &["r7"], &["g"]),
        Node::new("flat", "Flatten", &["g"], &["f"]),
        Node::new("classify", "Gemm", &["f", "w8", "b8"], &["y"]).with("transB", 1i64),
    ];
    graph(&INPUT, &[1, 5], nodes, &constants)
}

/// How far the outputs of two graphs are from each other, as a part of the largest.
fn apart(before: &Graph, after: &Graph) -> f32 {
    after.validate().expect("still sound");
    examples(77, 8, &INPUT).iter().fold(0.0, |most, example| {
        let (before, after) = (output(before, &example[0]), output(after, &example[0]));
        most.max(difference(&before, &after) / largest(&before))
    })
}

/// The constants of `after` that are not those of `before`.
fn changed(before: &Graph, after: &Graph) -> usize {
    after
        .constants
        .values()
        .filter(|new| before.constants.values().all(|old| old.address() != new.address()))
        .count()
}

#[test]
fn equalization_keeps_the_function() {
    let before = network(false);
    let (observation, plan) = planned(&before, &examples(1, 12, &INPUT));
    let statistics = observation.seen.channels();
    let after = equalized(&before, plan.roles(), &statistics, Which::Unbounded)
        .expect("a plain graph")
        .expect("the bottleneck's channels differ");
    assert!(apart(&before, &after) < 1e-5, "{}", apart(&before, &after));
    let weights = |graph: &Graph, node: &str| {
        let node = graph.nodes.iter().find(|one| one.name == node).expect("is there");
        graph.constants[&node.inputs[1]].clone()
    };
    for node in ["project", "expand", "back", "last"] {
        assert_ne!(weights(&before, node), weights(&after, node), "{node}");
    }
    let [old, new] = [&before, &after].map(|graph| weights(graph, "stem").address());
    assert_eq!(old, new, "what does not change is shared");
    // The channels of the sum are nearer to each other than before.
    let spread = |graph: &Graph| {
        let (observation, _) = planned(graph, &examples(1, 12, &INPUT));
        let of = observation.seen.channels()["sum"].clone();
        let sizes: Vec<f32> = of.max.iter().zip(&of.min).map(|(max, min)| max.max(-min)).collect();
        largest(&sizes) / sizes.iter().fold(f32::INFINITY, |least, &size| least.min(size))
    };
    assert!(spread(&after) < spread(&before) / 4.0, "{} {}", spread(&after), spread(&before));
}

/// One by one, values below an activation's bound change, too: never so far that it would cut off what was seen.
#[test]
fn every_candidate_keeps_the_function() {
    let before = network(false);
    let (observation, plan) = planned(&before, &examples(1, 12, &INPUT));
    let statistics = observation.seen.channels();
    let found = candidates(&before, plan.roles(), &statistics).expect("a plain graph");
    assert!(found.len() > 2, "{found:?}");
    let bounded = classes(&before).expect("a plain graph");
    let bounded: Vec<&str> =
        bounded.iter().filter(|class| class.bound == 6.0).flat_map(|class| class.values.clone()).collect();
    assert_eq!(bounded, ["c1", "r1", "c5", "r5"]);
    for value in found {
        let after = equalized(&before, plan.roles(), &statistics, Which::Of(&value))
            .expect("a plain graph")
            .expect("a candidate");
        assert!(apart(&before, &after) < 1e-5, "{value}: {}", apart(&before, &after));
    }
}

/// Weights of a layer with one scale: channels that are small before them have larger ones, as far as the bounds leave room.
#[test]
fn equalized_weights_keep_the_function() {
    let mut before = network(false);
    // Channel 1 of the second depthwise layer is written small, and read by large weights.
    for name in ["w5", "b5"] {
        let of_channel = before.constants[name].len() / 8;
        let small = |at: usize, value: f32| if at / of_channel == 1 { 0.01 * value } else { value };
        let tensor = edited(&before.constants[name], small);
        before.constants.insert(name.to_owned(), tensor);
    }
    let large =
        edited(&before.constants["w6"], |at, weight| if at % 8 == 1 { 50.0 * weight } else { weight });
    before.constants.insert("w6".to_owned(), large);
    let (observation, plan) = planned(&before, &examples(1, 12, &INPUT));
    let memory = (0, &Limits::default());
    let after = equalized_weights(&before, plan.roles(), &observation.seen.channels(), memory)
        .expect("a plain graph")
        .expect("channels differ");
    assert!(apart(&before, &after) < 1e-5, "{}", apart(&before, &after));
    // The largest weight of a layer as a part of the root of their mean square.
    let peak = |graph: &Graph, node: &str| {
        let node = graph.nodes.iter().find(|one| one.name == node).expect("is there");
        let weights = graph.constants[&node.inputs[1]].as_f32().expect("floats");
        let squares: f32 = weights.iter().map(|weight| weight * weight).sum();
        largest(weights) / (squares / weights.len() as f32).sqrt()
    };
    assert!(peak(&after, "back") < 0.5 * peak(&before, "back"), "{}", peak(&after, "back"));
    // What activations hold is as large as before.
    let (observed, _) = planned(&after, &examples(1, 12, &INPUT));
    for (value, of) in observation.seen.channels() {
        let [old, new] =
            [of, observed.seen.channels()[value]].map(|of| largest(&of.max).max(largest(&of.min)));
        assert!(new < 1.0001 * old, "{value}: {old} {new}");
    }
}

/// A bound cuts off what it did of a channel that was silent in the examples, and fires in others.
#[test]
fn silent_channels_keep_their_bounds() {
    let constants = [
        ("zero", Tensor::scalar(0.0f32)),
        ("six", Tensor::scalar(6.0f32)),
        ("w1", Tensor::new([4, 2, 1, 1], vec![0.5f32, 0.0, 0.7, 0.0, 0.0, 1.0, 0.3, 0.0]).expect("as many")),
        (
            "w2",
            Tensor::new([2, 4, 1, 1], vec![1.0f32, 0.3, 0.01, 0.2, 0.5, 0.8, 0.01, 0.4]).expect("as many"),
        ),
    ];
    let nodes = vec![
        Node::new("first", "Conv", &["x", "w1"], &["c"]),
        Node::new("relu6", "Clip", &["c", "zero", "six"], &["r"]),
        Node::new("second", "Conv", &["r", "w2"], &["y"]),
    ];
    let before = graph(&[1, 2, 4, 4], &[1, 2, 4, 4], nodes, &constants);
    let of = |first: f32, second: f32| {
        let values = (0..32).map(|at| if at < 16 { first * (at + 1) as f32 } else { second });
        Tensor::new([1, 2, 4, 4], values.collect::<Vec<_>>()).expect("as many")
    };
    let (observation, plan) = planned(&before, &[vec![of(0.1, 0.0)], vec![of(0.2, 0.0)]]);
    let statistics = observation.seen.channels();
    let found = equalized_weights(&before, plan.roles(), &statistics, (0, &Limits::default()));
    let after = found.expect("a plain graph").expect("the others have room");
    let awake = of(0.0, 1000.0);
    let (before, after) = (output(&before, &awake), output(&after, &awake));
    assert!(difference(&before, &after) < 1e-6, "{before:?} {after:?}");
    let short = Limits { max_bytes: 60, ..Limits::default() };
    let graph = &observation.graph;
    equalized_weights(graph, plan.roles(), &statistics, (0, &short)).expect_err("there is no room");
}

/// `graph`, in which a loud channel is copied to dead ones.
fn with_copies(graph: &Graph) -> Graph {
    let (observation, plan) = planned(graph, &examples(1, 12, &INPUT));
    let copied = copied(graph, &plan, &observation.seen.channels()).expect("a plain graph");
    copied.expect("dead channels and a loud one")
}

#[test]
fn copies_keep_the_function() {
    let before = network(true);
    let after = with_copies(&before);
    // Nothing is cut off, so that the offsets cancel.
    assert!(apart(&before, &after) < 1e-5, "{}", apart(&before, &after));
    let rows = depthwise_rows(&after);
    assert_eq!((&rows[2], &rows[5]), (&rows[0], &rows[0]), "both are copies of the loud one");
    assert_eq!(changed(&before, &after), 6, "weights and biases of three layers");

    // Offsets at an activation's bounds do not cancel, but change less than rounding does.
    let before = network(false);
    let after = with_copies(&before);
    assert!(apart(&before, &after) < 2e-3, "{}", apart(&before, &after));
}

/// A channel that never fires is dead whatever its weights, and no channel to copy.
#[test]
fn dead_channels_are_not_copied() {
    let mut before = network(true);
    let bias: Vec<f32> = (0..8).map(|channel| if channel == 2 { -100.0 } else { 3.0 }).collect();
    before.constants.insert("b1".to_owned(), Tensor::vector(bias));
    let weights = edited(&before.constants["w2"], |at, weight| if at / 9 == 2 { 50.0 } else { weight });
    before.constants.insert("w2".to_owned(), weights);
    let after = with_copies(&before);
    assert!(apart(&before, &after) < 1e-5, "{}", apart(&before, &after));
    let rows = depthwise_rows(&after);
    assert_eq!((&rows[2], &rows[5]), (&rows[0], &rows[0]), "both are copies of the loud one");

    // Where every channel is dead, there is nothing to copy.
    let weights = edited(&before.constants["w2"], |_, _| 0.0);
    before.constants.insert("w2".to_owned(), weights);
    let (observation, plan) = planned(&before, &examples(1, 12, &INPUT));
    let channels = observation.seen.channels();
    assert!(copied(&before, &plan, &channels).expect("a plain graph").is_none());
}

/// `graph` with more channels, if there is a place for them.
fn with_more(graph: &Graph) -> Option<Graph> {
    let (observation, plan) = planned(graph, &examples(1, 12, &INPUT));
    widened(graph, &plan, &observation.seen.channels()).expect("a plain graph")
}

/// Channels that are added are copies as well, and never of dead ones, whatever their weights.
#[test]
fn more_channels_keep_the_function() {
    let mut before = network(true);
    let bias: Vec<f32> = (0..8).map(|channel| if channel == 2 { -100.0 } else { 3.0 }).collect();
    before.constants.insert("b1".to_owned(), Tensor::vector(bias));
    let weights = edited(&before.constants["w2"], |at, weight| if at / 9 == 2 { 50.0 } else { weight });
    before.constants.insert("w2".to_owned(), weights);
    let after = with_more(&before).expect("a place");
    assert!(apart(&before, &after) < 1e-5, "{}", apart(&before, &after));
    assert_eq!(changed(&before, &after), 6, "weights and biases of three layers");
    let rows = depthwise_rows(&after);
    let (old, new) = rows.split_at(8);
    assert_eq!((old, new.len()), (&depthwise_rows(&before)[..], 8));
    assert!(new.iter().all(|row| old.contains(row)), "{new:?}");
    let loud = new.iter().filter(|row| **row == old[0]).count();
    assert!(loud >= 3, "{loud} copies of the loud channel");
    assert!(!new.contains(&old[2]) && !new.contains(&old[5]), "dead channels are not worth copies");
}

/// Of all copies together, those in dead channels among them, the offsets divide a step evenly.
#[test]
fn offsets_of_all_copies_are_even() {
    let before = network(true);
    let copied = with_copies(&before);
    let after = with_more(&copied).expect("a place");
    assert!(apart(&before, &after) < 1e-5, "{}", apart(&before, &after));
    let (_, plan) = planned(&copied, &examples(1, 12, &INPUT));
    let step = plan.parameters("r1").expect("bytes").scale;
    let rows = depthwise_rows(&after);
    let stem = after.nodes.iter().find(|node| node.name == "stem").expect("is there");
    let biases = after.constants[&stem.inputs[2]].as_f32().expect("floats");
    let mut offsets: Vec<f32> = (0..rows.len())
        .filter(|&at| rows[at] == rows[0])
        .map(|at| (biases[at] / step).rem_euclid(1.0))
        .collect();
    offsets.sort_by(f32::total_cmp);
    let count = offsets.len();
    assert!(count > 4, "{count} copies of the loud channel");
    for pair in offsets.windows(2) {
        assert!(((pair[1] - pair[0]) * count as f32 - 1.0).abs() < 0.05, "{offsets:?}");
    }
}

/// Without dead channels, or where another node reads what would change, nothing is copied.
#[test]
fn copies_need_room() {
    let none = |graph: &Graph| {
        let (observation, plan) = planned(graph, &examples(1, 4, &INPUT));
        let copied = copied(graph, &plan, &observation.seen.channels()).expect("a plain graph");
        copied.is_none()
    };
    assert!(!none(&network(false)));
    let mut alive = network(false);
    let weights = edited(
        &alive.constants["w2"],
        |at, weight| if weight == 0.0 { 0.1 + at as f32 * 1e-3 } else { weight },
    );
    alive.constants.insert("w2".to_owned(), weights);
    assert!(none(&alive));
    for value in ["c1", "r1", "c2"] {
        let mut read = network(false);
        read.outputs.push(crate::ValueInfo { shape: Vec::new(), ..super::value(value, &[]) });
        assert!(none(&read), "{value} is an output");
        assert!(with_more(&read).is_none(), "{value} is an output");
    }
    let mut padded = network(false);
    let project = padded.nodes.iter_mut().find(|node| node.name == "project").expect("is there");
    *project = project.clone().with("pads", vec![1i64; 4]);
    assert!(none(&padded), "a constant channel is none beside padding");
}

/// The weights of each channel of the first depthwise layer.
fn depthwise_rows(graph: &Graph) -> Vec<Vec<f32>> {
    let node = graph.nodes.iter().find(|node| node.name == "depthwise").expect("is there");
    let weights = graph.constants[&node.inputs[1]].as_f32().expect("floats");
    weights.chunks_exact(9).map(<[f32]>::to_vec).collect()
}

/// What is read by anything that factors would change is in no class.
#[test]
fn classes_end_at_what_does_not_commute() {
    let mut numbers = Random(9);
    let mut square = || random(&mut numbers, &[4, 4], 1.0);
    let constants =
        [("w1", square()), ("w2", square()), ("w3", square()), ("c", Tensor::vector(vec![1.0f32; 4]))];
    let values = |between: Vec<Node>, second: Node| {
        let mut nodes = vec![Node::new("one", "MatMul", &["x", "w1"], &["a"])];
        nodes.extend(between);
        nodes.push(second);
        let graph = graph(&[2, 4], &[2, 4], nodes, &constants);
        let classes = classes(&graph).expect("a plain graph");
        classes.into_iter().flat_map(|class| class.values).map(str::to_owned).collect::<Vec<_>>()
    };
    let two = |from: &str| Node::new("two", "MatMul", &[from, "w2"], &["y"]);
    assert_eq!(values(vec![Node::new("relu", "Relu", &["a"], &["b"])], two("b")), ["a", "b"]);
    assert_eq!(values(vec![Node::new("leaky", "LeakyRelu", &["a"], &["b"])], two("b")), ["a", "b"]);
    assert_eq!(values(vec![Node::new("sum", "Add", &["a", "a"], &["b"])], two("b")), ["a", "b"]);
    let none: [String; 0] = [];
    assert_eq!(values(vec![Node::new("sigmoid", "Sigmoid", &["a"], &["b"])], two("b")), none);
    assert_eq!(values(vec![Node::new("constant", "Add", &["a", "c"], &["b"])], two("b")), none);
    assert_eq!(values(vec![Node::new("product", "Mul", &["a", "a"], &["b"])], two("b")), none);
    // Of a sum with an input of the graph, and with what is joined, neither may change.
    assert_eq!(values(vec![Node::new("skip", "Add", &["a", "x"], &["b"])], two("b")), none);
    let joined = vec![
        Node::new("other", "MatMul", &["x", "w3"], &["b"]),
        Node::new("join", "Concat", &["a", "b"], &["ab"]).with("axis", 0i64),
        Node::new("half", "Slice", &["ab", "from", "to"], &["h"]),
    ];
    let mut with_join = constants.to_vec();
    with_join.extend([("from", Tensor::vector(vec![0i64, 0])), ("to", Tensor::vector(vec![2i64, 4]))]);
    let mut nodes = vec![Node::new("one", "MatMul", &["x", "w1"], &["a"])];
    nodes.extend(joined);
    nodes.push(two("h"));
    let graph = graph(&[2, 4], &[2, 4], nodes, &with_join);
    assert!(classes(&graph).expect("a plain graph").is_empty());
}

/// A bias that another layer computes has no factors of its own: what it is computed from stays as it is.
#[test]
fn computed_biases_keep_their_values() {
    let mut numbers = Random(11);
    let mut square = |factor| random(&mut numbers, &[4, 4], factor);
    let uneven = edited(&square(1.0), |at, weight| if at % 4 == 0 { 0.001 * weight } else { weight });
    let constants = [("w1", uneven), ("w2", square(1.0)), ("w3", square(1.0))];
    let nodes = vec![
        Node::new("one", "Gemm", &["x", "w1"], &["a"]),
        Node::new("two", "Gemm", &["a", "w2"], &["b"]),
        Node::new("three", "Gemm", &["b", "w3", "a"], &["y"]),
    ];
    let graph = graph(&[2, 4], &[2, 4], nodes, &constants);
    let classes = classes(&graph).expect("a plain graph");
    assert!(classes.iter().all(|class| !class.values.contains(&"a")), "{classes:?}");
}
