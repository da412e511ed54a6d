//! Channels that the second form of a network holds otherwise on purpose: equalization rescales them, and copies take the places of dead ones. What
//! reads them takes that back, and such values say nothing of where answers are lost.

use std::borrow::Cow;
use std::collections::HashMap;

use super::signals::{Signal, Signals};
use crate::ops::eight_bit::{EightBit, weight_axis};
use crate::ops::{dequantize_linear, evaluate};
use crate::{Error, Graph, Tensor};

/// The noise in the weights of a channel, as a part of their energy, that rounding does not explain.
const CHANGED: f64 = 0.01;

/// The channels of a value whose weights or biases differ by more than rounding.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    changed: Vec<bool>,
    /// The elements of a channel that follow each other.
    inner: usize,
}

impl Channels {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.changed.iter().filter(|&&changed| changed).count()
    }

    /// Whether these are all channels.
    pub(super) fn are_all(&self) -> bool {
        !self.changed.contains(&false)
    }

    /// The elements of all other channels.
    pub(super) fn others(&self, values: &[f32]) -> Vec<f32> {
        let runs = values.chunks(self.inner).zip(self.changed.iter().cycle());
        runs.filter(|(_, changed)| !**changed).flat_map(|(run, _)| run).copied().collect()
    }
}

/// A graph, and the nodes that write its values.
pub(super) struct Layers<'g> {
    graph: &'g Graph,
    signals: &'g Signals<'g>,
    producers: HashMap<&'g str, usize>,
}

/// Constant floats, or what constant bytes stand for, and the steps of these: one, or one for each channel.
struct Floats<'g> {
    values: Cow<'g, Tensor>,
    steps: &'g [f32],
}

/// The weights of a layer, the axis of their output channels, and its bias.
struct Weights<'g> {
    weights: Floats<'g>,
    axis: usize,
    bias: Option<Floats<'g>>,
}

impl<'g> Layers<'g> {
    pub(super) fn of(graph: &'g Graph, signals: &'g Signals<'g>) -> Result<Self, Error> {
        Ok(Self { graph, signals, producers: graph.producers()? })
    }

    /// The weights of the layer that computes a signal, with the activations after it.
    fn weights(&self, signal: &Signal<'g>) -> Result<Option<Weights<'g>>, Error> {
        let mut node = signal.node;
        while let Some(clamp) = node
            && clamp.operator().is_some_and(|operator| matches!(operator.eight_bit, EightBit::Clamp(_)))
        {
            let before = clamp.input(0).and_then(|input| self.signals.of.get(input));
            node = before.and_then(|&before| self.signals.list[before].node);
        }
        let Some(layer) = node else { return Ok(None) };
        let (Some(axis), Some(weights)) = (weight_axis(layer)?, self.floats(layer.input(1))?) else {
            return Ok(None);
        };
        Ok(Some(Weights { weights, axis, bias: self.floats(layer.input(2))? }))
    }

    /// The value `name`, if it is constant.
    fn floats(&self, name: Option<&str>) -> Result<Option<Floats<'g>>, Error> {
        let Some(name) = name else { return Ok(None) };
        if let Some(values) = self.graph.constants.get(name) {
            return Ok(Some(Floats { values: Cow::Borrowed(values), steps: &[] }));
        }
        let dequantize = self.producers.get(name).map(|&index| &self.graph.nodes[index]);
        let Some(node) = dequantize.filter(|node| node.is(&dequantize_linear::OP)) else { return Ok(None) };
        let constant = |name: &String| self.graph.constants.get(name);
        let inputs: Vec<Option<&Tensor>> = node.inputs.iter().map(constant).collect();
        let [Some(_), Some(steps), zeros @ ..] = inputs.as_slice() else { return Ok(None) };
        if zeros.iter().zip(&node.inputs[2..]).any(|(zero, name)| zero.is_none() && !name.is_empty()) {
            return Ok(None);
        }
        let values = evaluate(node, &inputs)?.into_iter().next();
        let steps = steps.as_f32().unwrap_or_default();
        Ok(values.map(|values| Floats { values: Cow::Owned(values), steps }))
    }

    /// The channels of `signal` in `other` that are not those of `own` here; `None` if there are none, or no weights that tell.
    pub(super) fn changed(
        &self,
        own: &Signal<'g>,
        other: &Layers<'_>,
        signal: &Signal<'_>,
    ) -> Result<Option<Channels>, Error> {
        let (Some(a), Some(b)) = (self.weights(own)?, other.weights(signal)?) else { return Ok(None) };
        let (shape, axis) = (a.weights.values.shape(), a.axis);
        if shape != b.weights.values.shape() || axis != b.axis {
            return Ok(None);
        }
        let (Ok(exact), Ok(found)) = (a.weights.values.as_f32(), b.weights.values.as_f32()) else {
            return Ok(None);
        };
        let (Some(&channels), Some(value)) = (shape.get(axis), &own.shape) else { return Ok(None) };
        // Images have their channels second, rows have them last.
        let of_value = if shape.len() > 2 { 1 } else { value.len().saturating_sub(1) };
        if value.get(of_value) != Some(&channels) || exact.is_empty() {
            return Ok(None);
        }
        let inner: usize = shape[axis + 1..].iter().product();
        let mut energies = vec![(0.0f64, 0.0f64); channels];
        for (at, (&exact, &found)) in exact.iter().zip(found).enumerate() {
            let channel = at / inner % channels;
            let steps = b.weights.steps;
            let step = steps.get(channel).or_else(|| steps.first()).copied().unwrap_or(0.0);
            let (signal, noise) = &mut energies[channel];
            // Rounding moves a weight by a step at most.
            *signal += f64::from(exact).powi(2) * CHANGED + f64::from(step).powi(2);
            *noise += (f64::from(exact) - f64::from(found)).powi(2);
        }
        let shifted = shifted(a.bias.as_ref(), b.bias.as_ref(), channels);
        let is_changed = |((signal, noise), shifted): ((f64, f64), bool)| noise > signal || shifted;
        let changed: Vec<bool> = energies.into_iter().zip(shifted).map(is_changed).collect();
        let inner = value[of_value + 1..].iter().product::<usize>().max(1);
        Ok(changed.contains(&true).then_some(Channels { changed, inner }))
    }
}

/// The channels whose bias differs by more than what corrects rounded weights: a tenth of the largest bias.
fn shifted(a: Option<&Floats<'_>>, b: Option<&Floats<'_>>, channels: usize) -> Vec<bool> {
    const SHIFTED: f32 = 0.1;
    let of = |floats: Option<&Floats<'_>>| match floats.and_then(|floats| floats.values.as_f32().ok()) {
        Some(values) if values.len() == channels => values.to_vec(),
        _ => vec![0.0; channels],
    };
    let (a, b) = (of(a), of(b));
    let largest = a.iter().fold(0.0f32, |largest, bias| largest.max(bias.abs()));
    a.iter().zip(&b).map(|(a, b)| largest > 0.0 && (a - b).abs() > SHIFTED * largest).collect()
}
