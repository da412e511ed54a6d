//! Weights rounded for their inputs leave less error than those rounded to the nearest.

use std::collections::BTreeMap;

use eightbit_testing::Random;

use super::{graph, output, planned, random};
use crate::ops::conv;
use crate::quantize::aids::rounded::Rounded;
use crate::quantize::aids::rounding::rounded;
use crate::quantize::layer::Layer;
use crate::quantize::tune::Journal;
use crate::quantize::{Granularity, Plan, QuantizedWeights, WeightRange};
use crate::{Graph, Limits, Node, Tensor};

/// A layer alone, its weights, and the shapes of its input, weights and output.
fn layers() -> Vec<(&'static str, Node, [Vec<usize>; 3])> {
    let node = |op, inputs: &[&str]| Node::new("layer", op, inputs, &["y"]);
    let conv = |pads: i64, dims: usize| node("Conv", &["x", "w", "b"]).with("pads", vec![pads; 2 * dims]);
    vec![
        ("conv", conv(1, 2), [vec![1, 4, 9, 9], vec![6, 4, 3, 3], vec![1, 6, 9, 9]]),
        ("grouped", conv(1, 2).with("group", 2i64), [vec![1, 8, 7, 7], vec![6, 4, 3, 3], vec![1, 6, 7, 7]]),
        ("depthwise", conv(1, 2).with("group", 8i64), [vec![1, 8, 7, 7], vec![8, 1, 3, 3], vec![1, 8, 7, 7]]),
        (
            "strided, one dimension",
            conv(2, 1).with("strides", vec![2i64]),
            [vec![2, 6, 40], vec![5, 6, 5], vec![2, 5, 20]],
        ),
        ("gemm", node("Gemm", &["x", "w", "b"]), [vec![9, 24], vec![24, 7], vec![9, 7]]),
        (
            "gemm, transposed",
            node("Gemm", &["x", "w", "b"]).with("transB", 1i64),
            [vec![9, 24], vec![7, 24], vec![9, 7]],
        ),
        ("matmul", node("MatMul", &["x", "w"]), [vec![2, 5, 24], vec![24, 7], vec![2, 5, 7]]),
    ]
}

/// Inputs whose elements go together, as those of real networks do.
fn examples(seed: u64, count: usize, shape: &[usize]) -> Vec<Vec<Tensor>> {
    let mut numbers = Random(seed);
    let smooth = |_| {
        let values = random(&mut numbers, shape, 1.0);
        let mut before = 0.0f32;
        let values = values.as_f32().expect("floats").iter().map(|&value| {
            before = 0.9 * before + 0.3 * value;
            before.max(-0.2)
        });
        vec![Tensor::new(shape, values.collect::<Vec<_>>()).expect("as many")]
    };
    (0..count).map(smooth).collect()
}

fn of_layer(node: Node, [input, weights, output]: &[Vec<usize>; 3]) -> Graph {
    let mut numbers = Random(3);
    let is_conv = node.is(&conv::OP);
    let channels = if is_conv { weights[0] } else { *output.last().expect("a matrix") };
    let mut constants = vec![("w", random(&mut numbers, weights, 0.5))];
    if node.inputs.len() > 2 {
        constants.push(("b", Tensor::vector(vec![0.0f32; channels])));
    }
    graph(input, output, vec![node], &constants)
}

/// The squared error that weights leave in the output, of channels along `axis` and but for the mean of each if there is a bias.
fn error(graph: &Graph, weights: &QuantizedWeights, examples: &[Vec<Tensor>]) -> f64 {
    let layer = Layer::of(0, graph).expect("an attribute").expect("a layer");
    let float = layer.as_rows(layer.weights.as_f32().expect("floats"));
    let bytes = layer.as_rows(weights.bytes.as_i8().expect("bytes"));
    let scale = |at: usize| weights.scales[at / layer.depth() % weights.scales.len()];
    let lost: Vec<f32> =
        bytes.iter().enumerate().map(|(at, &byte)| float[at] - f32::from(byte) * scale(at)).collect();
    let mut of_errors = graph.clone();
    let lost = Tensor::new(layer.weights.shape(), layer.of_rows(&lost)).expect("as many");
    of_errors.constants.insert("w".to_owned(), lost);
    let outputs: Vec<Vec<f32>> = examples.iter().map(|example| output(&of_errors, &example[0])).collect();
    // Of each channel the elements, over all examples.
    let shape: Vec<usize> = graph.outputs[0].shape.iter().map(|size| size.expect("fixed")).collect();
    let axis = if layer.node.is(&conv::OP) { 1 } else { shape.len() - 1 };
    let inner: usize = shape[axis + 1..].iter().product();
    let mut sum = 0.0;
    for channel in 0..shape[axis] {
        let own =
            |(at, value): (usize, &f32)| (at / inner % shape[axis] == channel).then_some(f64::from(*value));
        let values: Vec<f64> =
            outputs.iter().flat_map(|output| output.iter().enumerate().filter_map(own)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mean = if layer.node.inputs.len() > 2 { mean } else { 0.0 };
        sum += values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    }
    sum
}

fn layers_of<'g>(graph: &'g Graph, plan: &Plan) -> Vec<Layer<'g>> {
    Layer::all(graph, plan.roles()).expect("attributes")
}

/// Weights of the plan rounded for `examples`, and those rounded to the nearest.
fn both(graph: &Graph, plan: &Plan, examples: &[Vec<Tensor>]) -> [QuantizedWeights; 2] {
    let numbers: Vec<usize> = (0..examples.len()).collect();
    let limits = Limits::default();
    let mut found: BTreeMap<String, QuantizedWeights> =
        rounded(graph, layers_of(graph, plan), plan, (examples, &numbers), (0, &limits), &Journal::default())
            .expect("it runs");
    let nearest = Rounded::of(graph, plan).expect("a plan");
    let (bytes, scales) = nearest.layer(&graph.nodes[0]).expect("bytes").expect("eight-bit weights");
    let nearest = QuantizedWeights { bytes: bytes.clone(), scales: scales.to_vec() };
    [found.remove("layer").expect("rounded"), nearest]
}

#[test]
fn less_error_on_other_inputs() {
    for (name, node, shapes) in layers() {
        let graph = of_layer(node, &shapes);
        let calibrating = examples(1, 40, &shapes[0]);
        let (_, plan) = planned(&graph, &calibrating);
        let [found, nearest] = both(&graph, &plan, &calibrating);
        let parts = found.scales.iter().zip(&nearest.scales).map(|(found, nearest)| found / nearest);
        assert!(parts.clone().all(|part| (0.949..1.151).contains(&part)), "{name}: {:?}", found.scales);
        assert!(parts.clone().any(|part| part != 1.0), "{name}: so few weights have better scales");
        assert!(found.bytes.as_i8().expect("bytes").iter().all(|&byte| byte != i8::MIN), "{name}");
        assert_ne!(found.bytes, nearest.bytes, "{name}");
        let others = examples(2, 40, &shapes[0]);
        let [found, nearest] = [found, nearest].map(|weights| error(&graph, &weights, &others));
        assert!(found < 0.5 * nearest, "{name}: {found} {nearest}");
    }
}

/// The largest of many weights does not take the steps of all others, if they share its scale.
#[test]
fn a_shared_scale_cuts_off_what_stands_alone() {
    let gemm = Node::new("layer", "Gemm", &["x", "w", "b"], &["y"]);
    let many = ("many weights", gemm, [vec![9, 64], vec![64, 512], vec![9, 512]]);
    for (name, node, shapes) in layers().into_iter().chain([many]) {
        let mut graph = of_layer(node, &shapes);
        let mut weights = graph.constants["w"].as_f32().expect("floats").to_vec();
        weights[5] = 0.6;
        graph.constants.insert("w".to_owned(), Tensor::new(shapes[1].clone(), weights).expect("as many"));
        let calibrating = examples(1, 40, &shapes[0]);
        let (_, plan) = planned(&graph, &calibrating);
        let plan = plan.with_granularity(Granularity::PerTensor);
        let [found, nearest] = both(&graph, &plan, &calibrating);
        assert_eq!(nearest.scales, [0.6 / 127.0], "{name}");
        let part = found.scales[0] / nearest.scales[0];
        // A thousand weights are too few to make up for the largest.
        assert!(
            if name == "many weights" { (0.8..0.95).contains(&part) } else { part == 1.0 },
            "{name}: {part}"
        );
        let others = examples(2, 40, &shapes[0]);
        let [left, before] = [&found, &nearest].map(|weights| error(&graph, weights, &others));
        assert!(left < 0.7 * before, "{name}: {left} {before}");
        // Pair-safe weights keep theirs, with which their neighbours fit together.
        let [found, nearest] = both(&graph, &plan.with_weights(WeightRange::PairSafe), &calibrating);
        assert_eq!(found.scales, nearest.scales, "{name}");
    }
}

/// Neighbours of pair-safe weights fit together after rounding, too.
#[test]
fn pair_safe_weights_stay_safe() {
    for (name, node, shapes) in layers().into_iter().filter(|(name, ..)| ["gemm", "matmul"].contains(name)) {
        let graph = of_layer(node, &shapes);
        let calibrating = examples(1, 40, &shapes[0]);
        let (_, plan) = planned(&graph, &calibrating);
        let [found, nearest] = both(&graph, &plan.with_weights(WeightRange::PairSafe), &calibrating);
        assert_ne!(found.bytes, nearest.bytes, "{name}");
        let columns = shapes[1][1];
        let bytes = found.bytes.as_i8().expect("bytes");
        for column in 0..columns {
            let of_column: Vec<i32> =
                bytes.iter().skip(column).step_by(columns).map(|&b| i32::from(b)).collect();
            assert!(
                of_column.chunks(2).all(|pair| (-128..=128).contains(&pair.iter().sum::<i32>())),
                "{name}"
            );
        }
    }
}

/// Inputs that say nothing leave the nearest weights; a single weight, a channel of zeros and constant inputs do no harm.
#[test]
fn degenerate_inputs() {
    let node = || Node::new("layer", "Gemm", &["x", "w", "b"], &["y"]);
    let shapes = [vec![3, 6], vec![6, 4], vec![3, 4]];
    for value in [0.0f32, 1.0, -2.5] {
        let graph = of_layer(node(), &shapes);
        let constant = vec![vec![Tensor::new([3, 6], vec![value; 18]).expect("as many")]; 4];
        let (_, plan) = planned(&graph, &constant);
        let [found, nearest] = both(&graph, &plan, &constant);
        if value == 0.0 {
            assert_eq!(found, nearest);
        }
        assert!(error(&graph, &found, &constant) <= error(&graph, &nearest, &constant) + 1e-9, "{value}");
    }
    let single = [vec![3, 1], vec![1, 1], vec![3, 1]];
    let graph = of_layer(node(), &single);
    let calibrating = examples(1, 4, &single[0]);
    let (_, plan) = planned(&graph, &calibrating);
    let [found, nearest] = both(&graph, &plan, &calibrating);
    assert_eq!(found, nearest, "one weight is one end of its range");
    let mut zeros = of_layer(node(), &shapes);
    zeros.constants.insert("w".to_owned(), Tensor::new([6, 4], vec![0.0f32; 24]).expect("as many"));
    let calibrating = examples(1, 4, &shapes[0]);
    let (_, plan) = planned(&zeros, &calibrating);
    let [found, _] = both(&zeros, &plan, &calibrating);
    assert!(found.bytes.as_i8().expect("bytes").iter().all(|&byte| byte == 0));
}

/// Layers whose covariances would take more than their part of the memory stay rounded to the nearest.
#[test]
fn covariances_have_limits() {
    let shapes = [vec![3, 256], vec![256, 4], vec![3, 4]];
    let graph = of_layer(Node::new("layer", "Gemm", &["x", "w", "b"], &["y"]), &shapes);
    let calibrating = examples(1, 4, &shapes[0]);
    let (_, plan) = planned(&graph, &calibrating);
    // 256 × 256 floats are 256 KiB.
    for (kibibytes, count) in [(16 * 256, 1), (16 * 256 - 1, 0)] {
        let limits = Limits { max_bytes: kibibytes << 10, ..Limits::default() };
        let (layers, examples) = (layers_of(&graph, &plan), (&calibrating, &[0, 1, 2, 3][..]));
        let found = rounded(&graph, layers, &plan, examples, (0, &limits), &Journal::default());
        let found = found.expect("it runs");
        assert_eq!(found.len(), count);
    }
}
