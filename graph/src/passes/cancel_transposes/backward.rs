//! Moves transpositions that are left up, to the inputs of the graph and to constants.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::permutation::Permutation;
use super::rewrite::{Constant, rewrite};
use super::values::Values;
use crate::ops::transpose;
use crate::{Error, Graph, Names, Node};

/// Moves transpositions to NCHW, and those of constants, before the nodes that they follow.
pub(super) fn backward(mut graph: Graph) -> Result<Graph, Error> {
    let mut names = Names::of(&graph);
    let mut values = Values::of(&mut graph);
    let mut gone = HashSet::new();
    let producers = graph.producers()?.into_iter().map(|(name, index)| (name.to_owned(), index));
    let mut producers: HashMap<String, usize> = producers.collect();
    // Of an output of the graph the graph itself is a reader.
    let outputs = graph.outputs.iter().map(|output| (output.name.as_str(), 1));
    let consumers = graph.consumers().into_iter().map(|(name, readers)| (name, readers.len()));
    let mut readers: HashMap<String, usize> = HashMap::new();
    for (name, count) in consumers.chain(outputs) {
        *readers.entry(name.to_owned()).or_default() += count;
    }
    for at in 0..graph.nodes.len() {
        // Every step takes one node from below the transposition to above it: the loop ends.
        while let Some(step) = step(&graph, &values, &producers, &readers, at)? {
            let Step { before, mut node, order, constants } = step;
            for (index, constant) in constants {
                let fresh = || names.fresh(&format!("{}/constant", node.name));
                node.inputs[index] = values.replacement(&node.inputs[index], constant, &order, fresh)?;
            }
            let input = node.inputs[0].clone();
            let mut above = names.fresh(&format!("{input}/transposed"));
            let is_constant = values.constant(&input).is_some();
            if is_constant {
                above = values.transposed(&input, &order, || above)?;
            }
            node.inputs[0].clone_from(&above);
            let below = std::mem::replace(&mut graph.nodes[at].outputs[0], above.clone());
            node.outputs[0].clone_from(&below);
            graph.nodes[before] = node;
            graph.nodes[at].inputs[0].clone_from(&input);
            producers.insert(below, before);
            if is_constant {
                gone.insert(at);
                break;
            }
            producers.insert(above, at);
        }
    }
    let mut at = 0..;
    graph.nodes.retain(|_| at.next().is_some_and(|at| !gone.contains(&at)));
    graph.constants = values.into_constants();
    Ok(graph)
}

/// A transposition that moves before a node.
struct Step {
    /// The index of the node.
    before: usize,
    /// The node for the transposed input.
    node: Node,
    order: Permutation,
    /// Constants that replace inputs of the node.
    constants: BTreeMap<usize, Constant>,
}

fn step(
    graph: &Graph,
    values: &Values,
    producers: &HashMap<String, usize>,
    readers: &HashMap<String, usize>,
    at: usize,
) -> Result<Option<Step>, Error> {
    let Some(node) = graph.nodes.get(at).filter(|node| node.is(&transpose::OP)) else { return Ok(None) };
    let Some(value) = node.input(0).filter(|value| readers.get(*value) == Some(&1)) else { return Ok(None) };
    let Some(order) = Permutation::of(node, values.rank(value)) else { return Ok(None) };
    let Some((&before, producer)) =
        producers.get(value).and_then(|index| Some((index, graph.nodes.get(*index)?)))
    else {
        return Ok(None);
    };
    let of_constant = producer.input(0).filter(|name| values.constant(name).is_some());
    let has_rank = |name| values.constant(name).is_some_and(|tensor| tensor.rank() == order.rank());
    if !of_constant.is_none_or(has_rank)
        || of_constant.is_none() && !order.is_to_channels_first()
        || producer.outputs.len() != 1
    {
        return Ok(None);
    }
    let Some(mut rewritten) = rewrite(values, producer, &order)? else { return Ok(None) };
    // The elements of a broadcast that is transposed are those of its first input alone, or more inputs would be transposed.
    let single = rewritten.inputs.iter().eq(&[0]) || of_constant.is_some() && rewritten.inputs.is_empty();
    let has_room = || values.has_room(of_constant.into_iter().chain(rewritten.transposed()), &order);
    if !single || rewritten.outputs.as_ref() != Some(&order) || !has_room() {
        return Ok(None);
    }
    rewritten.constants.remove(&0);
    Ok(Some(Step { before, node: rewritten.node, order, constants: rewritten.constants }))
}
