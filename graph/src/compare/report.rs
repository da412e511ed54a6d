//! What a comparison found.

use std::cmp::Reverse;

use super::names::label;
use super::pairs::{MatchedBy, Pairs};
use super::signals::{Signal, Signals};
use crate::energy::Energy;
use crate::{Graph, ValueInfo};

/// How one value differs between two forms of a network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ValueDifference {
    /// Its name in the first graph.
    pub value: String,
    /// Its name in the second graph.
    pub other_value: String,
    /// The node of the first graph that computes it; empty for an input.
    pub node: String,
    /// The operator of that node.
    pub op: String,
    /// The node of the second graph.
    pub other_node: String,
    /// The operator of that node.
    pub other_op: String,
    /// How the two were found to belong together.
    pub matched_by: MatchedBy,
    /// Its shape.
    pub shape: Vec<usize>,
    /// `10 · log10(Σ a² / Σ (a − b)²)` over all examples, infinite where there is no difference.
    pub sqnr_db: f64,
    /// The least such ratio among the values that it is computed from: the nearest ones that are compared. Infinite where they do not
    /// differ.
    pub before_db: f64,
    /// The share of its energy that is error, 0 to 1, less the greatest such share among the values that it is computed from: where this
    /// is large, the error is made.
    pub made_here: f64,
    /// The greatest difference of two elements.
    pub max_difference: f32,
    /// Elements of which one is finite and the other is not.
    pub not_finite: u64,
    /// The number of its channels that the second form rescales or replaces by copies of others, as aids to accuracy do, while what the layers
    /// with weights that read it compute differs much less. They do not count above, unless these are all channels: then nothing is made here.
    pub changed_channels: usize,
}

impl ValueDifference {
    fn new(a: &Signal<'_>, b: &Signal<'_>, matched_by: MatchedBy) -> Self {
        let node = |signal: &Signal<'_>| {
            signal.node.map_or_else(Default::default, |node| (node.name.clone(), node.op.to_string()))
        };
        let ((node, op), (other_node, other_op)) = (node(a), node(b));
        Self {
            value: label(a).to_owned(),
            other_value: label(b).to_owned(),
            node,
            op,
            other_node,
            other_op,
            matched_by,
            shape: a.shape.clone().unwrap_or_default(),
            sqnr_db: f64::INFINITY,
            before_db: f64::INFINITY,
            made_here: 0.0,
            max_difference: 0.0,
            not_finite: 0,
            changed_channels: 0,
        }
    }

    pub(super) fn fill(&mut self, found: &Statistics, share_before: f64, before_db: f64) {
        let energy = found.energy();
        self.sqnr_db = energy.decibels();
        self.before_db = before_db;
        self.made_here = (energy.share() - share_before).max(0.0);
        self.max_difference = found.max_difference;
        self.not_finite = found.not_finite;
    }
}

/// How an output differs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutputDifference {
    /// Its name in the first graph.
    pub output: String,
    /// The position of its value in [`Comparison::values`]; `None` if the second graph has no such value.
    pub value: Option<usize>,
    /// The mean difference of two elements.
    pub mean_difference: f64,
    /// The number of examples whose largest element is at the same place in both.
    pub same_largest: usize,
}

/// How two forms of a network differ.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Comparison {
    /// The values that both have, in the first graph's order of execution.
    pub values: Vec<ValueDifference>,
    /// The outputs of the first graph.
    pub outputs: Vec<OutputDifference>,
    /// Values of the first graph that were not found in the second, in order of execution.
    pub unmatched: Vec<String>,
    /// Values of the second graph that were not found in the first.
    pub other_unmatched: Vec<String>,
    /// The number of examples.
    pub examples: usize,
}

impl Comparison {
    pub(super) fn new(a: (&Graph, &Signals<'_>), b: (&Graph, &Signals<'_>), pairs: &Pairs) -> Self {
        let value = |&(of_a, of_b, by): &(usize, usize, MatchedBy)| {
            ValueDifference::new(&a.1.list[of_a], &b.1.list[of_b], by)
        };
        let output = |info: &ValueInfo| OutputDifference {
            output: info.name.clone(),
            value: a.1.of.get(info.name.as_str()).and_then(|&signal| pairs.of_a[signal]),
            mean_difference: 0.0,
            same_largest: 0,
        };
        let unmatched = |signals: &Signals<'_>, of: &[Option<usize>]| {
            let all = signals.list.iter().zip(of);
            let left = all.filter(|(signal, pair)| pair.is_none() && !signal.is_given());
            left.map(|(signal, _)| label(signal).to_owned()).collect()
        };
        Self {
            values: pairs.list.iter().map(value).collect(),
            outputs: a.0.outputs.iter().map(output).collect(),
            unmatched: unmatched(a.1, &pairs.of_a),
            other_unmatched: unmatched(b.1, &pairs.of_b),
            examples: 0,
        }
    }

    pub(super) fn fill_outputs(&mut self, statistics: &[Statistics]) {
        for output in &mut self.outputs {
            if let Some(found) = output.value.and_then(|value| statistics.get(value)) {
                output.mean_difference = found.sum / found.count.max(1) as f64;
                output.same_largest = found.same_largest;
            }
        }
    }

    /// The values, those first where most error is made.
    pub fn worst_first(&self) -> Vec<&ValueDifference> {
        let mut values: Vec<&ValueDifference> = self.values.iter().collect();
        values.sort_by(|a, b| {
            let key = |value: &ValueDifference| (Reverse(value.not_finite > 0), value.sqnr_db);
            b.made_here
                .total_cmp(&a.made_here)
                .then(key(a).0.cmp(&key(b).0))
                .then(key(a).1.total_cmp(&key(b).1))
        });
        values
    }
}

/// Sums over the pairs of elements of a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Statistics {
    energy: Energy,
    max_difference: f32,
    /// Of all differences.
    sum: f64,
    count: u64,
    not_finite: u64,
    same_largest: usize,
}

impl Statistics {
    /// Counts one example's elements; those of another number are all different.
    pub(super) fn add(&mut self, a: &[f32], b: &[f32]) {
        if a.len() != b.len() {
            self.not_finite += a.len().max(b.len()) as u64;
        }
        for (&a, &b) in a.iter().zip(b) {
            // Equal infinities differ by NaN.
            if a.to_bits() == b.to_bits() && !a.is_finite() || a.is_nan() && b.is_nan() {
                continue;
            }
            if !a.is_finite() || !b.is_finite() {
                self.not_finite += 1;
                continue;
            }
            self.energy.add(a.into(), b.into());
            self.max_difference = self.max_difference.max((a - b).abs());
            self.sum += f64::from((a - b).abs());
        }
        self.count += a.len() as u64;
        self.same_largest += usize::from(largest(a) == largest(b));
    }

    /// Whether all elements are finite in both forms, and all differences.
    pub(super) fn is_finite(&self) -> bool {
        self.not_finite == 0 && self.max_difference.is_finite()
    }

    /// The energies; elements that are finite in one form only are infinite noise.
    pub(super) fn energy(&self) -> Energy {
        let noise = if self.not_finite > 0 { f64::INFINITY } else { self.energy.noise };
        Energy { noise, ..self.energy }
    }
}

/// The position of the first of the largest elements.
fn largest(values: &[f32]) -> Option<usize> {
    let all = values.iter().enumerate();
    let largest = all.reduce(|best, next| if next.1 > best.1 { next } else { best });
    largest.map(|(at, _)| at)
}
