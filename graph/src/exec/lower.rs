//! Lowers nodes to steps.

use std::borrow::Cow;

use super::builder::Builder;
use super::fallback::{self, fold};
use super::plan::Lowered;
use super::source::Source;
use super::value::Layout;
use crate::shapes::{ShapeOptions, check_outputs, infer_shapes};
use crate::{Error, Node};

/// Lowers the graph of `source` to steps: constants are folded, operators add the steps for which they have kernels, and the
/// plain evaluator runs the others. The limits hold for what takes memory beside `held` bytes.
pub(crate) fn lower(source: &Source, shapes: &ShapeOptions, held: u64) -> Result<Lowered, Error> {
    let graph = &source.graph;
    let types = infer_shapes(graph, shapes)?;
    if !source.has_tail {
        check_outputs(graph, |name| types.get(name).map(Cow::Borrowed))?;
    }
    let mut builder = Builder::new(source, types, &shapes.limits, held)?;
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        if !builder.is_fused(index) {
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
    }
    let results = graph.outputs.iter().map(|output| builder.read(&output.name, Layout::Plain));
    let results = results.collect::<Result<Vec<_>, _>>()?;
    Ok(builder.finish(results))
}

fn lower_node<'g>(builder: &mut Builder<'g>, node: &'g Node) -> Result<(), Error> {
    if fold(builder, node)? {
        return Ok(());
    }
    let operator = node.operator().ok_or_else(|| Error::unsupported(node, "not implemented"))?;
    if (operator.lower)(builder, node).map_err(|error| error.in_node(node))? {
        return Ok(());
    }
    fallback::push(builder, node, "no kernel for this operator, type or shape", operator.elementwise)
}
