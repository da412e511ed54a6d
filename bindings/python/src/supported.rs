//! How each node of a model would run.

use eightbit_graph::Support;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::OrRaise;
use crate::model::Source;
use crate::report::dict;
use crate::session::options;

/// How each node of `model` would run, as dicts with `name`, `op`, `how` and `detail`: `how` is `step`, `fused`, `constant`, `nothing` or
/// `refused`; `detail` is the kernel, the node that it is fused with, or the reason.
#[pyfunction]
#[pyo3(signature = (model, *, backend = None))]
pub(crate) fn supported<'py>(
    py: Python<'py>,
    model: Source,
    backend: Option<&str>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let graph = model.read(py)?;
    let options = options(&graph, backend, 1)?;
    let nodes = py.detach(|| eightbit_graph::supported(&graph, &options)).or_raise()?;
    let node = |(node, support): (&eightbit_graph::Node, Support)| {
        let (how, detail) = match support {
            Support::Step { description, .. } => ("step", description),
            Support::Fused(with) => ("fused", with),
            Support::Constant => ("constant", String::new()),
            Support::Nothing => ("nothing", String::new()),
            Support::Refused { reason } => ("refused", reason),
            _ => ("step", String::new()),
        };
        Ok(dict!(py, "name": &node.name, "op": node.op.as_str(), "how": how, "detail": detail))
    };
    graph.nodes.iter().zip(nodes).map(node).collect()
}
