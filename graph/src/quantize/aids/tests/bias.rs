//! Corrected biases take back the mean error of rounded weights.

use std::collections::BTreeMap;

use eightbit_testing::Random;

use super::{graph, means, planned, random};
use crate::ops::evaluate_graph;
use crate::quantize::Plan;
use crate::quantize::aids::{bias, shift};
use crate::{Graph, Limits, Node, Tensor, passes};

/// The mean over all examples and pixels of what the weights of `plan` change in each channel.
fn mean_error(graph: &Graph, plan: &Plan, examples: &[Vec<Tensor>]) -> Vec<f64> {
    let rounded = passes::quantize_weights(graph.clone(), plan).expect("a plan");
    let mut sums = [0.0f64; 6];
    for example in examples {
        let run = |graph: &Graph| evaluate_graph(graph, &[("x", &example[0])]).expect("it runs").remove(0);
        let (float, found) = (run(graph), run(&rounded));
        let (float, found) = (float.as_f32().expect("floats"), found.as_f32().expect("floats"));
        for (at, (float, found)) in float.iter().zip(found).enumerate() {
            sums[at / 25 % 6] += f64::from(found - float);
        }
    }
    sums.iter().map(|sum| sum / (25.0 * examples.len() as f64)).collect()
}

fn size(errors: &[f64]) -> f64 {
    errors.iter().fold(0.0, |largest, error| largest.max(error.abs()))
}

/// A pointwise convolution of inputs whose channels have means.
fn layer() -> (Graph, Vec<Vec<Tensor>>) {
    let mut numbers = Random(21);
    let node = Node::new("layer", "Conv", &["x", "w"], &["y"]);
    let graph =
        graph(&[1, 8, 5, 5], &[1, 6, 5, 5], vec![node], &[("w", random(&mut numbers, &[6, 8, 1, 1], 1.0))]);
    let example = |_| {
        let values = random(&mut numbers, &[1, 8, 5, 5], 1.0);
        let values = values.as_f32().expect("floats").iter().enumerate();
        let values: Vec<f32> = values.map(|(at, value)| value + (at / 25) as f32).collect();
        vec![Tensor::new([1, 8, 5, 5], values).expect("as many")]
    };
    let examples = (0..10).map(example).collect();
    (graph, examples)
}

#[test]
fn the_mean_error_is_taken_back() {
    let (graph, examples) = layer();
    let (observation, plan) = planned(&graph, &examples);
    let before = size(&mean_error(&graph, &plan, &examples));
    let corrected = bias::corrected(&graph, plan, &means(&observation), &BTreeMap::new()).expect("means fit");
    let after = size(&mean_error(&graph, &corrected, &examples));
    assert!(before > 1e-3 && after < before / 50.0, "{before} {after}");
}

/// A layer whose input has no means, or those of other channels, is left alone.
#[test]
fn means_that_do_not_fit_change_nothing() {
    let (graph, examples) = layer();
    let (_, plan) = planned(&graph, &examples);
    for means in [BTreeMap::new(), [("x", vec![1.0; 7])].into(), [("y", vec![1.0; 8])].into()] {
        assert_eq!(
            bias::corrected(&graph, plan.clone(), &means, &BTreeMap::new()).expect("nothing to do"),
            plan
        );
    }
}

/// What rounding of the input adds to the mean of its channels is taken back, too.
#[test]
fn shifts_of_the_input_are_taken_back() {
    let (graph, mut examples) = layer();
    // In the first channel, a number that is always rounded up by four tenths of a step.
    let step = (8.0f32 + 1.0) / 255.0;
    for example in &mut examples {
        let values = example[0].as_f32().expect("floats").iter().enumerate();
        let values = values.map(|(at, &value)| if at < 25 { 0.6 * step } else { value.clamp(-1.0, 8.0) });
        example[0] = Tensor::new([1, 8, 5, 5], values.collect::<Vec<_>>()).expect("as many");
    }
    let (observation, plan) = planned(&graph, &examples);
    let affine = plan.parameters("x").expect("bytes");
    let numbers: Vec<usize> = (0..examples.len()).collect();
    let limits = Limits::default();
    let shifts = shift::shifts(&graph, &plan, (&examples, &numbers), (0, &limits)).expect("it runs");
    let added = affine.dequantize(affine.quantize(0.6 * step)) - 0.6 * step;
    assert!(added != 0.0 && (shifts["x"][0] - f64::from(added)).abs() < 1e-7, "{added} {shifts:?}");
    let biases = |shifts: &BTreeMap<String, Vec<f64>>| {
        let plan = bias::corrected(&graph, plan.clone(), &means(&observation), shifts).expect("means fit");
        plan.choice("layer").and_then(|choice| choice.bias.clone()).expect("corrected")
    };
    let only_first: BTreeMap<String, Vec<f64>> =
        [("x".to_owned(), [&shifts["x"][..1], &[0.0; 7]].concat())].into();
    let (with, without) = (biases(&only_first), biases(&BTreeMap::new()));
    let weights = graph.constants["w"].as_f32().expect("floats");
    for row in 0..6 {
        let expected = -weights[row * 8] * added;
        // Of rounded weights, which differ by half a step of 127 at most.
        assert!((with[row] - without[row] - expected).abs() < 0.005 * added.abs(), "{row}");
    }
}
