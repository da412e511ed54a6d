//! Runs two forms of a network for pairs of their values.

use super::channels::Layers;
use super::pairs::Pairs;
use super::report::{Comparison, Statistics};
use super::signals::Signals;
use super::taken_back::{Changed, Value, taken_back, values};
use super::{inputs, merge, normalized};
use crate::exec::Observer;
use crate::limits::constants_of;
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{Error, Executor, ExecutorOptions, Graph, Limits, Tensor};

/// Compares two forms of a network on any number of examples, with one pair of values in memory at a time.
///
/// ```
/// use eightbit_graph::compare::Comparer;
/// use eightbit_graph::shapes::ShapeOptions;
/// use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};
/// let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![Some(2)] };
/// let scaled = |factor: f32| Graph {
///     inputs: vec![value("x")],
///     outputs: vec![value("z")],
///     nodes: vec![Node::new("scale", "Mul", &["x", "f"], &["y"]), Node::new("sigmoid", "Sigmoid", &["y"], &["z"])],
///     constants: [("f".to_owned(), Tensor::scalar(factor))].into(),
///     ..Graph::default()
/// };
/// let mut comparer = Comparer::new(&scaled(1.0), &scaled(1.1), &ShapeOptions::default())?;
/// comparer.observe(&[("x", &Tensor::vector([0.5f32, 2.0]))])?;
/// let comparison = comparer.finish();
/// let worst = comparison.worst_first();
/// assert_eq!(worst[0].value, "y");
/// assert!((worst[0].sqnr_db - 20.0).abs() < 0.01);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Debug)]
pub struct Comparer {
    executor: Executor,
    limits: Limits,
    /// What is known before a run; filled in by [`observe`](Self::observe).
    comparison: Comparison,
    statistics: Vec<Statistics>,
    /// For each pair, the channels that may differ on purpose.
    changed: Vec<Option<Changed>>,
    /// The values of the first graph, in execution order.
    values: Vec<Value>,
}

impl Comparer {
    /// Finds the values that `a` and `b` have in common, with the sizes of `options` for the inputs of `a`.
    ///
    /// # Errors
    ///
    /// Other numbers of inputs, or inputs of other shapes; graphs that have no value in common; all errors of [`Executor::new`].
    pub fn new(a: &Graph, b: &Graph, options: &ShapeOptions) -> Result<Self, Error> {
        a.validate()?;
        b.validate()?;
        let callers = [a, b];
        let (a, b) = (normalized(a)?, normalized(b)?);
        let given = inputs::matched(&a, &b, &infer_partial_shapes(&a, options)?.types)?;
        let signals = Signals::new(&a, options)?;
        let others = Signals::new(&b, &inputs::options(&b, &given, options))?;
        let mut pairs = Pairs::new((&a, &signals), (&b, &others));
        // What is given to both is the same.
        pairs.retain(|of_a, of_b| !(signals.list[of_a].is_given() && others.list[of_b].is_given()));
        if pairs.list.is_empty() {
            return Err(Error::argument(
                "networks",
                "they have no value in common: neither names nor operators with their shapes agree",
            ));
        }
        let named: Vec<(&str, &str)> = pairs
            .list
            .iter()
            .map(|&(of_a, of_b, _)| (signals.list[of_a].value, others.list[of_b].value))
            .collect();
        let comparison = Comparison::new((&a, &signals), (&b, &others), &pairs);
        let (layers, other_layers) = (Layers::of(&a, &signals)?, Layers::of(&b, &others)?);
        let mut changed = Vec::with_capacity(pairs.list.len());
        for &(of_a, of_b, _) in &pairs.list {
            let channels = layers.changed(&signals.list[of_a], &other_layers, &others.list[of_b])?;
            changed.push(channels.map(Changed::new));
        }
        let values = values(&a, &signals, &pairs.of_a)?;
        let count = named.len();
        let graph = merge::merged(&a, &b, &given, &named)?;
        // Most constants are those of the callers' graphs.
        let own = constants_of([&graph]);
        let held = constants_of(callers.into_iter().chain([&graph])).saturating_sub(own);
        let how = ExecutorOptions { shapes: options.clone(), ..ExecutorOptions::default() };
        let executor = Executor::observed(graph, &how, held, Observer { copied: 0 })?;
        Ok(Self {
            executor,
            limits: options.limits.clone(),
            comparison,
            statistics: vec![Statistics::default(); count],
            changed,
            values,
        })
    }

    /// Compares on one example, a tensor for each input of the first graph by name.
    ///
    /// # Errors
    ///
    /// Inputs that do not fit the graph; values that wait for their other form and exceed the limits together.
    pub fn observe(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        let Self { executor, limits, statistics, changed, .. } = self;
        let count = statistics.len();
        let taken = executor.bytes();
        let mut held = 0;
        // Of each pair the value that is complete first, until the other one is.
        let mut waiting: Vec<Option<Vec<f32>>> = vec![None; count];
        executor.observe(inputs, |at, _, seen| {
            let (is_first, at, values) = (at < count, at % count, seen.floats()?);
            let Some(other) = waiting[at].take() else {
                held += size_of_val(values) as u64;
                limits
                    .check_bytes(taken.saturating_add(held), || "the values of both networks".to_owned())?;
                waiting[at] = Some(values.to_vec());
                return Ok(());
            };
            held -= size_of_val(&other[..]) as u64;
            let (a, b) = if is_first { (values, &other[..]) } else { (&other[..], values) };
            statistics[at].add(a, b);
            if let Some(changed) = &mut changed[at] {
                changed.add(a, b);
            }
            Ok(())
        })?;
        self.comparison.examples += 1;
        Ok(())
    }

    /// What was found.
    pub fn finish(mut self) -> Comparison {
        let taken_back = taken_back(&self.values, &self.statistics, &self.changed);
        // The share of noise that each value of the first graph has, or inherits if it is not compared.
        let mut shares: Vec<(f64, f64)> = Vec::with_capacity(self.values.len());
        for Value { pair, inputs, .. } in &self.values {
            let before = inputs.iter().filter_map(|&input| shares.get(input).copied());
            let (share, decibels) = before.fold((0.0, f64::INFINITY), |worst: (f64, f64), next| {
                (worst.0.max(next.0), worst.1.min(next.1))
            });
            let Some(pair) = *pair else {
                shares.push((share, decibels));
                continue;
            };
            let value = &mut self.comparison.values[pair];
            let statistics = match &self.changed[pair] {
                Some(Changed { channels, others, .. }) if taken_back[pair] => {
                    value.changed_channels = channels.count();
                    if channels.are_all() {
                        value.fill(&self.statistics[pair], 1.0, decibels);
                        shares.push((share, decibels));
                        continue;
                    }
                    others
                }
                _ => &self.statistics[pair],
            };
            value.fill(statistics, share, decibels);
            let found = statistics.energy();
            shares.push((found.share(), found.decibels()));
        }
        self.comparison.fill_outputs(&self.statistics);
        self.comparison
    }
}
