//! Tests of the aids on small networks.

mod bias;
mod finer_inputs;
mod functions;
mod rounding;

use std::collections::BTreeMap;

use eightbit_testing::Random;

use crate::ops::evaluate_graph;
use crate::quantize::tune::{Observation, wanted_channels};
use crate::quantize::{CalibrationMethod, Effort, Plan, QuantizeOptions, Roles};
use crate::{DataType, Graph, Limits, Node, Tensor, ValueInfo};

/// Floats from −`factor` to `factor`.
fn random(random: &mut Random, shape: &[usize], factor: f32) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.float() * factor).collect();
    Tensor::new(shape, values).expect("the shape fits")
}

fn value(name: &str, shape: &[usize]) -> ValueInfo {
    let shape = shape.iter().map(|&size| Some(size)).collect();
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape }
}

/// A graph that computes `y` of shape `output` from `x` of shape `input`.
fn graph(input: &[usize], output: &[usize], nodes: Vec<Node>, constants: &[(&str, Tensor)]) -> Graph {
    let graph = Graph {
        opset: 13,
        inputs: vec![value("x", input)],
        outputs: vec![value("y", output)],
        nodes,
        constants: constants.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect(),
        ..Graph::default()
    };
    graph.validate().expect("a sound graph");
    graph
}

/// What `graph` computes of `input`.
fn output(graph: &Graph, input: &Tensor) -> Vec<f32> {
    let outputs = evaluate_graph(graph, &[("x", input)]).expect("it runs");
    outputs[0].as_f32().expect("floats").to_vec()
}

/// What was observed of `graph` on `examples`, and a plan of it.
fn planned(graph: &Graph, examples: &[Vec<Tensor>]) -> (Observation, Plan) {
    let roles = Roles::new(graph).expect("a plain graph");
    let options = QuantizeOptions { effort: Effort::High, ..QuantizeOptions::default() };
    let channels = wanted_channels(graph, &roles, &options).expect("a plain graph");
    let numbers: Vec<usize> = (0..examples.len()).collect();
    let limits = Limits::default();
    let data = (examples, &numbers[..]);
    let observation = Observation::of(graph.clone(), (&roles, &channels), data, (0, &limits), |_| {})
        .expect("the examples fit");
    let calibration = observation.seen.calibration(CalibrationMethod::MinMax, u8::MAX).expect("examples");
    let plan = Plan::of_roles(graph, roles, &calibration, u8::MAX).expect("all is observed");
    (observation, plan)
}

/// Examples that shall calibrate, or others of another `seed`.
fn examples(seed: u64, count: usize, shape: &[usize]) -> Vec<Vec<Tensor>> {
    let mut numbers = Random(seed);
    (0..count).map(|_| vec![random(&mut numbers, shape, 1.0)]).collect()
}

/// The means of all channels observed.
fn means(observation: &Observation) -> BTreeMap<&str, Vec<f64>> {
    observation.seen.channels().into_iter().map(|(value, of)| (value, of.means())).collect()
}

/// The largest magnitude.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The largest difference of two outputs.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}
