//! Compares the times of two forms of a network, value by value.

use std::collections::HashMap;
use std::time::Duration;

use super::names::label;
use super::pairs::Pairs;
use super::signals::Signals;
use super::{inputs, normalized};
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{Error, Graph, StepTime};

/// The times that two forms of a network take for a value that both compute.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TimePair {
    /// The value in the first graph.
    pub value: String,
    /// The steps of the first graph, by their positions: those that write the value in any form, and those before them that write no
    /// value of the other graph.
    pub steps: Vec<usize>,
    /// Their time.
    pub time: Duration,
    /// The steps of the second graph.
    pub other_steps: Vec<usize>,
    /// Their time.
    pub other_time: Duration,
}

/// Sums the times of `a` and `b`, as [`Executor::profile`](crate::Executor::profile) measured them, for each value that both graphs
/// compute, in `a`'s order of execution. Values that one of them computes in no step of its own count for the next value.
///
/// # Errors
///
/// As [`Comparer::new`](super::Comparer::new), except that graphs may have nothing in common.
pub fn compare_times(
    a: (&Graph, &[StepTime]),
    b: (&Graph, &[StepTime]),
    options: &ShapeOptions,
) -> Result<Vec<TimePair>, Error> {
    let (graph, other) = (normalized(a.0)?, normalized(b.0)?);
    let given = inputs::matched(&graph, &other, &infer_partial_shapes(&graph, options)?.types)?;
    let signals = Signals::new(&graph, options)?;
    let others = Signals::new(&other, &inputs::options(&other, &given, options))?;
    let pairs = Pairs::new((&graph, &signals), (&other, &others));
    // Values that steps write: the others count for what follows them.
    let written = (written(a.1, &graph, &signals, &pairs.of_a), written(b.1, &other, &others, &pairs.of_b));
    let in_both: Vec<bool> = (0..pairs.list.len())
        .map(|pair| written.0.contains(&Some(pair)) && written.1.contains(&Some(pair)))
        .collect();
    let pair = |&(signal, ..): &(usize, usize, _)| TimePair {
        value: label(&signals.list[signal]).to_owned(),
        steps: Vec::new(),
        time: Duration::ZERO,
        other_steps: Vec::new(),
        other_time: Duration::ZERO,
    };
    let mut times: Vec<TimePair> = pairs.list.iter().map(pair).collect();
    for (at, pair) in assigned(&written.0, &in_both) {
        times[pair].steps.push(at);
        times[pair].time += a.1[at].time;
    }
    for (at, pair) in assigned(&written.1, &in_both) {
        times[pair].other_steps.push(at);
        times[pair].other_time += b.1[at].time;
    }
    times.retain(|pair| !pair.steps.is_empty() && !pair.other_steps.is_empty());
    Ok(times)
}

/// The pair whose value each step writes, in any form.
fn written(
    steps: &[StepTime],
    graph: &Graph,
    signals: &Signals<'_>,
    pair: &[Option<usize>],
) -> Vec<Option<usize>> {
    let outputs: HashMap<&str, &str> =
        graph.nodes.iter().filter_map(|node| Some((node.name.as_str(), node.output(0)?))).collect();
    let of = |step: &StepTime| {
        // The executor has names of its own for bytes that a node only moves.
        let of_node = || outputs.get(step.name.as_str()).and_then(|value| signals.of.get(value));
        pair[*signals.of.get(step.value.as_str()).or_else(of_node)?]
    };
    steps.iter().map(of).collect()
}

/// The pair for which each step counts: its own, or that of the next step, or else of the last one, with a pair in both graphs.
fn assigned(written: &[Option<usize>], in_both: &[bool]) -> Vec<(usize, usize)> {
    let own = |pair: &Option<usize>| pair.filter(|&pair| in_both[pair]);
    let mut next = written.iter().rev().find_map(own);
    let mut found = Vec::with_capacity(written.len());
    for (at, pair) in written.iter().enumerate().rev() {
        next = own(pair).or(next);
        found.extend(next.map(|next| (at, next)));
    }
    found.reverse();
    found
}
