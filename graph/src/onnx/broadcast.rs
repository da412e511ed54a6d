//! Broadcasting as it was before operator set 7: the second input of a node is aligned with an axis of the first.

use std::collections::BTreeMap;

use crate::ops::shared::upgrade::ALIGNED_AXIS;
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{Error, Graph, Names, Node, Tensor, TensorType};

/// A size for open dimensions: only ranks matter here.
const SIDE: usize = 224;

/// Whether the second input of a node is still to be aligned.
pub(super) fn is_aligned(node: &Node) -> bool {
    node.attributes.contains_key(ALIGNED_AXIS)
}

/// Gives second inputs that are aligned with an axis the rank for today's broadcasting: `[C]`, aligned with axis 1 of an image,
/// becomes `[C, 1, 1]`.
pub(super) fn align(mut graph: Graph) -> Result<Graph, Error> {
    if !graph.nodes.iter().any(is_aligned) {
        return Ok(graph);
    }
    let types = types(&graph)?;
    let mut names = Names::of(&graph);
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        let Some(axis) = node.optional_int(ALIGNED_AXIS)? else {
            nodes.push(node);
            continue;
        };
        node.attributes.remove(ALIGNED_AXIS);
        let (a, b) = (node.required_input(0)?, node.required_input(1)?.to_owned());
        let rank = |name: &str| types.get(name).map(|of: &TensorType| of.shape.len());
        let (Some(rank), Some(own)) = (rank(a), rank(&b)) else {
            let reason = "its inputs are broadcast from an axis, and their ranks are not known: convert the model to operator set 7";
            return Err(Error::unsupported(&node, reason));
        };
        let axis = if axis < 0 { axis.saturating_add_unsigned(rank as u64) } else { axis };
        let after = usize::try_from(axis).ok().and_then(|axis| rank.checked_sub(axis)?.checked_sub(own));
        let elements = types.get(&b).map_or(0, |of| of.shape.iter().product());
        match after {
            Some(0) => {}
            // One element fits everywhere, wherever it is.
            _ if elements == 1 => {}
            None => return Err(Error::node(&node, format!("{own} axes from axis {axis} of {rank}"))),
            Some(after) => {
                let axes: Vec<i64> = (own..own + after).map(|axis| axis as i64).collect();
                let aligned = names.fresh(&format!("{b}_aligned"));
                let axes_name = names.fresh(&format!("{aligned}_axes"));
                graph.constants.insert(axes_name.clone(), Tensor::vector(axes));
                let unsqueeze = names.fresh(&format!("{}_align", node.name));
                nodes.push(Node::new(&unsqueeze, "Unsqueeze", &[&b, &axes_name], &[&aligned]));
                node.inputs[1] = aligned;
            }
        }
        nodes.push(node);
    }
    graph.nodes = nodes;
    Ok(graph)
}

/// The types of the values of `graph` that can be inferred. The result of a node to be aligned has the shape of its first input.
fn types(graph: &Graph) -> Result<BTreeMap<String, TensorType>, Error> {
    let mut plain = graph.clone();
    for node in plain.nodes.iter_mut().filter(|node| is_aligned(node)) {
        let (input, output) = (node.required_input(0)?, node.required_output(0)?);
        *node = Node::new(&node.name, "Identity", &[input], &[output]);
    }
    let size = |(axis, dim): (usize, &Option<usize>)| dim.unwrap_or(if axis == 0 { 1 } else { SIDE });
    let inputs = graph.inputs.iter();
    let inputs = inputs.map(|info| (info.name.clone(), info.shape.iter().enumerate().map(size).collect()));
    let options = ShapeOptions { inputs: inputs.collect(), ..ShapeOptions::default() };
    Ok(infer_partial_shapes(&plain, &options)?.types)
}
