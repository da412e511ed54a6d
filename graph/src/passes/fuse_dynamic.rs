//! `fuse_dynamic`: products of bytes and the scaling of their sums become one node.

use std::borrow::Cow;

use super::fold_batch_norms::{Normalized, normalize};
use super::links::{Links, other_operand};
use crate::ops::shared::scaled_sums;
use crate::ops::{
    add, batch_normalization, cast, conv_integer, dynamic_quantize_linear, evaluate, matmul_integer, mul,
    reshape,
};
use crate::{DataType, Error, Graph, Names, Node, Tensor};

/// Fuses what ONNX Runtime's `quantize_dynamic` writes: `ConvInteger` or `MatMulInteger` with constant weights, `Cast` to float, and
/// `Mul` by the product of both scales become one node, whose optional inputs 4 and 5 are that product and a bias (see
/// `ops::conv_integer`). The bias is what a following `Add` adds to each channel; a following `BatchNormalization` of images becomes
/// factors on the weights' scales and a bias, computed in f64 and rounded once.
///
/// Every other operation keeps its rounding, so without a `BatchNormalization` the results stay the same in every bit. Not fused:
/// values that have other readers or are outputs of the graph.
///
/// # Errors
///
/// Every error of [`Graph::producers`], and attributes of the wrong type.
pub fn fuse_dynamic(mut graph: Graph) -> Result<Graph, Error> {
    let is_product = |node: &Node| node.is(&conv_integer::OP) || node.is(&matmul_integer::OP);
    if !graph.nodes.iter().any(is_product) {
        return Ok(graph);
    }
    let mut names = Names::of(&graph);
    let mut fused = Vec::new();
    let mut left = MAX_NUMBERS;
    let finder = Finder(Links::of(&graph)?);
    for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| is_product(node)) {
        let Some(chain) = finder.chain(node)? else { continue };
        // A number for each channel is made of a single one.
        let Some(rest) = left.checked_sub(chain.numbers()) else { break };
        left = rest;
        fused.push((index, chain));
    }
    let mut gone = vec![false; graph.nodes.len()];
    for (index, chain) in fused {
        let Chain { nodes, output, scales, bias } = chain;
        let stem = graph.nodes[index].name.clone();
        let scales = match scales {
            Scales::Value(name) => name,
            Scales::Scaled { dynamic, constant } => {
                let factor = names.fresh(&format!("{stem}_folded_scales"));
                let scales = names.fresh(&format!("{stem}_scales"));
                graph.nodes.push(Node::new(&scales, "Mul", &[&dynamic, &factor], &[&scales]));
                graph.constants.insert(factor, Tensor::vector(constant));
                scales
            }
        };
        let node = &mut graph.nodes[index];
        node.inputs.resize(scaled_sums::SCALES, String::new());
        node.inputs.push(scales);
        if let Some(bias) = bias {
            let name = names.fresh(&format!("{stem}_bias"));
            node.inputs.push(name.clone());
            graph.constants.insert(name, Tensor::vector(bias));
        }
        node.outputs = vec![output];
        for fused in nodes {
            gone[fused] = true;
        }
    }
    let mut gone = gone.into_iter();
    graph.nodes.retain(|_| gone.next() != Some(true));
    Ok(graph)
}

/// What is fused into a product.
struct Chain {
    /// The indices of the nodes.
    nodes: Vec<usize>,
    /// The output of the last one.
    output: String,
    scales: Scales,
    bias: Option<Vec<f32>>,
}

impl Chain {
    /// How many constants it adds to the graph.
    fn numbers(&self) -> usize {
        let scales = if let Scales::Scaled { constant, .. } = &self.scales { constant.len() } else { 0 };
        scales + self.bias.as_ref().map_or(0, Vec::len)
    }
}

/// The most numbers that are added: products may share their weights, and a file names each of them in a few bytes.
const MAX_NUMBERS: usize = 1 << 24;

/// The factors of the sums.
enum Scales {
    /// A value of the graph.
    Value(String),
    /// Such a value times one number for each channel.
    Scaled { dynamic: String, constant: Vec<f32> },
}

struct Finder<'g>(Links<'g>);

impl<'g> Finder<'g> {
    /// The nodes after `product` that are fused into it.
    fn chain(&self, product: &'g Node) -> Result<Option<Chain>, Error> {
        let Some((channels, behind)) = self.channels(product) else { return Ok(None) };
        let Some(cast) = self.0.only_reader(product) else { return Ok(None) };
        let to_float = self.0.graph.nodes[cast].is(&cast::OP)
            && cast::to(&self.0.graph.nodes[cast])? == DataType::F32
            && product.input(scaled_sums::SCALES).is_none();
        let Some(scaling) = self.0.only_reader(&self.0.graph.nodes[cast]).filter(|_| to_float) else {
            return Ok(None);
        };
        let node = &self.0.graph.nodes[scaling];
        let Some(scales) = other_factor(node, self.0.graph.nodes[cast].required_output(0)?) else {
            return Ok(None);
        };
        let Some((dynamic, constant)) = self.scales(scales, channels, behind) else { return Ok(None) };
        let mut chain = Chain {
            nodes: vec![cast, scaling],
            output: node.required_output(0)?.to_owned(),
            scales: Scales::Value(scales.to_owned()),
            bias: None,
        };
        let Some(next) = self.0.only_reader(node) else { return Ok(Some(chain)) };
        let after = &self.0.graph.nodes[next];
        if after.is(&add::OP) {
            let other = other_operand(after, &chain.output);
            chain.bias = other.and_then(|other| self.by_channel(other, channels, behind));
        } else if behind > 0
            && is_plain_norm(after)?
            && after.input(0) == Some(chain.output.as_str())
            // Statistics without a finite scale have their meaning where the node stays.
            && let Ok(Some(Normalized { factors, bias })) = normalize(self.0.graph, after, vec![0.0; channels])
        {
            let scaled =
                constant.iter().zip(&factors).map(|(&scale, factor)| (f64::from(scale) * factor) as f32);
            let scaled: Vec<f32> = scaled.collect();
            if scaled.iter().all(|&scale| is_safe(scale)) {
                chain.scales = Scales::Scaled { dynamic: dynamic.to_owned(), constant: scaled };
                chain.nodes.extend(self.0.only_read_by(scales, scaling));
                chain.bias = Some(bias.into_iter().map(|bias| bias as f32).collect());
            }
        }
        if chain.bias.as_ref().is_some_and(|bias| bias.iter().all(|bias| bias.is_finite())) {
            after.required_output(0)?.clone_into(&mut chain.output);
            chain.nodes.push(next);
        } else {
            (chain.bias, chain.scales) = (None, Scales::Value(scales.to_owned()));
            chain.nodes.truncate(2);
        }
        Ok(Some(chain))
    }

    /// The number of output channels of a product with constant weights, and the number of axes behind them.
    fn channels(&self, product: &Node) -> Option<(usize, usize)> {
        let weights = self.0.graph.constants.get(product.input(1)?)?;
        // Without elements the shape says nothing about the size of the file.
        let weights = Some(weights).filter(|weights| !weights.is_empty())?.shape();
        match *weights {
            [channels, _, ..] if product.is(&conv_integer::OP) => Some((channels, weights.len() - 2)),
            [_, columns] if product.is(&matmul_integer::OP) => Some((columns, 0)),
            _ => None,
        }
    }

    /// The factors of scales: what `DynamicQuantizeLinear` writes, and a constant for each channel.
    fn scales(&self, scales: &str, channels: usize, behind: usize) -> Option<(&'g str, Vec<f32>)> {
        let product = self.0.graph.nodes.get(self.0.producer(scales)?)?;
        let is_dynamic = |name: &str| {
            self.0.producer(name).is_some_and(|at| {
                let node = &self.0.graph.nodes[at];
                node.is(&dynamic_quantize_linear::OP) && node.output(1) == Some(name)
            })
        };
        let (left, right) = (product.input(0)?, product.input(1)?);
        let (dynamic, constant) = if is_dynamic(left) { (left, right) } else { (right, left) };
        let found = product.is(&mul::OP) && is_dynamic(dynamic);
        let constant = self.by_channel(constant, channels, behind).filter(|_| found)?;
        constant.iter().all(|&scale| is_safe(scale)).then_some((dynamic, constant))
    }

    /// A constant as a number for each channel, if it is one beside an output with `behind` axes after the channels.
    fn by_channel(&self, constant: &str, channels: usize, behind: usize) -> Option<Vec<f32>> {
        let tensor = self.constant(constant)?;
        let (values, rank) = (tensor.as_f32().ok()?, tensor.rank());
        // Of more axes it might have more than the output.
        let most = if behind == 0 { 1 } else { behind + 2 };
        if rank > most {
            return None;
        }
        if let &[value] = values {
            return Some(vec![value; channels]);
        }
        let of_channels = rank.checked_sub(behind + 1).and_then(|axis| tensor.shape().get(axis));
        (values.len() == channels && of_channels == Some(&channels)).then(|| values.to_vec())
    }

    /// The constant called `name`, or what a `Reshape` makes of one: that is how `quantize_dynamic` writes the bias of a convolution.
    fn constant(&self, name: &str) -> Option<Cow<'g, Tensor>> {
        let constants = &self.0.graph.constants;
        if let Some(tensor) = constants.get(name) {
            return Some(Cow::Borrowed(tensor));
        }
        let node = self.0.graph.nodes.get(self.0.producer(name)?)?;
        let inputs: Vec<Option<&Tensor>> = node.inputs.iter().map(|input| constants.get(input)).collect();
        if !node.is(&reshape::OP) || inputs.iter().any(Option::is_none) {
            return None;
        }
        evaluate(node, &inputs).ok()?.pop().map(Cow::Owned)
    }
}

/// Whether a factor times the scale of any activation is finite: kernels refuse others, and the nodes that would be fused do not.
fn is_safe(scale: f32) -> bool {
    // `DynamicQuantizeLinear` divides a range of 2 · f32::MAX at most by 255.
    scale.abs() <= 127.0
}

/// The factor of `value` in a `Mul`.
fn other_factor<'n>(node: &'n Node, value: &str) -> Option<&'n str> {
    node.is(&mul::OP).then(|| other_operand(node, value)).flatten()
}

/// Whether a node normalizes by constants and writes nothing else.
fn is_plain_norm(node: &Node) -> Result<bool, Error> {
    Ok(node.is(&batch_normalization::OP) && !node.flag("training_mode", false)? && node.output(1).is_none())
}
