//! `fold_scales`: factors and summands of channels become part of the weights before them.

use std::collections::HashMap;

use super::fold_batch_norms::scaled;
use super::links::few_bits;
use crate::ops::eight_bit::weight_axis;
use crate::ops::{add, conv, div, gemm, matmul, mul, sub};
use crate::shapes::{ShapeOptions, infer_shapes};
use crate::{Attribute, Error, Graph, Names, Node, Tensor, TensorType};

/// Folds constants that multiply, divide or are added to each channel of a `Conv`, `Gemm` or `MatMul` of matrices into that
/// node's weights and bias: what is left of a batch normalization whose constants were computed, as in TensorFlow's frozen graphs,
/// and biases that are nodes of their own. Computed in f64 and rounded once.
///
/// Not folded: what has other readers or is an output of the graph; constants that are not one number for each channel, or would
/// make weights infinite; products of what QONNX's quantizers give. Constants that become unused stay for `strip_unused_nodes`.
///
/// # Errors
///
/// Every error of [`Graph::producers`], and attributes of the wrong type.
pub fn fold_scales(mut graph: Graph) -> Result<Graph, Error> {
    let chains = chains(&graph);
    if chains.is_empty() {
        return Ok(graph);
    }
    let mut names = Names::of(&graph);
    let mut gone = vec![false; graph.nodes.len()];
    // Inferred once it is needed: only products of unknown rank need it.
    let mut types = None;
    for (index, chain) in chains {
        let Some(fold) = Fold::prepare(&graph, &graph.nodes[index], &chain, &mut types)? else { continue };
        let last = chain.get(fold.nodes.wrapping_sub(1)).and_then(|&last| graph.nodes[last].output(0));
        let Some(output) = last.map(str::to_owned) else { continue };
        for &folded in &chain[..fold.nodes] {
            gone[folded] = true;
        }
        let bias: Vec<f32> = fold.bias.iter().map(|&bias| bias as f32).collect();
        let weights = match fold.weights()? {
            Some(weights) => {
                let name = names.fresh(&format!("{}_scaled_weights", graph.nodes[index].name));
                graph.constants.insert(name.clone(), weights);
                name
            }
            None => graph.nodes[index].required_input(1)?.to_owned(),
        };
        let node = &mut graph.nodes[index];
        let bias_name = names.fresh(&format!("{}_scaled_bias", node.name));
        node.inputs.truncate(1);
        node.inputs.extend([weights, bias_name.clone()]);
        node.outputs[0] = output;
        if node.is(&matmul::OP) {
            node.op = (&gemm::OP).into();
        }
        // It is in the bias now.
        if node.attributes.contains_key("beta") {
            node.attributes.insert("beta".to_owned(), Attribute::Float(1.0));
        }
        graph.constants.insert(bias_name, Tensor::vector(bias));
    }
    let mut gone = gone.into_iter();
    graph.nodes.retain(|_| gone.next() == Some(false));
    Ok(graph)
}

/// For each product, the nodes after it that each read the one before alone.
fn chains(graph: &Graph) -> Vec<(usize, Vec<usize>)> {
    let is_product = |node: &Node| [&conv::OP, &gemm::OP, &matmul::OP].into_iter().any(|op| node.is(op));
    if !graph.nodes.iter().any(is_product) {
        return Vec::new();
    }
    let consumers = graph.consumers();
    let outputs = graph.output_names();
    let is_affine = |node: &Node| [&mul::OP, &div::OP, &add::OP, &sub::OP].into_iter().any(|op| node.is(op));
    let only_reader = |value: &str| match consumers.get(value).map(Vec::as_slice) {
        Some(&[reader]) if !outputs.contains(value) && is_affine(&graph.nodes[reader]) => Some(reader),
        _ => None,
    };
    let few_bits = few_bits(graph);
    let is_float = |node: &Node| node.input(0).is_none_or(|input| !few_bits.contains(input));
    let products = graph.nodes.iter().enumerate().filter(|(_, node)| is_product(node) && is_float(node));
    let chain = |(index, node): (usize, &Node)| {
        let next = |node: &Node| only_reader(node.output(0)?);
        let chain: Vec<usize> =
            std::iter::successors(next(node), |&reader| next(&graph.nodes[reader])).take(MAX_CHAIN).collect();
        (!chain.is_empty()).then_some((index, chain))
    };
    products.filter_map(chain).collect()
}

/// The longest chain that is folded; batch normalization has three nodes.
const MAX_CHAIN: usize = 16;

/// The weights and the bias of a product with what follows it.
struct Fold<'a> {
    weights: &'a Tensor,
    /// The channel axis of the weights.
    axis: usize,
    /// For each channel, the factor on the weights.
    factors: Vec<f64>,
    bias: Vec<f64>,
    /// The number of nodes that are folded.
    nodes: usize,
}

impl<'a> Fold<'a> {
    /// `None` if no node can be folded.
    fn prepare(
        graph: &'a Graph,
        product: &Node,
        chain: &[usize],
        types: &mut Option<HashMap<String, TensorType>>,
    ) -> Result<Option<Self>, Error> {
        let constant = |index: usize| product.input(index).and_then(|name| graph.constants.get(name));
        let Some(weights) = constant(1).filter(|weights| weights.as_f32().is_ok() && weights.rank() >= 2)
        else {
            return Ok(None);
        };
        let Some(axis) = weight_axis(product)? else { return Ok(None) };
        // Axes of the output after the channels.
        let behind = if product.is(&conv::OP) { weights.rank() - 2 } else { 0 };
        if axis > 0 && weights.rank() != 2
            || product.is(&matmul::OP) && !is_of_matrices(graph, product, types)
        {
            return Ok(None);
        }
        let channels = weights.shape()[axis];
        let beta = if product.is(&gemm::OP) { f64::from(product.float("beta", 1.0)?) } else { 1.0 };
        let bias = match product.input(2) {
            None => vec![0.0; channels],
            Some(_) => match constant(2).and_then(|bias| by_channel(bias, channels, 0)) {
                Some(bias) => bias.iter().map(|&bias| beta * bias).collect(),
                None => return Ok(None),
            },
        };
        let mut fold = Self { weights, axis, factors: vec![1.0; channels], bias, nodes: 0 };
        let mut value = product.required_output(0)?;
        for node in chain.iter().map(|&index| &graph.nodes[index]) {
            if !fold.apply(graph, node, value, behind) {
                break;
            }
            fold.nodes += 1;
            value = node.required_output(0)?;
        }
        Ok((fold.nodes > 0).then_some(fold))
    }

    /// Adds what `node` does to `value`; `false` if it does not act on each channel alone.
    fn apply(&mut self, graph: &Graph, node: &Node, value: &str, behind: usize) -> bool {
        let [Some(left), Some(right)] = [node.input(0), node.input(1)] else { return false };
        let (other, is_right) = if left == value { (right, true) } else { (left, false) };
        let of_channel = |tensor: &Tensor| by_channel(tensor, self.factors.len(), behind);
        let Some(numbers) = graph.constants.get(other).and_then(of_channel) else { return false };
        let step = |factor: f64, bias: f64, number: f64| -> Option<(f64, f64)> {
            Some(match node.op.as_str() {
                "Mul" => (factor * number, bias * number),
                "Div" if is_right => (factor / number, bias / number),
                "Add" => (factor, bias + number),
                "Sub" if is_right => (factor, bias - number),
                "Sub" => (-factor, number - bias),
                _ => return None,
            })
        };
        let old = self.factors.iter().zip(&self.bias).zip(&numbers);
        let new = old.map(|((&factor, &bias), &number)| {
            step(factor, bias, number).filter(|(factor, bias)| factor.is_finite() && bias.is_finite())
        });
        let Some(new) = new.collect::<Option<Vec<_>>>() else { return false };
        (self.factors, self.bias) = new.into_iter().unzip();
        true
    }

    /// The new weights; `None` if they stay as they are.
    fn weights(&self) -> Result<Option<Tensor>, Error> {
        if self.factors.iter().all(|&factor| factor == 1.0) {
            return Ok(None);
        }
        scaled(self.weights, self.axis, &self.factors).map(Some)
    }
}

/// The number for each channel in a constant that is broadcast to a value with `behind` axes after the channels; `None` if it
/// differs along other axes.
fn by_channel(tensor: &Tensor, channels: usize, behind: usize) -> Option<Vec<f64>> {
    let values = tensor.as_f32().ok()?;
    if values.len() == 1 && tensor.rank() <= behind + 2 {
        return Some(vec![f64::from(*values.first()?); channels]);
    }
    let at = tensor.rank().checked_sub(behind + 1)?;
    let fits = values.len() == channels && tensor.shape().get(at) == Some(&channels) && at <= 1;
    fits.then(|| values.iter().copied().map(f64::from).collect())
}

/// Whether the product is one of matrices, so that `Gemm` computes it, too.
fn is_of_matrices(graph: &Graph, product: &Node, types: &mut Option<HashMap<String, TensorType>>) -> bool {
    let types = types.get_or_insert_with(|| {
        infer_shapes(graph, &ShapeOptions::with_batch(1)).unwrap_or_default().into_iter().collect()
    });
    product.input(0).and_then(|name| types.get(name)).is_some_and(|left| left.shape.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::evaluate_graph;
    use crate::passes::testing::{graph, names};

    fn constants(graph: &mut Graph, constants: &[(&str, &[usize], &[f32])]) {
        for (name, shape, values) in constants {
            let tensor = Tensor::new(*shape, values.to_vec()).expect("fits");
            graph.constants.insert((*name).to_owned(), tensor);
        }
    }

    /// A convolution of a 1×2×2×1 image and what follows it, folded to `count` nodes.
    fn folded(nodes: Vec<Node>, count: usize) {
        let mut all = vec![Node::new("c", "Conv", &["x", "w"], &["a"])];
        all.extend(nodes);
        let mut graph = graph(all);
        graph.inputs[0].shape = vec![Some(1), Some(2), Some(2), Some(1)];
        graph.outputs[0].shape = vec![Some(1), Some(2), Some(2), Some(1)];
        constants(
            &mut graph,
            &[
                ("w", &[2, 2, 1, 1], &[1.0, 2.0, 3.0, -4.0]),
                ("s", &[1, 2, 1, 1], &[2.0, -0.5]),
                ("b", &[2, 1, 1], &[0.5, 4.0]),
                ("h", &[2, 1], &[0.5, 4.0]),
                ("one", &[], &[3.0]),
                ("zero", &[2, 1, 1], &[0.0, 1.0]),
            ],
        );
        let found = fold_scales(graph.clone()).expect("valid");
        found.validate().expect("valid");
        assert_eq!(found.nodes.len(), count, "{:?}", names(&found));
        let x = Tensor::new([1, 2, 2, 1], vec![1.0f32, -2.0, 0.5, 8.0]).expect("four");
        let run = |graph: &Graph| evaluate_graph(graph, &[("x", &x)]).expect("runs");
        assert_eq!(run(&found), run(&graph));
    }

    #[test]
    fn factors_and_summands_of_channels_are_folded() {
        folded(
            vec![Node::new("m", "Mul", &["a", "s"], &["m"]), Node::new("p", "Add", &["b", "m"], &["y"])],
            1,
        );
        folded(
            vec![Node::new("m", "Sub", &["b", "a"], &["m"]), Node::new("p", "Div", &["m", "s"], &["y"])],
            1,
        );
        folded(vec![Node::new("m", "Sub", &["a", "one"], &["m"]), Node::new("p", "Relu", &["m"], &["y"])], 2);
    }

    #[test]
    fn what_differs_within_a_channel_stays() {
        folded(vec![Node::new("m", "Mul", &["a", "h"], &["y"])], 2);
        folded(vec![Node::new("m", "Div", &["a", "zero"], &["y"])], 2);
        folded(vec![Node::new("m", "Div", &["s", "a"], &["y"])], 2);
        folded(
            vec![Node::new("m", "Add", &["a", "b"], &["m"]), Node::new("p", "Add", &["m", "a"], &["y"])],
            3,
        );
    }

    #[test]
    fn a_bias_of_a_matrix_makes_a_gemm() {
        let nodes =
            vec![Node::new("p", "MatMul", &["x", "w"], &["a"]), Node::new("b", "Add", &["a", "c"], &["y"])];
        let mut graph = graph(nodes);
        constants(&mut graph, &[("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0]), ("c", &[2], &[0.5, 1.0])]);
        let found = fold_scales(graph.clone()).expect("valid");
        assert_eq!((found.nodes.len(), found.nodes[0].op.as_str()), (1, "Gemm"));
        assert_eq!(found.nodes[0].inputs[1], "w");
        graph.inputs[0].shape = vec![Some(2), Some(2), Some(2)];
        assert_eq!(fold_scales(graph.clone()).expect("valid"), graph);
    }
}
