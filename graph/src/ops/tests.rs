//! Tests every operator against its entry.

use std::collections::{BTreeMap, HashSet};

use super::eight_bit::EightBit;
use super::shared::inputs::Inputs;
use super::{OPERATORS, Operator, Sample, evaluate, find};
use crate::quantize::{QuantizeOptions, Role, quantize};
use crate::shapes::{ShapeOptions, infer_shapes};
use crate::{
    DataType, Error, Executor, ExecutorOptions, Graph, NEWEST_OPSET, Node, Tensor, TensorData, TensorType,
    ValueInfo,
};

/// Calls `check` with every example of every operator.
fn for_each_example(mut check: impl FnMut(&'static Operator, &Sample)) {
    for &operator in OPERATORS {
        for sample in operator.samples().expect("examples are small") {
            check(operator, &sample);
        }
    }
}

/// The values of a sample's inputs by name.
fn named(sample: &Sample) -> Vec<(&str, &Tensor, bool)> {
    let inputs = sample.node.inputs.iter().zip(&sample.inputs).zip(&sample.constant);
    inputs
        .filter_map(|((name, tensor), &constant)| Some((name.as_str(), tensor.as_ref()?, constant)))
        .collect()
}

/// A graph of the sample's node alone. What models do not have as a constant is an input.
fn graph(sample: &Sample) -> Graph {
    let info = |name: &str, tensor: &Tensor| ValueInfo {
        name: name.to_owned(),
        data_type: tensor.data_type(),
        shape: tensor.shape().iter().map(|&size| Some(size)).collect(),
    };
    let mut graph = Graph { nodes: vec![sample.node.clone()], ..Graph::default() };
    for (name, tensor, constant) in named(sample) {
        if constant {
            graph.constants.insert(name.to_owned(), tensor.clone());
        } else {
            graph.inputs.push(info(name, tensor));
        }
    }
    let outputs = outputs(sample);
    graph.outputs =
        sample.node.outputs.iter().zip(&outputs).map(|(name, tensor)| info(name, tensor)).collect();
    graph
}

fn outputs(sample: &Sample) -> Vec<Tensor> {
    let inputs: Vec<Option<&Tensor>> = sample.inputs.iter().map(Option::as_ref).collect();
    let mut outputs =
        evaluate(&sample.node, &inputs).unwrap_or_else(|error| panic!("{:?}: {error}", sample.node));
    outputs.truncate(sample.node.outputs.len());
    outputs
}

#[test]
fn names_lead_to_their_operator() {
    let mut seen = HashSet::new();
    for &operator in OPERATORS {
        assert!(!operator.domains.is_empty() && !operator.summary.is_empty(), "{operator:?}");
        assert!(!operator.examples.is_empty(), "{operator:?} has no example");
        assert!((1..=NEWEST_OPSET).contains(&operator.since), "{operator:?}");
        for &domain in operator.domains {
            assert!(seen.insert((domain, operator.name)), "{operator:?} is listed twice");
            assert!(find(domain, operator.name).is_some_and(|found| std::ptr::eq(found, operator)));
        }
    }
    assert!(find("", "Frobnicate").is_none() && find("com.example", "Conv").is_none());
}

#[test]
fn rules_infer_what_evaluation_gives() {
    for_each_example(|operator, sample| {
        let expected: Vec<TensorType> = outputs(sample).iter().map(TensorType::of).collect();
        assert_eq!(expected.len(), sample.node.outputs.len(), "{operator:?}");
        let graph = graph(sample);
        let types = infer_shapes(&graph, &ShapeOptions::default())
            .unwrap_or_else(|error| panic!("{operator:?}: {error}"));
        for (name, expected) in sample.node.outputs.iter().zip(&expected) {
            assert_eq!(&types[name], expected, "{operator:?}, {:?}", sample.node);
        }
        let inputs: Vec<Option<DataType>> =
            sample.inputs.iter().map(|input| input.as_ref().map(Tensor::data_type)).collect();
        let output_type = (operator.output_type)(&sample.node, &inputs);
        assert_eq!(output_type, Some(expected[0].data_type), "{operator:?}, {:?}", sample.node);
    });
}

#[test]
fn what_types_decide_is_what_evaluation_gives() {
    for_each_example(|operator, sample| {
        let Some(from_types) = operator.from_types else { return };
        let types: BTreeMap<&str, TensorType> =
            named(sample).into_iter().map(|(name, tensor, _)| (name, TensorType::of(tensor))).collect();
        let inputs = Inputs::new(&sample.node, |name| types.get(name), |_| None).expect("all have types");
        assert_eq!(from_types(&inputs).expect("types that fit"), outputs(sample), "{operator:?}");
    });
}

/// Floats must be equal but for the order of additions; bytes may be at most one step apart.
fn near(a: &Tensor, b: &Tensor) -> bool {
    fn all<T: Copy>(a: &[T], b: &[T], near: impl Fn(T, T) -> bool) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| near(a, b))
    }
    match (a.data(), b.data()) {
        (TensorData::F32(a), TensorData::F32(b)) => {
            all(a, b, |a, b| a == b || (a - b).abs() <= 1e-5 * (1.0 + b.abs()))
        }
        (TensorData::U8(a), TensorData::U8(b)) => all(a, b, |a, b| a.abs_diff(b) <= 1),
        (a, b) => a == b,
    }
}

#[test]
fn the_executor_gives_what_evaluation_gives() {
    for_each_example(|operator, sample| {
        let executor = Executor::new(&graph(sample), &ExecutorOptions::default())
            .unwrap_or_else(|error| panic!("{operator:?}: {error}"));
        let given: Vec<(&str, &Tensor)> = named(sample)
            .into_iter()
            .filter_map(|(name, tensor, constant)| (!constant).then_some((name, tensor)))
            .collect();
        let found = executor.run(&given).unwrap_or_else(|error| panic!("{operator:?}: {error}"));
        for (found, expected) in found.iter().zip(outputs(sample)) {
            assert!(
                found.shape() == expected.shape() && near(found, &expected),
                "{operator:?}: {found:?}, expected {expected:?}\n{}",
                executor.explain()
            );
        }
    });
}

/// Quantizes the sample's node between two products, which become bytes; returns its role and how it runs.
fn between_bytes(sample: &Sample) -> Result<(Role, String), Error> {
    let mut graph = graph(sample);
    let node = &mut graph.nodes[0];
    node.inputs[0] = "before".to_owned();
    node.outputs[0] = "after".to_owned();
    // Products by constants of all elements, which no table computes.
    let halves = |tensor: &Tensor| Tensor::new(tensor.shape(), vec![0.5f32; tensor.len()]);
    graph.nodes.push(Node::new("first", "Mul", &["x0", "half"], &["before"]));
    graph.nodes.push(Node::new("last", "Mul", &["after", "half of y"], &["y0"]));
    let x = sample.inputs.first().and_then(Option::as_ref).expect("has an input");
    graph.constants.insert("half".to_owned(), halves(x)?);
    graph.constants.insert("half of y".to_owned(), halves(&outputs(sample)[0])?);
    let example: Vec<Tensor> = graph
        .inputs
        .iter()
        .filter_map(|info| named(sample).into_iter().find(|(name, ..)| *name == info.name))
        .map(|(_, tensor, _)| tensor.clone())
        .collect();
    let options = QuantizeOptions { measured: 0, ..QuantizeOptions::default() };
    let (eight_bit, report) = quantize(&graph, &[example], &options, |_| {})?;
    let role = report.nodes.into_iter().find(|node| node.name == sample.node.name).map(|node| node.role);
    let role = role.unwrap_or_else(|| Role::Float("it was removed before".to_owned()));
    let executor = Executor::new(&eight_bit, &ExecutorOptions::default())?;
    let own = executor.explain().lines().filter(|line| line.contains(sample.node.name.as_str())).collect();
    Ok((role, own))
}

/// The quantizer's report and the executor read the same entry, so the report states what runs.
#[test]
fn what_is_reported_between_bytes_is_what_runs() {
    let mut as_promised: HashSet<&str> = HashSet::new();
    for_each_example(|operator, sample| {
        let is_float = sample
            .inputs
            .first()
            .is_some_and(|x| x.as_ref().is_some_and(|x| x.data_type() == DataType::F32 && x.rank() > 0));
        let results_are_float = outputs(sample)[0].data_type() == DataType::F32;
        if !is_float || !results_are_float || sample.constant[0] || operator.is_eight_bit() {
            return;
        }
        let (role, runs) = between_bytes(sample).unwrap_or_else(|error| panic!("{operator:?}: {error}"));
        let expected = match operator.eight_bit {
            EightBit::Compute(_) | EightBit::Move(_) => Role::Quantized,
            EightBit::Clamp(_) => Role::Fused,
            EightBit::Table => Role::Table,
            EightBit::Float | EightBit::Bytes => {
                assert!(matches!(role, Role::Float(_)), "{operator:?} is {role:?}");
                return;
            }
        };
        match role {
            // A variant without an eight-bit form, or a node that earlier passes remove.
            Role::Float(reason) => assert!(!reason.is_empty()),
            role => {
                assert_eq!(role, expected, "{operator:?}");
                assert!(!runs.contains("f32"), "{operator:?}: {runs}");
                let is_table = runs.contains("table of 256 bytes");
                // What computes on bytes is a table, too, where its other inputs are single constants.
                assert!(is_table || role != Role::Table, "{operator:?}: {runs}");
                as_promised.insert(operator.name);
            }
        }
    });
    for &operator in OPERATORS {
        let removed = ["Identity", "Dropout"].contains(&operator.name);
        if !removed && !operator.is_eight_bit() && !matches!(operator.eight_bit, EightBit::Float) {
            assert!(as_promised.contains(operator.name), "no example of {operator:?} runs in eight bits");
        }
    }
}
