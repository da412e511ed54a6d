//! Which changes of channels are taken back: what layers with weights make of such values differs much less than what they read.

use super::channels::Channels;
use super::report::Statistics;
use super::signals::{Signal, Signals};
use crate::energy::Energy;
use crate::ops::eight_bit::{EightBit, weight_axis};
use crate::ops::{add, average_pool, batch_normalization, div, global_average_pool, leaky_relu, mul, sub};
use crate::{Error, Graph};

/// How much less the share of noise is after a layer that takes a change back.
const LESS: f64 = 4.0;

/// What a value is to a change of the values that it is computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    /// A product with constant weights: it can take a change back.
    Layer,
    /// Factors of channels pass it, and copies of channels: a layer after it can take them back.
    Passes,
    /// Nothing takes back what it reads. That it differs less says nothing: a sigmoid hides large errors.
    Other,
}

/// A value of the first graph.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) pair: Option<usize>,
    /// The values that it is computed from.
    pub(super) inputs: Vec<usize>,
    role: Role,
    is_output: bool,
}

/// The channels of a pair that may differ on purpose, and what was found in them and in the others.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) channels: Channels,
    own: Statistics,
    pub(super) others: Statistics,
}

impl Changed {
    pub(super) fn new(channels: Channels) -> Self {
        Self { channels, own: Statistics::default(), others: Statistics::default() }
    }

    /// Counts one example's elements.
    pub(super) fn add(&mut self, a: &[f32], b: &[f32]) {
        self.own.add(&self.channels.changed(a), &self.channels.changed(b));
        self.others.add(&self.channels.others(a), &self.channels.others(b));
    }
}

/// The values of `graph`, in execution order, with the pair of each.
pub(super) fn values(
    graph: &Graph,
    signals: &Signals<'_>,
    pairs: &[Option<usize>],
) -> Result<Vec<Value>, Error> {
    let value = |(signal, &pair): (&Signal<'_>, &Option<usize>)| {
        Ok(Value { pair, inputs: signal.inputs.clone(), role: role(signal)?, is_output: false })
    };
    let mut values = signals.list.iter().zip(pairs).map(value).collect::<Result<Vec<Value>, Error>>()?;
    for output in &graph.outputs {
        if let Some(&of) = signals.of.get(output.name.as_str()) {
            values[of].is_output = true;
        }
    }
    Ok(values)
}

fn role(signal: &Signal<'_>) -> Result<Role, Error> {
    let Some(node) = signal.node else { return Ok(Role::Other) };
    let is_alone = signal.inputs.len() == 1;
    if weight_axis(node)?.is_some() {
        return Ok(if is_alone { Role::Layer } else { Role::Other });
    }
    let is_one_of =
        |operators: &[&'static crate::ops::Operator]| operators.iter().any(|operator| node.is(operator));
    let passes = match node.operator().map(|operator| operator.eight_bit) {
        Some(EightBit::Clamp(_) | EightBit::Move(_)) => is_alone,
        _ if is_one_of(&[&add::OP, &sub::OP]) => true,
        _ if is_one_of(&[&mul::OP, &div::OP, &batch_normalization::OP, &leaky_relu::OP]) => is_alone,
        _ => is_one_of(&[&average_pool::OP, &global_average_pool::OP]),
    };
    Ok(if passes { Role::Passes } else { Role::Other })
}

/// For each pair whether its change is taken back by all layers that read it, at once or through what it passes. Compared values on the way
/// must differ as much, too: a clamp or a mean that hides a change leaves nothing to be taken back.
pub(super) fn taken_back(
    values: &[Value],
    statistics: &[Statistics],
    changed: &[Option<Changed>],
) -> Vec<bool> {
    let mut taken_back = vec![false; statistics.len()];
    // For each value the greatest share of noise in what layers make of it; `None` if something else reads it.
    let start = |value: &Value| (!value.is_output).then_some(0.0f64);
    let mut after: Vec<Option<f64>> = values.iter().map(start).collect();
    // The same of the nearest compared values that it passes to.
    let mut passed = after.clone();
    for (index, value) in values.iter().enumerate().rev() {
        let (mut share, mut later) = (passed[index], after[index]);
        if let Some(pair) = value.pair {
            let whole = statistics[pair].energy();
            let changed = changed[pair].as_ref();
            let noise = changed.map_or(whole.noise, |changed| changed.own.energy().noise);
            let noise = Energy { noise, ..whole }.share();
            let is_less = later.is_some_and(|later| noise > 0.0 && later * LESS <= noise);
            let is_finite = changed.is_none_or(|changed| changed.own.is_finite());
            share = match changed {
                Some(changed) if is_less && is_finite => {
                    taken_back[pair] = true;
                    if changed.channels.are_all() { later } else { Some(changed.others.energy().share()) }
                }
                _ => Some(whole.share()),
            };
            later = (is_less && is_finite).then_some(0.0);
        }
        let (to_after, to_passed) = match value.role {
            Role::Layer => (share, None),
            Role::Passes => (later, share),
            Role::Other => (None, None),
        };
        for &input in &value.inputs {
            after[input] = greatest(after[input], to_after);
            passed[input] = greatest(passed[input], to_passed);
        }
    }
    taken_back
}

fn greatest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a change of the second of two channels, which the next layer does not show, is taken back.
    fn is_taken_back(of_b: f32) -> bool {
        let value = |pair: usize, inputs: Vec<usize>, is_output: bool| Value {
            pair: Some(pair),
            inputs,
            role: Role::Layer,
            is_output,
        };
        let mut changed = Changed::new(Channels { changed: vec![false, true], inner: 1 });
        let mut statistics = [Statistics::default(), Statistics::default()];
        let (a, b) = ([1.0, -3e38], [1.0, of_b]);
        statistics[0].add(&a, &b);
        changed.add(&a, &b);
        statistics[1].add(&[1.0], &[1.0]);
        let values = [value(0, Vec::new(), false), value(1, vec![0], true)];
        taken_back(&values, &statistics, &[Some(changed), None])[0]
    }

    #[test]
    fn what_is_not_finite_is_not_taken_back() {
        assert!(is_taken_back(-1e38));
        for of_b in [f32::NAN, f32::INFINITY, 3e38] {
            assert!(!is_taken_back(of_b), "{of_b}");
        }
    }
}
