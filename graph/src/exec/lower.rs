//! Lowers nodes to steps.

use super::builder::Builder;
use super::fallback::{self, fold};
use super::plan::Lowered;
use super::shared::Shared;
use super::value::Layout;
use crate::shapes::{ShapeOptions, infer_shapes};
use crate::{Error, Graph};

/// Lowers `graph` to steps: constants are folded, operators add the steps for which they have kernels, and the plain
/// evaluator runs the others.
pub(crate) fn lower(
    graph: &Graph,
    backend: eightbit::Backend,
    threads: usize,
    shapes: &ShapeOptions,
    shared: &Shared,
) -> Result<Lowered, Error> {
    let types = infer_shapes(graph, shapes)?;
    let mut builder = Builder::new(graph, backend, threads, types, &shapes.limits, shared)?;
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        if builder.is_fused(index) || fold(&mut builder, node)? {
            continue;
        }
        let operator = node.operator().ok_or_else(|| Error::unsupported(node, "not implemented"))?;
        if !(operator.lower)(&mut builder, node).map_err(|error| error.in_node(node))? {
            fallback::push(
                &mut builder,
                node,
                "no kernel for this operator, type or shape",
                operator.elementwise,
            )?;
        }
    }
    let results = graph.outputs.iter().map(|output| builder.read(&output.name, Layout::Plain));
    let results = results.collect::<Result<Vec<_>, _>>()?;
    Ok(builder.finish(results))
}
