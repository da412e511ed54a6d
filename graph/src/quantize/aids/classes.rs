//! Values whose channels can be multiplied by any positive numbers, if the weights before and after are divided by them.

use std::collections::HashMap;

use crate::exec::tail;
use crate::ops::eight_bit::EightBit;
use crate::ops::{
    add, average_pool, flatten, global_average_pool, identity, leaky_relu, max_pool, reshape, squeeze,
};
use crate::quantize::layer::Layer;
use crate::quantize::{ChannelAxis, bounds};
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{Error, Graph, Node};

/// Values that must have the same factors for their channels: what lies between products with weights, and commutes with such factors.
#[derive(Clone, Debug, Default)]
pub(super) struct Class<'g> {
    pub(super) values: Vec<&'g str>,
    /// Products that write one of the values.
    pub(super) producers: Vec<Layer<'g>>,
    /// Products that read one.
    pub(super) consumers: Vec<Layer<'g>>,
    /// The least upper bound of an activation among them; infinite if there is none.
    pub(super) bound: f32,
    pub(super) axis: Axis,
}

/// The axis of a value's channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Axis {
    at: usize,
    rank: usize,
}

impl Axis {
    pub(super) fn of_channels(self) -> ChannelAxis {
        if self.at == 1 { ChannelAxis::Second } else { ChannelAxis::Last }
    }
}

/// The classes of `graph`. A value is in one at most, and none is read by anything that the factors would change.
pub(super) fn classes(graph: &Graph) -> Result<Vec<Class<'_>>, Error> {
    let shapes = infer_partial_shapes(graph, &ShapeOptions::with_batch(1))?.types;
    let mut finder = Finder::default();
    let late = tail::parts(graph)?.1;
    let mut layers = Vec::new();
    let shape = |value: Option<&str>| shapes.get(value?).map(|of| of.shape.as_slice());
    for (index, node) in graph.nodes.iter().enumerate() {
        let layer = Layer::of(index, graph)?.filter(|_| !late.contains(&index));
        if let Some(layer) = layer {
            let axis = |value: &str| {
                let rank = shape(Some(value))?.len();
                let at = if layer.channels == ChannelAxis::Second { 1 } else { rank.checked_sub(1)? };
                Some(Axis { at, rank })
            };
            finder.has_axis(layer.input, axis(layer.input));
            let output = node.required_output(0)?;
            let fits = bias_fits(&layer, graph);
            finder.has_axis(output, axis(output).filter(|_| fits));
            // A bias that is computed has the channels of the output, but not their factors.
            let computed = node.inputs.iter().skip(2).filter(|name| !name.is_empty());
            computed.for_each(|value| finder.has_axis(value, None));
            layers.push(layer);
        } else if late.contains(&index) || !finder.joins(node, graph, &shape)? {
            let ends = node.inputs.iter().chain(&node.outputs).filter(|name| !name.is_empty());
            ends.for_each(|value| finder.has_axis(value, None));
        }
    }
    for end in graph.inputs.iter().chain(&graph.outputs) {
        finder.has_axis(&end.name, None);
    }
    Ok(finder.finish(layers))
}

/// Whether the layer has one bias for each output channel, or none.
fn bias_fits(layer: &Layer<'_>, graph: &Graph) -> bool {
    let bias = layer.node.input(2).map(|name| graph.constants.get(name));
    bias.is_none_or(|bias| {
        bias.is_some_and(|bias| bias.len() == layer.rows() && bias.shape().last() == Some(&layer.rows()))
    })
}

#[derive(Default)]
struct Finder<'g> {
    numbers: HashMap<&'g str, usize>,
    values: Vec<Member<'g>>,
}

struct Member<'g> {
    name: &'g str,
    /// Another one of its class; itself if it stands for the class.
    parent: usize,
    axis: Option<Axis>,
    /// Of its class.
    bound: f32,
    is_fixed: bool,
}

impl<'g> Finder<'g> {
    fn number(&mut self, name: &'g str) -> usize {
        let (numbers, values) = (&mut self.numbers, &mut self.values);
        *numbers.entry(name).or_insert_with(|| {
            let parent = values.len();
            values.push(Member { name, parent, axis: None, bound: f32::INFINITY, is_fixed: false });
            parent
        })
    }

    fn root(&mut self, mut number: usize) -> usize {
        while self.values[number].parent != number {
            let parent = self.values[number].parent;
            self.values[number].parent = self.values[parent].parent;
            number = parent;
        }
        number
    }

    /// A product has the channels of `value` along `axis`; without one, the value cannot be changed.
    fn has_axis(&mut self, value: &'g str, axis: Option<Axis>) {
        let number = self.number(value);
        let root = self.root(number);
        let member = &mut self.values[root];
        match (axis, member.axis) {
            (Some(new), None) => member.axis = Some(new),
            (Some(new), Some(old)) if new.at == old.at => {}
            _ => member.is_fixed = true,
        }
    }

    fn join(&mut self, a: &'g str, b: &'g str, axis: Option<Axis>, bound: f32) {
        let (a, b) = (self.number(a), self.number(b));
        let (a, b) = (self.root(a), self.root(b));
        let other = self.values[b].axis;
        let (bounded, fixed) = (self.values[b].bound.min(bound), self.values[b].is_fixed);
        self.values[b].parent = a;
        let member = &mut self.values[a];
        member.bound = member.bound.min(bounded);
        member.is_fixed |= fixed;
        for axis in [axis, other].into_iter().flatten() {
            match member.axis {
                None => member.axis = Some(axis),
                Some(own) => member.is_fixed |= own.at != axis.at,
            }
        }
    }

    /// Joins what `node` reads with what it writes, if factors for channels commute with it; otherwise `false`.
    fn joins<'s>(
        &mut self,
        node: &'g Node,
        graph: &'g Graph,
        shape: &impl Fn(Option<&str>) -> Option<&'s [usize]>,
    ) -> Result<bool, Error> {
        let (Some(input), Some(output)) = (node.input(0), node.output(0)) else { return Ok(false) };
        let (Some(before), Some(after)) = (shape(Some(input)), shape(Some(output))) else { return Ok(false) };
        let second = Axis { at: 1, rank: before.len() };
        let is = |ops: &[&'static crate::ops::Operator]| ops.iter().any(|op| node.is(op));
        if let Some(EightBit::Clamp(_)) = node.operator().map(|operator| operator.eight_bit) {
            let Ok((low, high)) = bounds(node, graph) else { return Ok(false) };
            let commutes = (low == 0.0 || low == f32::NEG_INFINITY) && high > 0.0;
            if commutes {
                self.join(input, output, None, high);
            }
            return Ok(commutes);
        }
        if is(&[&leaky_relu::OP, &identity::OP]) {
            self.join(input, output, None, f32::INFINITY);
        } else if is(&[&add::OP]) {
            let Some(other) = node.input(1) else { return Ok(false) };
            let constant = [input, other].iter().any(|name| graph.constants.contains_key(*name));
            if constant || shape(Some(other)) != Some(before) || before != after {
                return Ok(false);
            }
            self.join(input, output, None, f32::INFINITY);
            self.join(other, output, None, f32::INFINITY);
        } else if is(&[&max_pool::OP, &average_pool::OP, &global_average_pool::OP]) {
            if node.output(1).is_some() {
                return Ok(false);
            }
            self.join(input, output, Some(second), f32::INFINITY);
        } else if is(&[&flatten::OP, &reshape::OP, &squeeze::OP]) {
            let pixels = before.get(2..).unwrap_or_default();
            let same = before.len() > 2 && pixels.iter().all(|&size| size == 1) && after == &before[..2];
            if !same {
                return Ok(false);
            }
            self.join(input, output, Some(second), f32::INFINITY);
            // The other inputs are shapes.
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn finish(mut self, layers: Vec<Layer<'g>>) -> Vec<Class<'g>> {
        let mut classes: HashMap<usize, Class<'g>> = HashMap::new();
        for number in 0..self.values.len() {
            let root = self.root(number);
            let member = &self.values[root];
            if let (Some(axis), false) = (member.axis, member.is_fixed) {
                let class = classes.entry(root).or_insert_with(|| Class {
                    bound: member.bound,
                    axis,
                    ..Class::default()
                });
                class.values.push(self.values[number].name);
            }
        }
        for layer in layers {
            let (input, output) =
                (self.number(layer.input), layer.node.output(0).map(|name| self.number(name)));
            let input = self.root(input);
            if let Some(class) = classes.get_mut(&input) {
                class.consumers.push(layer);
            }
            if let Some(output) = output {
                let output = self.root(output);
                if let Some(class) = classes.get_mut(&output) {
                    class.producers.push(layer);
                }
            }
        }
        let mut classes: Vec<Class<'g>> = classes.into_values().collect();
        classes.retain(|class| !class.producers.is_empty() && !class.consumers.is_empty());
        classes.sort_by(|a, b| a.values.cmp(&b.values));
        classes
    }
}
