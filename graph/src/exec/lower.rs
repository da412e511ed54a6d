//! Lowers nodes to steps.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::builder::Builder;
use super::fallback::{self, fold};
use super::plan::Lowered;
use super::source::Source;
use super::value::Layout;
use crate::shapes::{ShapeOptions, check_outputs, infer_shapes};
use crate::{Error, Graph, Limits, Node, Tensor, TensorType, passes};

/// What is known of a graph before it is lowered.
pub(crate) struct Inferred {
    /// The types of all values.
    pub(super) types: BTreeMap<String, TensorType>,
    /// The nodes in execution order.
    pub(super) order: Vec<usize>,
}

/// What is lowered of `graph`, without changes that need its inputs.
pub(super) fn simplified(graph: Graph) -> Result<Graph, Error> {
    let folded = passes::fold_batch_norms(passes::cancel_transposes(graph)?)?;
    let quantized = passes::fuse_quantized(&passes::fold_scales(folded)?)?;
    passes::fuse_gelu(passes::fuse_dynamic(quantized)?)
}

/// Infers the types of all values of the graph of `source`.
pub(crate) fn infer(source: &Source, shapes: &ShapeOptions) -> Result<Inferred, Error> {
    let types = infer_shapes(&source.graph, shapes)?;
    if !source.has_tail {
        check_outputs(&source.graph, |name| types.get(name).map(Cow::Borrowed))?;
    }
    Ok(Inferred { types, order: source.graph.topological_order()? })
}

/// Lowers the graph of `source` to steps: constants are folded, operators add the steps for
/// which they have kernels, and the plain evaluator runs the others. The limits hold for what takes memory beside `held` bytes.
///
/// `constants` are those of the graph. If they are owned, each is dropped after the last node that reads it, so that weights
/// are not in memory twice, as they are and packed.
pub(crate) fn lower(
    source: &Source,
    constants: Cow<'_, BTreeMap<String, Tensor>>,
    inferred: Inferred,
    limits: &Limits,
    held: u64,
) -> Result<Lowered, Error> {
    let graph = &source.graph;
    let Inferred { types, order } = inferred;
    let mut last: HashMap<&str, usize> = HashMap::new();
    for &index in &order {
        last.extend(graph.nodes[index].inputs.iter().map(|name| (name.as_str(), index)));
    }
    let mut builder = Builder::new(source, constants, types, limits, held)?;
    for index in order {
        let node = &graph.nodes[index];
        if builder.begin(index).is_none() {
            lower_node(&mut builder, node)?;
        }
        if source.observer.is_some() {
            // At once, so that the memory is free again soon.
            for output in &node.outputs {
                if builder.is_output(output) {
                    builder.read(output, Layout::Plain)?;
                }
            }
        }
        for name in node.inputs.iter().filter(|name| last.get(name.as_str()) == Some(&index)) {
            builder.release(name);
        }
    }
    let results = graph.outputs.iter().map(|output| builder.read(&output.name, Layout::Plain));
    let results = results.collect::<Result<Vec<_>, _>>()?;
    Ok(builder.finish(results))
}

/// Folds a node, or adds its steps. Whether it is folded.
pub(super) fn lower_node<'g>(builder: &mut Builder<'g>, node: &'g Node) -> Result<bool, Error> {
    if fold(builder, node)? {
        return Ok(true);
    }
    let operator = node.operator().ok_or_else(|| Error::unsupported(node, "not implemented"))?;
    if (operator.copies)(node) {
        builder.alias(node.required_input(0)?, node.required_output(0)?)?;
        return Ok(false);
    }
    if (operator.lower)(builder, node).map_err(|error| error.in_node(node))? {
        return Ok(false);
    }
    fallback::push(builder, node, "no kernel for this operator, type or shape", operator.elementwise)?;
    Ok(false)
}
