//! Finds the nodes that take longer in eight bits than as floats, by measuring both on this machine.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::cut::{Division, NEVER};
use super::pipeline::to_eight_bits;
use super::{Calibration, CalibrationMethod, Calibrator, Plan, Role, Roles};
use crate::ops::{Operator, dequantize_linear, quantize_linear};
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Node, Tensor, ValueInfo};

/// The time that the runs of one measurement take together.
const AT_LEAST: Duration = Duration::from_millis(150);
/// The least and most runs of one measurement.
const RUNS: [usize; 2] = [3, 200];
/// The measurements of each of two rivals, which take turns.
const TURNS: usize = 3;
/// The gain in time of the whole network below which it is not worth it: measurements differ by as much.
const LEAST_GAIN: f64 = 0.01;

/// The nodes of the float graph that should stay float, each with the reason: those of `stay_float`, and those whose eight-bit form
/// takes longer on this machine, conversions between floats and bytes included, unless the network as a whole then takes no less time.
///
/// `inputs` is an example with the sizes that matter. `held` bytes of the limits are taken, the constants of the graph among them.
pub(super) fn slower_in_eight_bits(
    float: &Graph,
    inputs: &[(&str, &Tensor)],
    stay_float: BTreeMap<String, String>,
    held: u64,
    limits: &Limits,
) -> Result<BTreeMap<String, String>, Error> {
    let prepared = |roles: Roles| -> Result<(Plan, Timed), Error> {
        let calibration = calibrated(float, &roles, inputs, held, limits)?;
        let plan = Plan::of_roles(float, roles.clone(), &calibration, u8::MAX)?;
        let eight_bit = to_eight_bits(float.clone(), &plan, |_| {})?.0;
        Ok((plan, Timed::new(&eight_bit, inputs, held, limits)?))
    };
    let (plan, mut eight_bit) = prepared(Roles::keeping_float(float, &stay_float)?)?;
    let mut as_float = Timed::new(float, inputs, held.saturating_add(eight_bit.executor.bytes()), limits)?;
    for _ in 0..TURNS {
        eight_bit.measure(inputs)?;
        as_float.measure(inputs)?;
    }
    let types = infer_partial_shapes(float, &options(inputs, limits))?.types;
    let conversion = Conversion::measured(limits)?;
    let cost = |value: &str| {
        let elements = types.get(value).map_or(0, |of| of.shape.iter().product());
        conversion.nanoseconds(elements)
    };
    let mut slower = divided(float, plan.roles(), &eight_bit.steps, &as_float.steps, cost)?;
    if slower.is_empty() {
        return Ok(stay_float);
    }
    slower.extend(stay_float.clone());
    drop(as_float);
    let (_, mut mixed) = prepared(Roles::keeping_float(float, &slower)?)?;
    eight_bit.least = Duration::MAX;
    for _ in 0..TURNS {
        eight_bit.measure(inputs)?;
        mixed.measure(inputs)?;
    }
    let gains = mixed.least.as_secs_f64() < (1.0 - LEAST_GAIN) * eight_bit.least.as_secs_f64();
    Ok(if gains { slower } else { stay_float })
}

/// The ranges of one example: enough to run, which takes the same time whatever the ranges.
fn calibrated(
    float: &Graph,
    roles: &Roles,
    inputs: &[(&str, &Tensor)],
    held: u64,
    limits: &Limits,
) -> Result<Calibration, Error> {
    let mut calibrator = Calibrator::beside(float, roles, &BTreeMap::new(), held, limits)?;
    calibrator.observe(inputs)?;
    calibrator.calibration(CalibrationMethod::MinMax)
}

fn options(inputs: &[(&str, &Tensor)], limits: &Limits) -> ShapeOptions {
    let shapes = inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.shape().to_vec())).collect();
    ShapeOptions { inputs: shapes, limits: limits.clone(), ..ShapeOptions::default() }
}

/// A network whose steps are measured.
struct Timed {
    executor: Executor,
    runs: usize,
    /// The least time of the steps of each node, by its name.
    steps: HashMap<String, Duration>,
    /// The least time of all steps together.
    least: Duration,
}

impl Timed {
    /// `held` bytes of the limits are taken by others.
    fn new(graph: &Graph, inputs: &[(&str, &Tensor)], held: u64, limits: &Limits) -> Result<Self, Error> {
        let mut how = ExecutorOptions::default();
        how.shapes.limits = limits.clone();
        let executor = Executor::while_held(graph, &how, held)?;
        executor.run(inputs)?;
        let start = Instant::now();
        executor.run(inputs)?;
        let runs = AT_LEAST.as_nanos() / start.elapsed().as_nanos().max(1);
        let runs = usize::try_from(runs).unwrap_or(usize::MAX).clamp(RUNS[0], RUNS[1]);
        Ok(Self { executor, runs, steps: HashMap::new(), least: Duration::MAX })
    }

    fn measure(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        let mut of_node: HashMap<String, Duration> = HashMap::new();
        for step in self.executor.profile(inputs, self.runs)? {
            *of_node.entry(step.name).or_default() += step.time;
        }
        self.least = self.least.min(of_node.values().sum());
        for (name, time) in of_node {
            let least = self.steps.entry(name).or_insert(Duration::MAX);
            *least = time.min(*least);
        }
        Ok(())
    }
}

/// What it takes to convert floats to bytes or back.
#[derive(Clone, Copy, Debug)]
struct Conversion {
    nanoseconds_per_element: f64,
}

impl Conversion {
    /// The mean of both directions, on a tensor that fits a cache.
    fn measured(limits: &Limits) -> Result<Self, Error> {
        const ELEMENTS: usize = 1 << 15;
        let value = |name: &str| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: vec![Some(ELEMENTS)],
        };
        let node = |op: &'static Operator, inputs: [&str; 3], output: &str| Node {
            op: op.into(),
            ..Node::new(output, "", &inputs, &[output])
        };
        let constants = [("scale", Tensor::scalar(0.1f32)), ("zero", Tensor::scalar(3u8))];
        let graph = Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes: vec![
                node(&quantize_linear::OP, ["x", "scale", "zero"], "bytes"),
                node(&dequantize_linear::OP, ["bytes", "scale", "zero"], "y"),
            ],
            constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
            ..Graph::default()
        };
        let example = Tensor::zeros([ELEMENTS], DataType::F32)?;
        let inputs = [("x", &example)];
        let mut timed = Timed::new(&graph, &inputs, 0, limits)?;
        timed.measure(&inputs)?;
        Ok(Self { nanoseconds_per_element: timed.least.as_nanos() as f64 / (2 * ELEMENTS) as f64 })
    }

    fn nanoseconds(self, elements: usize) -> u64 {
        /// What a step takes at least.
        const STEP: u64 = 100;
        STEP + (self.nanoseconds_per_element * elements as f64) as u64
    }
}

/// Divides the nodes between eight bits and floats so that the time of all nodes and of the conversions between them is the least, and
/// returns those of them that leave eight bits.
fn divided(
    graph: &Graph,
    roles: &Roles,
    eight_bit: &HashMap<String, Duration>,
    float: &HashMap<String, Duration>,
    conversion: impl Fn(&str) -> u64,
) -> Result<BTreeMap<String, String>, Error> {
    let nanoseconds = |times: &HashMap<String, Duration>, node: &Node| {
        times.get(&node.name).map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(NEVER).min(NEVER))
    };
    let (producers, consumers) = (graph.producers()?, graph.consumers());
    let mut division = Division::new();
    let things: Vec<usize> = graph
        .nodes
        .iter()
        .map(|node| match roles.node(&node.name) {
            None | Some(Role::Float(_)) => division.add(NEVER, 0),
            Some(_) => division.add(nanoseconds(eight_bit, node), nanoseconds(float, node)),
        })
        .collect();
    for (node, &thing) in graph.nodes.iter().zip(&things) {
        if roles.node(&node.name) == Some(&Role::Fused)
            && let Some(&before) = node.input(0).and_then(|input| producers.get(input))
        {
            division.link(thing, things[before], NEVER);
            division.link(things[before], thing, NEVER);
        }
    }
    let outputs = graph.output_names();
    let values = producers.keys().copied().chain(graph.inputs.iter().map(|input| input.name.as_str()));
    for value in values {
        let source = producers.get(value).map_or(Division::SECOND, |&index| things[index]);
        let cost = conversion(value);
        let mut readers: Vec<usize> =
            consumers.get(value).into_iter().flatten().map(|&index| things[index]).collect();
        if outputs.contains(value) {
            readers.push(Division::SECOND);
        }
        // However many read it, it is converted once: back to floats if one of them is float, to bytes if one is eight-bit.
        let (floats, bytes) = (division.add(0, 0), division.add(0, 0));
        division.link(source, floats, cost);
        division.link(bytes, source, cost);
        for reader in readers {
            division.link(floats, reader, NEVER);
            division.link(reader, bytes, NEVER);
        }
    }
    let is_float = division.on_second_side();
    let leaves = graph.nodes.iter().zip(things).filter(|(node, thing)| {
        is_float[*thing] && matches!(roles.node(&node.name), Some(Role::Quantized | Role::Fused))
    });
    let reason = |node: &Node| {
        let time = |times: &HashMap<String, Duration>| nanoseconds(times, node) as f64 / 1e3;
        format!(
            "measured on this machine, it takes {:.1} µs in eight bits and {:.1} µs as float, without conversions beside it",
            time(eight_bit),
            time(float)
        )
    };
    Ok(leaves.map(|(node, _)| (node.name.clone(), reason(node))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two convolutions with a product of constants, which is elementwise, before, between and behind them.
    fn graph() -> Graph {
        let value = |name: &str| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: [1, 4, 6, 6].map(Some).to_vec(),
        };
        let weights = Tensor::new([4, 4, 1, 1], (0..16).map(|at| at as f32 - 8.0).collect::<Vec<f32>>());
        Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes: vec![
                Node::new("first", "Conv", &["x", "w"], &["a"]),
                Node::new("relu", "Relu", &["a"], &["b"]),
                Node::new("sum", "Add", &["b", "b"], &["c"]),
                Node::new("second", "Conv", &["c", "w"], &["y"]),
            ],
            constants: [("w".to_owned(), weights.expect("16 elements"))].into(),
            ..Graph::default()
        }
    }

    /// The nodes that leave eight bits, for these microseconds of the nodes in eight bits and as float, and of a conversion.
    fn leave(times: &[(&str, u64, u64)], conversion: u64) -> Vec<String> {
        let by_name = |time: fn(&(&str, u64, u64)) -> u64| {
            times.iter().map(|one| (one.0.to_owned(), Duration::from_micros(time(one)))).collect()
        };
        let (graph, eight_bit, float) = (graph(), by_name(|one| one.1), by_name(|one| one.2));
        let roles = Roles::new(&graph).expect("valid");
        let left = divided(&graph, &roles, &eight_bit, &float, |_| conversion * 1000).expect("valid");
        left.into_keys().collect()
    }

    #[test]
    fn a_node_leaves_eight_bits_if_it_gains_more_than_its_conversions_take() {
        let times = [("first", 10, 40), ("sum", 9, 2), ("second", 10, 40)];
        assert_eq!(leave(&times, 3), ["sum"]);
        assert_eq!(leave(&times, 4), [""; 0]);
    }

    #[test]
    fn nodes_leave_together_with_their_activations() {
        assert_eq!(leave(&[("first", 10, 9), ("sum", 5, 6), ("second", 10, 40)], 3), ["first", "relu"]);
        assert_eq!(
            leave(&[("first", 10, 9), ("sum", 5, 6), ("second", 10, 11)], 3),
            ["first", "relu", "second", "sum"]
        );
    }

    #[test]
    fn what_is_measured_is_a_network_that_runs() {
        let graph = graph();
        let example = Tensor::zeros([1, 4, 6, 6], DataType::F32).expect("small");
        let asked = BTreeMap::from([("first".to_owned(), "asked for".to_owned())]);
        let found =
            slower_in_eight_bits(&graph, &[("x", &example)], asked, 0, &Limits::default()).expect("it runs");
        assert_eq!(found["first"], "asked for");
        assert!(found.keys().all(|name| graph.nodes.iter().any(|node| node.name == *name)), "{found:?}");
    }
}
