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
/// * a node without weights, if no other node computes with the bytes that it reads and writes, however they are moved, clamped or
///   looked up: it would be quantized for itself alone, and an addition takes less time than that.
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

/// Whether a node works on bytes, computes or moves them.
fn is_eight_bit(kind: &Result<&EightBit, String>) -> bool {
    !matches!(kind, Err(_) | Ok(EightBit::Float | EightBit::Bytes))
}

fn keep_lone_nodes(graph: &Graph, kinds: &mut [Result<&EightBit, String>]) -> Result<(), Error> {
    let (producers, consumers) = (graph.producers()?, graph.consumers());
    let mut seen = vec![false; graph.nodes.len()];
    for start in 0..graph.nodes.len() {
        if seen[start] || !is_eight_bit(&kinds[start]) {
            continue;
        }
        // Everything that bytes reach from here, in both directions.
        seen[start] = true;
        let (mut part, mut visited) = (vec![start], 0);
        while let Some(&index) = part.get(visited) {
            visited += 1;
            let node = &graph.nodes[index];
            let before = data_inputs(node, |name| graph.constants.contains_key(name))
                .filter_map(|name| producers.get(name));
            let after = data_outputs(node).filter_map(|name| consumers.get(name)).flatten();
            for &next in before.chain(after) {
                if !seen[next] && is_eight_bit(&kinds[next]) {
                    seen[next] = true;
                    part.push(next);
                }
            }
        }
        let mut computing =
            part.iter().copied().filter(|&index| matches!(kinds[index], Ok(EightBit::Compute(_))));
        if let (Some(alone), None) = (computing.next(), computing.next())
            // A product is worth more than the conversions.
            && of_activations(graph, &graph.nodes[alone], &kinds[alone]).is_some_and(|of| of.weight_axis.is_none())
        {
            kinds[alone] =
                Err("it stands between float nodes, and quantizing for it alone takes longer than it saves"
                    .to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::quantize::{Role, Roles};
    use crate::{DataType, Graph, Node, Tensor, ValueInfo};

    /// The reason for which `node` stays float, if it does.
    fn reason(nodes: Vec<Node>, node: &str) -> Option<String> {
        let value = |name: &str| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: [1, 4, 4, 4].map(Some).to_vec(),
        };
        let weights = Tensor::zeros([4, 4, 1, 1], DataType::F32).expect("small");
        let graph = Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes,
            constants: [("w".to_owned(), weights)].into(),
            ..Graph::default()
        };
        match Roles::new(&graph).expect("valid").node(node) {
            Some(Role::Float(reason)) => Some(reason.clone()),
            _ => None,
        }
    }

    #[test]
    fn a_sum_among_float_nodes_stays_float() {
        // What clamps or moves bytes does not pay for conversions either.
        let sum = Node::new("sum", "Add", &["x", "x"], &["a"]);
        let relu = Node::new("relu", "Relu", &["a"], &["b"]);
        let moved = Node::new("moved", "Transpose", &["b"], &["y"]);
        let nodes = vec![sum.clone(), relu.clone(), moved];
        let expected =
            "it stands between float nodes, and quantizing for it alone takes longer than it saves";
        assert_eq!(reason(nodes, "sum").as_deref(), Some(expected));
        // A product with weights does.
        let nodes = vec![sum, relu, Node::new("conv", "Conv", &["b", "w"], &["y"])];
        assert_eq!(reason(nodes, "sum"), None);
    }

    #[test]
    fn a_small_product_of_activations_stays_float() {
        let nodes = vec![Node::new("product", "MatMul", &["x", "x"], &["y"])];
        let expected = "its factors of shapes [1, 4, 4, 4] and [1, 4, 4, 4] are small: quantizing them takes longer than the \
                        eight-bit product saves";
        assert_eq!(reason(nodes, "product").as_deref(), Some(expected));
    }
}
