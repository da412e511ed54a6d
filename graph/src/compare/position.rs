//! Matches values whose names differ: by the order of operators and the shapes of what they write.

use std::collections::HashSet;

use super::pairs::{MatchedBy, Pairs};
use super::signals::{Signal, Signals};
use crate::ops::eight_bit::EightBit;
use crate::ops::{add, batch_normalization, div, mul, sub};
use crate::{Graph, Node};

/// The most pairs of places that are considered: what the search takes in memory and time.
const MAX_PAIRS: usize = 1 << 22;

/// A place in a graph: a node with what one form of the network may have as nodes of their own and another as part of this one.
#[derive(Debug)]
struct Place<'g> {
    op: &'g str,
    shape: &'g [usize],
    /// The signal at the end of these nodes.
    signal: usize,
}

impl Place<'_> {
    fn is_like(&self, other: &Place<'_>) -> bool {
        self.op == other.op && self.shape == other.shape
    }
}

/// Pairs what has no pair yet: the longest sequence of places that both graphs have in this order.
pub(super) fn pair(a: (&Graph, &Signals<'_>), b: (&Graph, &Signals<'_>), pairs: &mut Pairs) {
    let (own, other) = (places(a.0, a.1, &pairs.of_a), places(b.0, b.1, &pairs.of_b));
    if own.len().saturating_mul(other.len()) > MAX_PAIRS {
        return;
    }
    for (at, to) in common(&own, &other) {
        pairs.add(own[at].signal, other[to].signal, MatchedBy::Position);
    }
}

/// The places of a graph whose signals have no pair, in execution order.
fn places<'g>(graph: &Graph, signals: &'g Signals<'_>, pair: &[Option<usize>]) -> Vec<Place<'g>> {
    let outputs: HashSet<usize> =
        graph.outputs.iter().filter_map(|output| signals.of.get(output.name.as_str()).copied()).collect();
    let readers = signals.readers();
    // For each signal the one into which it goes as a part of its place.
    let mut end: Vec<usize> = (0..signals.list.len()).collect();
    let mut is_part = vec![false; signals.list.len()];
    for (index, signal) in signals.list.iter().enumerate().rev() {
        if let (Some(node), &[before]) = (signal.node, &signal.inputs[..])
            && follows(node)
            && readers[before] == 1
            && !outputs.contains(&before)
            && signals.list[before].node.is_some()
        {
            end[before] = end[index];
            is_part[index] = true;
        }
    }
    let place = |(index, signal): (usize, &'g Signal<'_>)| {
        let node = signal.node.filter(|_| !is_part[index])?;
        let signal = end[index];
        let shape = signals.list[signal].shape.as_deref()?;
        Some(Place { op: common_name(node), shape, signal })
    };
    let free = |place: &Place<'_>| pair[place.signal].is_none();
    signals.list.iter().enumerate().filter_map(place).filter(free).collect()
}

/// Whether a node may be part of the node before it, whose output alone is not constant among its inputs: an activation that clamps, a
/// bias, a scale.
fn follows(node: &Node) -> bool {
    let clamps = node.operator().is_some_and(|operator| matches!(operator.eight_bit, EightBit::Clamp(_)));
    clamps
        || [&batch_normalization::OP, &add::OP, &sub::OP, &mul::OP, &div::OP]
            .into_iter()
            .any(|operator| node.is(operator))
}

/// The name that the forms of an operator have in common.
fn common_name(node: &Node) -> &str {
    let name = node.op.as_str();
    match name {
        "Gemm" | "QGemm" | "QLinearMatMul" | "FusedMatMul" => "MatMul",
        _ => name.trim_start_matches("QLinear").trim_start_matches("Fused"),
    }
}

/// The longest common subsequence, as positions in both.
fn common(a: &[Place<'_>], b: &[Place<'_>]) -> Vec<(usize, usize)> {
    // The length for what follows each pair of positions.
    let width = b.len() + 1;
    let mut longest = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i].is_like(&b[j]) {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i].is_like(&b[j]) {
            found.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}
