//! Batch normalization in four nodes, as TensorFlow's `tf.nn.batch_normalization` writes it:
//! `x · m + (shift − mean · m)` with `m = scale / √(variance + epsilon)`.
//!
//! It becomes the one node that it means. Its constants alone would tell less: of four numbers for each channel they keep two, and what
//! says how large activations are is lost.

use std::collections::HashMap;

use eightbit_graph::{Error, Tensor};

use super::Reference;
use super::batch_norm::normalize;
use super::convolution::Order;
use super::importer::{self, Importer};
use super::index::Nodes;
use super::once::ReadOnce;
use super::operation::Operation;
use crate::proto::{NodeDef, Value};

/// Convolutions, whose outputs are images.
const CONVOLUTIONS: [&str; 2] = ["Conv2D", "DepthwiseConv2dNative"];

/// The most `Identity` nodes in a row that are looked through.
const MAX_IDENTITIES: usize = 4;

/// A normalization: the values that it reads.
#[derive(Clone, Copy, Debug)]
struct Norm<'d> {
    x: Reference<'d>,
    scale: Option<&'d str>,
    shift: &'d str,
    mean: &'d str,
    variance: &'d str,
    epsilon: &'d str,
    /// Whether it normalizes columns of a matrix, not channels of images.
    is_of_matrix: bool,
}

/// The normalizations of a graph, by the names of the nodes that compute their results.
#[derive(Debug, Default)]
pub(super) struct DecomposedNorms<'d>(HashMap<&'d str, Norm<'d>>);

impl<'d> DecomposedNorms<'d> {
    /// Finds them among the nodes `order`.
    pub(super) fn new(order: &[&'d NodeDef], nodes: &Nodes<'d>, once: &ReadOnce<'d>) -> Self {
        let found = |node: &&'d NodeDef| Some((node.name.as_str(), Search { nodes, once }.norm(node)?));
        Self(order.iter().filter_map(found).collect())
    }

    /// The constants that they read.
    pub(super) fn constants(&self) -> impl Iterator<Item = &'d str> {
        let of = |norm: &Norm<'d>| {
            norm.scale.into_iter().chain([norm.shift, norm.mean, norm.variance, norm.epsilon])
        };
        self.0.values().flat_map(of)
    }

    /// Adds the normalization whose result `operation` computes, if it is one.
    pub(super) fn import(
        &self,
        importer: &mut Importer<'d>,
        operation: &Operation<'d>,
    ) -> Result<Option<String>, Error> {
        let Some(norm) = self.0.get(operation.node.name.as_str()) else { return Ok(None) };
        let named = |value| if let importer::Value::Named(name) = value { Some(name) } else { None };
        let Some(x) = named(importer.value(norm.x.node, norm.x.port.unwrap_or_default())) else {
            return Ok(None);
        };
        if importer.is_eight_bit || importer.detour(&x).is_some() {
            return Ok(None);
        }
        let constant =
            |node: &str| named(importer.value(node, 0)).filter(|name| importer.constant(name).is_some());
        let statistics = [norm.shift, norm.mean, norm.variance].map(constant);
        let [Some(shift), Some(mean), Some(variance)] = statistics else { return Ok(None) };
        let scale = norm.scale.map(constant);
        let epsilon = importer.constant(norm.epsilon).and_then(|epsilon| epsilon.to_scalar::<f32>().ok());
        let (Some(epsilon), false) = (epsilon, scale == Some(None)) else { return Ok(None) };
        let scale = scale.flatten();
        let Some(&[channels]) = importer.shape_of(&mean) else { return Ok(None) };
        let fits = |name: &String| {
            importer.constant(name).is_some_and(|found| found.shape() == [channels] && found.as_f32().is_ok())
        };
        if ![&shift, &mean, &variance].into_iter().chain(&scale).all(fits) {
            return Ok(None);
        }
        let scale = match scale {
            Some(scale) => scale,
            None => {
                importer.take_bytes(operation, size_of::<f32>() as u64 * channels as u64)?;
                importer.add_constant(operation, "scale", Tensor::vector(vec![1.0f32; channels]))
            }
        };
        let statistics = [scale.as_str(), &shift, &mean, &variance];
        // A matrix has its channels on axis 1, as an image with the channels first.
        let order = if norm.is_of_matrix { Order::ChannelsFirst } else { Order::ChannelsLast };
        normalize(importer, operation, order, &x, statistics, epsilon).map(Some)
    }
}

/// What finds normalizations in a graph.
#[derive(Clone, Copy)]
struct Search<'n, 'd> {
    nodes: &'n Nodes<'d>,
    once: &'n ReadOnce<'d>,
}

impl<'d> Search<'_, 'd> {
    /// The normalization whose result `node` computes.
    fn norm(self, node: &'d NodeDef) -> Option<Norm<'d>> {
        let [scaled, shifted] = self.either(node, &["Add", "AddV2"], |scaled, shifted| {
            self.node(scaled)?.op.eq("Mul").then_some(())?;
            self.node(shifted)?.op.eq("Sub").then_some([scaled, shifted])
        })?;
        let (scaled, shifted) = (self.node(scaled)?, self.node(shifted)?);
        let [shift, product] = self.inputs(shifted, &["Sub"])?;
        let shift = self.constant(shift)?;
        let [mean, factor] = self.either(self.node(product)?, &["Mul"], |mean, factor| {
            self.constant(mean).map(|_| [mean, factor])
        })?;
        let mean = self.constant(mean)?;
        let factor = self.node(factor)?;
        let x =
            self.either(scaled, &["Mul"], |x, other| std::ptr::eq(self.node(other)?, factor).then_some(x))?;
        let (scale, root) = match factor.op.as_str() {
            "Mul" => self.either(factor, &["Mul"], |scale, root| {
                Some((Some(self.constant(scale)?), self.node(root)?))
            })?,
            _ => (None, factor),
        };
        let [sum] = self.inputs(root, &["Rsqrt"])?;
        let [variance, epsilon] = self.inputs(self.node(sum)?, &["Add", "AddV2"])?;
        let product = self.product(x).filter(|_| self.once.is_read_once(scaled))?;
        Some(Norm {
            x: Reference::new(x),
            scale,
            shift,
            mean,
            variance: self.constant(variance)?,
            epsilon: self.constant(epsilon)?,
            is_of_matrix: product.op == "MatMul",
        })
    }

    /// The product, perhaps with a bias, that computes the value of an input, if its last axis has the channels.
    fn product(self, input: &'d str) -> Option<&'d NodeDef> {
        let mut node = self.node(input).filter(|node| has_channels_last(node))?;
        if node.op == "BiasAdd" {
            node = self.node(node.input.first()?).filter(|node| has_channels_last(node))?;
        }
        (node.op == "MatMul" || CONVOLUTIONS.contains(&node.op.as_str())).then_some(node)
    }

    /// The inputs of `node`, which has `N` of them, if it is of one of the operators `ops`.
    fn inputs<const N: usize>(self, node: &'d NodeDef, ops: &[&str]) -> Option<[&'d str; N]> {
        let inputs = || node.input.iter().map(String::as_str).filter(|input| !input.starts_with('^'));
        let inputs: Vec<&str> = inputs().take(N + 1).collect();
        if ops.contains(&node.op.as_str()) { inputs.try_into().ok() } else { None }
    }

    /// What `function` makes of the two inputs of `node` in either order, if it is of one of the operators `ops`.
    fn either<T>(
        self,
        node: &'d NodeDef,
        ops: &[&str],
        function: impl Fn(&'d str, &'d str) -> Option<T>,
    ) -> Option<T> {
        let [first, second] = self.inputs(node, ops)?;
        function(first, second).or_else(|| function(second, first))
    }

    /// The node that computes the value of an input.
    fn node(self, input: &'d str) -> Option<&'d NodeDef> {
        let mut input = Reference::new(input);
        for _ in 0..=MAX_IDENTITIES {
            let node = *self.nodes.get(input.node).filter(|_| input.port == Some(0))?;
            match (node.op.as_str(), &node.input[..]) {
                ("Identity", [before]) => input = Reference::new(before),
                _ => return Some(node),
            }
        }
        None
    }

    /// The `Const` node of an input.
    fn constant(self, input: &'d str) -> Option<&'d str> {
        self.node(input).filter(|node| node.op == "Const").map(|node| node.name.as_str())
    }
}

fn has_channels_last(node: &NodeDef) -> bool {
    let is_last = |value: &Value| matches!(value, Value::S(text) if text == b"NHWC");
    node.attr.get("data_format").is_none_or(|format| format.value.as_ref().is_some_and(is_last))
}
