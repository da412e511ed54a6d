//! `fold_batch_norms`: batch normalization becomes part of the weights before it.

use super::links::few_bits;
use crate::ops::eight_bit::weight_axis;
use crate::ops::{batch_normalization, conv, conv_transpose, gemm, matmul};
use crate::shapes::{ShapeOptions, infer_shapes};
use crate::{Attribute, Error, Graph, Names, Node, Tensor};

/// Folds each `BatchNormalization` that follows a `Conv`, `ConvTranspose`, `Gemm` or `MatMul` into that node's weights and bias.
///
/// With `s = scale / √(variance + epsilon)` per channel, `s · (W·x + b − mean) + B` is a product with weights `s·W`
/// and bias `s·(b − mean) + B` (Jacob et al., arXiv:1712.05877, section 3.2). Computed in f64 and rounded once. A
/// `MatMul` of matrices becomes a `Gemm`, to have a bias.
///
/// Not folded: batch norms whose input has other readers or is an output of the graph; weights, biases or statistics
/// that are not constant floats; a `ConvTranspose` with groups, whose weights have no axis of channels; a `MatMul` that is not known to
/// multiply matrices; products of what QONNX's quantizers give. Constants that become unused stay for `strip_unused_nodes`.
///
/// # Errors
///
/// Statistics of a length other than the number of channels, or without a finite scale.
pub fn fold_batch_norms(mut graph: Graph) -> Result<Graph, Error> {
    if !graph.nodes.iter().any(|node| node.is(&batch_normalization::OP)) {
        return Ok(graph);
    }
    let mut names = Names::of(&graph);
    let mut folded = vec![false; graph.nodes.len()];
    for (product, norm) in candidates(&graph)? {
        let Some(fold) = Fold::prepare(&graph, &graph.nodes[product], &graph.nodes[norm])? else { continue };
        let output = graph.nodes[norm].required_output(0)?.to_owned();
        let (weights, bias) = fold.constants()?;
        let stem = graph.nodes[product].name.clone();
        let weights_name = names.fresh(&format!("{stem}_weights"));
        let bias_name = names.fresh(&format!("{stem}_bias"));
        let node = &mut graph.nodes[product];
        node.inputs.truncate(1);
        node.inputs.extend([weights_name.clone(), bias_name.clone()]);
        node.outputs[0] = output;
        if node.is(&matmul::OP) {
            node.op = (&gemm::OP).into();
        }
        // It is in the bias now.
        if node.attributes.contains_key("beta") {
            node.attributes.insert("beta".to_owned(), Attribute::Float(1.0));
        }
        graph.constants.insert(weights_name, weights);
        graph.constants.insert(bias_name, bias);
        folded[norm] = true;
    }
    let mut folded = folded.into_iter();
    graph.nodes.retain(|_| folded.next() == Some(false));
    Ok(graph)
}

/// Pairs of a product and the batch norm that is its only reader.
fn candidates(graph: &Graph) -> Result<Vec<(usize, usize)>, Error> {
    let producers = graph.producers()?;
    let consumers = graph.consumers();
    let outputs = graph.output_names();
    let few_bits = few_bits(graph);
    let mut types = None;
    let mut pairs = Vec::new();
    for (norm_index, norm) in graph.nodes.iter().enumerate() {
        if !norm.is(&batch_normalization::OP)
            || norm.flag("training_mode", false)?
            || norm.output(1).is_some()
        {
            continue;
        }
        let value = norm.required_input(0)?;
        let Some(&product_index) = producers.get(value) else { continue };
        if outputs.contains(value) || consumers.get(value).map_or(0, Vec::len) != 1 {
            continue;
        }
        let product = &graph.nodes[product_index];
        if product.input(0).is_some_and(|input| few_bits.contains(input)) {
            continue;
        }
        // Channels are axis 1, which is a product's column only for matrices. The batch does not change the rank.
        let mut multiplies_matrices = || {
            types
                .get_or_insert_with(|| infer_shapes(graph, &ShapeOptions::with_batch(1)).ok())
                .as_ref()
                .and_then(|types| types.get(product.input(0)?))
                .is_some_and(|left| left.shape.len() == 2)
        };
        let fits = product.is(&conv::OP)
            || product.is(&conv_transpose::OP) && product.int("group", 1)? == 1
            || product.is(&gemm::OP)
            || product.is(&matmul::OP) && multiplies_matrices();
        if fits {
            pairs.push((product_index, norm_index));
        }
    }
    Ok(pairs)
}

/// Everything that a fold needs.
struct Fold<'a> {
    weights: &'a Tensor,
    /// The channel axis of the weights.
    axis: usize,
    /// Per channel: the factor on the weights.
    factors: Vec<f64>,
    /// Per channel: the new bias.
    bias: Vec<f64>,
}

impl<'a> Fold<'a> {
    /// `None` where the constants do not allow folding.
    fn prepare(graph: &'a Graph, product: &Node, norm: &Node) -> Result<Option<Self>, Error> {
        let constant = |node: &Node, index| node.input(index).and_then(|name| graph.constants.get(name));
        let Some(weights) = constant(product, 1).filter(|weights| weights.as_f32().is_ok()) else {
            return Ok(None);
        };
        let Some(axis) = weight_axis(product)? else { return Ok(None) };
        let is_of_pixels = product.is(&conv::OP) || product.is(&conv_transpose::OP);
        if weights.rank() < 2 || (!is_of_pixels && weights.rank() != 2) {
            return Ok(None);
        }
        if weights.is_empty() {
            return Ok(None);
        }
        let channels = weights.shape()[axis];
        let old_bias = match product.input(2) {
            None => vec![0.0; channels],
            Some(name) => match graph.constants.get(name).and_then(|bias| per_channel(bias, channels)) {
                Some(bias) => bias,
                None => return Ok(None),
            },
        };
        let beta = if product.is(&gemm::OP) { f64::from(product.float("beta", 1.0)?) } else { 1.0 };
        let bias = old_bias.into_iter().map(|bias| beta * bias).collect();
        let normalized = normalize(graph, norm, bias)?;
        Ok(normalized.map(|Normalized { factors, bias }| Self { weights, axis, factors, bias }))
    }

    /// The new weights and bias.
    fn constants(&self) -> Result<(Tensor, Tensor), Error> {
        let weights = scaled(self.weights, self.axis, &self.factors)?;
        let bias: Vec<f32> = self.bias.iter().map(|&offset| offset as f32).collect();
        Ok((weights, Tensor::vector(bias)))
    }
}

/// What a batch norm does to each channel.
pub(super) struct Normalized {
    pub(super) factors: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

/// The factor of each channel of `norm`, and what it makes of summands of its input, one for each channel; `None` if its statistics
/// are not constant floats.
pub(super) fn normalize(graph: &Graph, norm: &Node, mut bias: Vec<f64>) -> Result<Option<Normalized>, Error> {
    let channels = bias.len();
    let mut statistics = [&[][..]; 4];
    for (index, statistic) in statistics.iter_mut().enumerate() {
        let constant = norm.input(index + 1).and_then(|name| graph.constants.get(name));
        let Some(Ok(values)) = constant.map(Tensor::as_f32) else { return Ok(None) };
        if values.len() != channels {
            return Err(Error::node(
                norm,
                format!("input {} has {} elements for {channels} channels", index + 1, values.len()),
            ));
        }
        *statistic = values;
    }
    let epsilon = f64::from(norm.float("epsilon", 1e-5)?);
    let [scale, shift, mean, variance] = statistics;
    let mut factors = Vec::with_capacity(channels);
    for (channel, bias) in bias.iter_mut().enumerate() {
        let factor = f64::from(scale[channel]) / (f64::from(variance[channel]) + epsilon).sqrt();
        *bias = factor * (*bias - f64::from(mean[channel])) + f64::from(shift[channel]);
        if !factor.is_finite() || !bias.is_finite() {
            return Err(Error::node(
                norm,
                format!(
                    "no finite scale and offset for channel {channel}: scale {}, mean {}, variance {}, epsilon {epsilon}",
                    scale[channel], mean[channel], variance[channel]
                ),
            ));
        }
        factors.push(factor);
    }
    Ok(Some(Normalized { factors, bias }))
}

/// The weights times a factor for each channel, which is axis `axis`.
pub(super) fn scaled(weights: &Tensor, axis: usize, factors: &[f64]) -> Result<Tensor, Error> {
    let run: usize = weights.shape()[axis + 1..].iter().product();
    let channels = factors.len();
    let scaled =
        |(index, &weight): (usize, &f32)| (f64::from(weight) * factors[index / run % channels]) as f32;
    let values: Vec<f32> = weights.as_f32()?.iter().enumerate().map(scaled).collect();
    Tensor::new(weights.shape(), values)
}

/// A bias as one number per channel; `None` if it differs between rows.
fn per_channel(bias: &Tensor, channels: usize) -> Option<Vec<f64>> {
    let values = bias.as_f32().ok()?;
    let (last, rows) = bias.shape().split_last().unwrap_or((&1, &[]));
    if rows.iter().any(|&size| size != 1) {
        return None;
    }
    match *last {
        size if size == channels => Some(values.iter().copied().map(f64::from).collect()),
        1 => Some(vec![f64::from(values[0]); channels]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{graph, names};

    fn with_constants(nodes: Vec<Node>, constants: &[(&str, &[usize], &[f32])]) -> Graph {
        let mut graph = graph(nodes);
        for (name, shape, values) in constants {
            let tensor = Tensor::new(*shape, values.to_vec()).expect("fits");
            graph.constants.insert((*name).to_owned(), tensor);
        }
        graph
    }

    const NORM: [(&str, &[usize], &[f32]); 4] = [
        ("s", &[2], &[2.0, -3.0]),
        ("b", &[2], &[0.5, 1.0]),
        ("m", &[2], &[4.0, -1.0]),
        ("v", &[2], &[3.0, 0.0]),
    ];

    /// With variances 3 and 0 and an epsilon of 1, the factors are 2 / 2 and −3 / 1.
    fn norm(input: &str) -> Node {
        Node::new("bn", "BatchNormalization", &[input, "s", "b", "m", "v"], &["y"]).with("epsilon", 1.0f32)
    }

    fn constant<'a>(graph: &'a Graph, name: &str) -> &'a [f32] {
        graph.constants[name].as_f32().expect("float")
    }

    #[test]
    fn convolutions_with_and_without_bias() {
        let weights = ("w", &[2, 1, 1, 2][..], &[1.0, 2.0, 3.0, 4.0][..]);
        let conv = Node::new("c", "Conv", &["x", "w"], &["h"]).with("group", 2);
        let graph = with_constants(vec![norm("h"), conv], &[&[weights], &NORM[..]].concat());
        let graph = fold_batch_norms(graph).expect("folds");
        graph.validate().expect("valid");
        assert_eq!(names(&graph), ["c"]);
        assert_eq!(graph.nodes[0].outputs, ["y"]);
        assert_eq!(constant(&graph, "c_weights"), [1.0, 2.0, -9.0, -12.0]);
        assert_eq!(constant(&graph, "c_bias"), [-3.5, -2.0]);
        // Other nodes may read the old weights.
        assert_eq!(constant(&graph, "w"), [1.0, 2.0, 3.0, 4.0]);

        let conv = Node::new("c", "Conv", &["x", "w", "bias"], &["h"]);
        let bias = ("bias", &[2][..], &[10.0, 20.0][..]);
        let graph = with_constants(vec![conv, norm("h")], &[&[weights, bias], &NORM[..]].concat());
        let graph = fold_batch_norms(graph).expect("folds");
        assert_eq!(constant(&graph, "c_bias"), [6.5, -62.0]);
    }

    #[test]
    fn gemm_in_both_layouts() {
        let bias = ("c", &[1, 2][..], &[10.0, 20.0][..]);
        let weights = ("w", &[3, 2][..], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]);
        let gemm =
            Node::new("g", "Gemm", &["x", "w", "c"], &["h"]).with("beta", 0.5f32).with("alpha", 2.0f32);
        let graph = with_constants(vec![gemm.clone(), norm("h")], &[&[weights, bias], &NORM[..]].concat());
        let graph = fold_batch_norms(graph).expect("folds");
        assert_eq!(constant(&graph, "g_weights"), [1.0, -6.0, 3.0, -12.0, 5.0, -18.0]);
        assert_eq!(constant(&graph, "g_bias"), [1.5, -32.0]);
        assert_eq!(graph.nodes[0].float("beta", 0.0).expect("float"), 1.0);
        assert_eq!(graph.nodes[0].float("alpha", 0.0).expect("float"), 2.0);

        let weights = ("w", &[2, 3][..], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]);
        let graph =
            with_constants(vec![gemm.with("transB", 1), norm("h")], &[&[weights, bias], &NORM[..]].concat());
        let graph = fold_batch_norms(graph).expect("folds");
        assert_eq!(constant(&graph, "g_weights"), [1.0, 2.0, 3.0, -12.0, -15.0, -18.0]);
    }

    #[test]
    fn matmul_becomes_gemm_if_it_multiplies_matrices() {
        let weights = ("w", &[1, 2][..], &[1.0, 2.0][..]);
        let product = Node::new("p", "MatMul", &["x", "w"], &["h"]);
        let mut graph = with_constants(vec![product, norm("h")], &[&[weights], &NORM[..]].concat());
        graph.inputs[0].shape = vec![None, Some(2), Some(1)];
        assert_eq!(fold_batch_norms(graph.clone()).expect("stays"), graph);
        graph.inputs[0].shape = vec![None, Some(1)];
        let graph = fold_batch_norms(graph).expect("folds");
        assert_eq!(graph.nodes[0].op, "Gemm");
        assert_eq!(constant(&graph, "p_weights"), [1.0, -6.0]);
        assert_eq!(constant(&graph, "p_bias"), [-3.5, -2.0]);
    }

    #[test]
    fn transposed_convolutions_have_their_channels_on_the_second_axis() {
        let weights = ("w", &[2, 2, 1, 1][..], &[1.0, 2.0, 3.0, 4.0][..]);
        let conv = Node::new("t", "ConvTranspose", &["x", "w"], &["h"]);
        let mut graph = with_constants(vec![conv, norm("h")], &[&[weights], &NORM[..]].concat());
        let folded = fold_batch_norms(graph.clone()).expect("folds");
        assert_eq!(names(&folded), ["t"]);
        assert_eq!(constant(&folded, "t_weights"), [1.0, -6.0, 3.0, -12.0]);
        assert_eq!(constant(&folded, "t_bias"), [-3.5, -2.0]);
        graph.nodes[0].attributes.insert("group".to_owned(), Attribute::Int(2));
        assert_eq!(fold_batch_norms(graph.clone()).expect("stays"), graph);
    }

    #[test]
    fn shared_values_stay() {
        let weights = ("w", &[2, 1, 1, 1][..], &[1.0, 2.0][..]);
        let conv = Node::new("c", "Conv", &["x", "w"], &["h"]);
        let other = Node::new("r", "Relu", &["h"], &["z"]);
        let shared = with_constants(vec![conv.clone(), norm("h"), other], &[&[weights], &NORM[..]].concat());
        assert_eq!(fold_batch_norms(shared.clone()).expect("stays"), shared);
        let mut output = with_constants(vec![conv.clone(), norm("h")], &[&[weights], &NORM[..]].concat());
        let mut second = output.outputs[0].clone();
        second.name = "h".to_owned();
        output.outputs.push(second);
        assert_eq!(fold_batch_norms(output.clone()).expect("stays"), output);
        let alone = with_constants(vec![norm("x")], &NORM);
        assert_eq!(fold_batch_norms(alone.clone()).expect("stays"), alone);
    }

    #[test]
    fn bad_statistics_are_errors() {
        let weights = ("w", &[2, 1, 1, 1][..], &[1.0, 2.0][..]);
        let conv = Node::new("c", "Conv", &["x", "w"], &["h"]);
        let mut graph = with_constants(vec![conv, norm("h")], &[&[weights], &NORM[..]].concat());
        graph.constants.insert("v".to_owned(), Tensor::vector([1.0f32, -2.0]));
        let error = fold_batch_norms(graph.clone()).expect_err("negative").to_string();
        assert!(error.contains("\"bn\"") && error.contains("channel 1"), "{error}");
        graph.constants.insert("v".to_owned(), Tensor::vector([1.0f32]));
        assert!(fold_batch_norms(graph).expect_err("short").to_string().contains("2 channels"));
    }
}
