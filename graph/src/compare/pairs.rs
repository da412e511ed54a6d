//! Pairs of values.

use super::names;
use super::position;
use super::signals::Signals;
use crate::Graph;

/// How a value of one graph was found in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchedBy {
    /// It has the same name.
    Name,
    /// It is the input or output of the graph at the same place, or that of the same operator in the same order.
    Position,
}

impl MatchedBy {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Position => "position",
        }
    }
}

/// Pairs of signals of two graphs; each signal is in one pair at most.
#[derive(Debug)]
pub(super) struct Pairs {
    pub(super) list: Vec<(usize, usize, MatchedBy)>,
    /// For each signal of the first graph, the number of its pair.
    pub(super) of_a: Vec<Option<usize>>,
    /// For each signal of the second graph.
    pub(super) of_b: Vec<Option<usize>>,
}

impl Pairs {
    /// Pairs the signals of the graphs `a` and `b`.
    pub(super) fn new(a: (&Graph, &Signals<'_>), b: (&Graph, &Signals<'_>)) -> Self {
        let (signals, others) = (a.1, b.1);
        let mut pairs = Self {
            list: Vec::new(),
            of_a: vec![None; signals.list.len()],
            of_b: vec![None; others.list.len()],
        };
        names::pair(signals, others, &mut pairs);
        let ends = a.0.inputs.iter().zip(&b.0.inputs).chain(a.0.outputs.iter().zip(&b.0.outputs));
        for (own, other) in ends {
            if let (Some(&own), Some(&other)) =
                (signals.of.get(own.name.as_str()), others.of.get(other.name.as_str()))
                && pairs.are_free(own, other)
                && names::fit(&signals.list[own], &others.list[other])
            {
                pairs.add(own, other, MatchedBy::Position);
            }
        }
        position::pair(a, b, &mut pairs);
        pairs.sort();
        pairs
    }

    pub(super) fn are_free(&self, a: usize, b: usize) -> bool {
        self.of_a[a].is_none() && self.of_b[b].is_none()
    }

    pub(super) fn add(&mut self, a: usize, b: usize, by: MatchedBy) {
        (self.of_a[a], self.of_b[b]) = (Some(self.list.len()), Some(self.list.len()));
        self.list.push((a, b, by));
    }

    /// Drops pairs.
    pub(super) fn retain(&mut self, keep: impl Fn(usize, usize) -> bool) {
        self.list.retain(|&(a, b, _)| keep(a, b));
        self.of_a.fill(None);
        self.of_b.fill(None);
        self.sort();
    }

    /// Puts the pairs in the first graph's order.
    fn sort(&mut self) {
        self.list.sort_unstable_by_key(|&(a, ..)| a);
        for (index, &(a, b, _)) in self.list.iter().enumerate() {
            (self.of_a[a], self.of_b[b]) = (Some(index), Some(index));
        }
    }
}
