//! Keeps nodes float that would take longer in eight bits: a rule by operators and shapes, so that the result does not depend on the
//! machine.

use super::support::{data_inputs, data_outputs};
use crate::ops::eight_bit::{Compute, EightBit};
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{Error, Graph, Node};

/// The fewest products for each element read or written that pay for quantizing both factors, packing the second one anew in every run,
/// and dequantizing the result.
const PRODUCTS_PER_ELEMENT: usize = 12;

/// Makes nodes float that compute in eight bits but do not pay:
///
/// * a product of two activations, if its matrices are small;
/// * a node without weights, if all that it reads comes from float nodes and all that reads it is float: it would be quantized for
///   itself alone, and an addition takes less time than that.
///
/// `kinds` has the role of each node of the graph, or why it stays float.
pub(super) fn keep_float(graph: &Graph, kinds: &mut [Result<&EightBit, String>]) -> Result<(), Error> {
    keep_small_products(graph, kinds)?;
    keep_lone_nodes(graph, kinds)
}

/// What a node of this kind computes, if it reads activations alone.
fn of_activations<'k>(
    graph: &Graph,
    node: &Node,
    kind: &Result<&'k EightBit, String>,
) -> Option<&'k Compute> {
    let Ok(EightBit::Compute(compute)) = kind else { return None };
    let has_weights = compute.weight_axis.is_some()
        && (compute.data_inputs == 1 || graph.constants.contains_key(node.input(1)?));
    (!has_weights).then_some(compute)
}

fn keep_small_products(graph: &Graph, kinds: &mut [Result<&EightBit, String>]) -> Result<(), Error> {
    let mut shapes = None;
    for (node, kind) in graph.nodes.iter().zip(kinds) {
        if of_activations(graph, node, kind).is_none_or(|compute| compute.weight_axis.is_none()) {
            continue;
        }
        if shapes.is_none() {
            shapes = Some(infer_partial_shapes(graph, &ShapeOptions::with_batch(1))?.types);
        }
        let shape = |name: Option<&str>| Some(shapes.as_ref()?.get(name?)?.shape.as_slice());
        let all = (shape(node.input(0)), shape(node.input(1)), shape(node.output(0)));
        let (Some(a), Some(b), Some(y)) = all else { continue };
        let count = |shape: &[usize]| shape.iter().fold(1usize, |all, &size| all.saturating_mul(size));
        let products = count(y).saturating_mul(a.last().copied().unwrap_or(1));
        let elements = [a, b, y].map(count).into_iter().fold(0, usize::saturating_add);
        if products < elements.saturating_mul(PRODUCTS_PER_ELEMENT) {
            *kind = Err(format!(
                "its factors of shapes {a:?} and {b:?} are small: quantizing them takes longer than the eight-bit product saves"
            ));
        }
    }
    Ok(())
}

fn keep_lone_nodes(graph: &Graph, kinds: &mut [Result<&EightBit, String>]) -> Result<(), Error> {
    let (producers, consumers) = (graph.producers()?, graph.consumers());
    let is_eight_bit = |kinds: &[Result<&EightBit, String>], index: usize| {
        !matches!(kinds[index], Err(_) | Ok(EightBit::Float | EightBit::Bytes))
    };
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        // A product of activations is worth more than its neighbours.
        let is_light = of_activations(graph, node, &kinds[index]);
        if is_light.is_none_or(|compute| compute.weight_axis.is_some()) {
            continue;
        }
        let written = |name: &str| producers.get(name).is_some_and(|&at| is_eight_bit(kinds, at));
        let read = |name: &str| {
            consumers.get(name).is_some_and(|readers| readers.iter().any(|&at| is_eight_bit(kinds, at)))
        };
        let has_bytes = data_inputs(node, |name| graph.constants.contains_key(name)).any(written)
            || data_outputs(node).any(read);
        if !has_bytes {
            kinds[index] =
                Err("it stands between float nodes, and quantizing for it alone takes longer than it saves"
                    .to_owned());
        }
    }
    Ok(())
}
