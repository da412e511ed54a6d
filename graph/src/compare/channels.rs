//! Channels that the second form of a network holds otherwise on purpose: equalization rescales them, and copies take the places of dead ones. What
//! reads them takes that back, and such values say nothing of where answers are lost.

use std::borrow::Cow;
use std::collections::HashMap;

use super::signals::{Signal, Signals};
use crate::ops::eight_bit::{EightBit, weight_axis};
use crate::ops::{dequantize_linear, evaluate, matmul};
use crate::{Error, Graph, Tensor};

/// The noise in the weights of a channel, as a part of their energy, that rounding does not explain.
const CHANGED: f64 = 0.01;

/// The channels of a value whose weights or biases differ by more than rounding.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) changed: Vec<bool>,
    /// The elements of a channel that follow each other.
    pub(super) inner: usize,
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

    /// Their elements.
    pub(super) fn changed(&self, values: &[f32]) -> Vec<f32> {
        self.elements(values, true)
    }

    /// The elements of all other channels.
    pub(super) fn others(&self, values: &[f32]) -> Vec<f32> {
        self.elements(values, false)
    }

    fn elements(&self, values: &[f32], of_changed: bool) -> Vec<f32> {
        let runs = values.chunks(self.inner).zip(self.changed.iter().cycle());
        runs.filter(|(_, changed)| **changed == of_changed).flat_map(|(run, _)| run).copied().collect()
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

impl Floats<'_> {
    /// The step of a channel; 0 for floats.
    fn step(&self, channel: usize) -> f32 {
        self.steps.get(channel).or_else(|| self.steps.first()).copied().unwrap_or(0.0)
    }
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
        // Of a stack of matrices each has columns of its own.
        if layer.is(&matmul::OP) && weights.values.rank() != 2 {
            return Ok(None);
        }
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
            let (signal, noise) = &mut energies[channel];
            // Rounding moves a weight by a step at most.
            let steps = [&a, &b].map(|form| f64::from(form.weights.step(channel)).powi(2));
            *signal += f64::from(exact).powi(2) * CHANGED + steps[0] + steps[1];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes::ShapeOptions;
    use crate::{DataType, Node, ValueInfo};

    /// A layer whose weights are `weights`, or bytes of them with these steps.
    fn layer(op: &str, x: &[usize], y: &[usize], weights: &Tensor, steps: Option<&[f32]>) -> Graph {
        let value = |name: &str, shape: &[usize]| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: shape.iter().copied().map(Some).collect(),
        };
        let mut graph = Graph {
            opset: 13,
            inputs: vec![value("x", x)],
            outputs: vec![value("y", y)],
            nodes: vec![Node::new("layer", op, &["x", "w"], &["y"])],
            ..Graph::default()
        };
        let Some(steps) = steps else {
            graph.constants.insert("w".to_owned(), weights.clone());
            return graph;
        };
        let floats = weights.as_f32().expect("floats").chunks(weights.len() / weights.shape()[0]);
        let bytes = floats.enumerate().flat_map(|(channel, floats)| {
            let step = steps.get(channel).unwrap_or(&steps[0]);
            floats.iter().map(move |float| (float / step).round_ties_even() as i8)
        });
        let bytes: Vec<i8> = bytes.collect();
        graph.constants.insert("w8".to_owned(), Tensor::new(weights.shape(), bytes).expect("as many"));
        let scale = if let &[step] = steps { Tensor::scalar(step) } else { Tensor::vector(steps.to_vec()) };
        graph.constants.insert("step".to_owned(), scale);
        graph
            .nodes
            .insert(0, Node::new("floats", "DequantizeLinear", &["w8", "step"], &["w"]).with("axis", 0));
        graph
    }

    /// The number of changed channels of `y`.
    fn changed(a: &Graph, b: &Graph) -> usize {
        let [own, other] = [a, b].map(|graph| Signals::new(graph, &ShapeOptions::default()).expect("sound"));
        let [a, b] = [(a, &own), (b, &other)].map(|(graph, of)| Layers::of(graph, of).expect("sound"));
        let [of_a, of_b] = [&own, &other].map(|signals| &signals.list[signals.of["y"]]);
        a.changed(of_a, &b, of_b).expect("sound").map_or(0, |channels| channels.count())
    }

    #[test]
    fn rounding_of_either_form_is_no_change() {
        // A channel of small weights has few codes with the step of all.
        let values: Vec<f32> =
            (0..32).map(|at| (at % 7 - 3) as f32 * if at < 16 { 0.3 } else { 0.001 }).collect();
        let weights = Tensor::new([2, 16, 1, 1], values).expect("as many");
        let of = |weights, steps| layer("Conv", &[1, 16, 2, 2], &[1, 2, 2, 2], weights, steps);
        let forms = [None, Some(&[0.9 / 127.0][..]), Some(&[0.9 / 127.0, 0.003 / 127.0][..])];
        for (a, b) in forms.iter().flat_map(|&a| forms.map(|b| (a, b))) {
            assert_eq!(changed(&of(&weights, a), &of(&weights, b)), 0, "{a:?} {b:?}");
        }
        let halved = weights.as_f32().expect("floats").iter().enumerate();
        let halved: Vec<f32> =
            halved.map(|(at, &weight)| if at < 16 { weight / 2.0 } else { weight }).collect();
        let halved = Tensor::new([2, 16, 1, 1], halved).expect("as many");
        for (a, b) in forms.iter().flat_map(|&a| forms.map(|b| (a, b))) {
            assert_eq!(changed(&of(&weights, a), &of(&halved, b)), 1, "{a:?} {b:?}");
            assert_eq!(changed(&of(&halved, a), &of(&weights, b)), 1, "{a:?} {b:?}");
        }
    }

    #[test]
    fn stacks_of_matrices_have_no_channels() {
        let of = |shape: &[usize], factor: f32| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> =
                (0..count).map(|at| at as f32 * if at == 3 { factor } else { 1.0 }).collect();
            let weights = Tensor::new(shape, values).expect("as many");
            layer("MatMul", &[2, 3, 3], &[2, 3, 3], &weights, None)
        };
        assert_eq!(changed(&of(&[2, 3, 3], 1.0), &of(&[2, 3, 3], 9.0)), 0);
        assert_eq!(changed(&of(&[3, 3], 1.0), &of(&[3, 3], 9.0)), 1);
    }
}
