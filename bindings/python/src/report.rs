//! What a quantization did, as dicts, of which `eightbit/_report.py` makes classes.

use eightbit_graph::quantize::{QuantizeReport, Role};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// A dict of these values.
macro_rules! dict {
    ($py:expr, $($name:literal: $value:expr),* $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item($name, $value)?;)*
        dict
    }};
}
pub(crate) use dict;

/// The report.
pub(crate) fn to_dict<'py>(py: Python<'py>, report: &QuantizeReport) -> PyResult<Bound<'py, PyDict>> {
    let nodes = PyList::empty(py);
    for node in &report.nodes {
        let (role, reason) = match &node.role {
            Role::Quantized => ("eight-bit", None),
            Role::Fused => ("fused", None),
            Role::Table => ("table", None),
            Role::Float(reason) => ("float", Some(reason)),
        };
        nodes.append(dict!(py, "name": &node.name, "op": &node.op, "role": role, "reason": reason))?;
    }
    let layers = PyList::empty(py);
    for layer in report.worst_layers(usize::MAX) {
        let (own, all) = (layer.sqnr_db, layer.accumulated_sqnr_db);
        layers.append(
            dict!(py, "node": &layer.node, "op": &layer.op, "sqnr_db": own, "accumulated_sqnr_db": all),
        )?;
    }
    let activations = PyList::empty(py);
    for activation in &report.activations {
        let (observed, covered, affine) = (activation.observed, activation.covered, activation.parameters);
        activations.append(dict!(py,
            "value": &activation.value,
            "observed": (observed.min, observed.max),
            "covered": (covered.min, covered.max),
            "scale": affine.scale,
            "zero_point": affine.zero_point,
            "clamped": activation.clamped,
        ))?;
    }
    let aids = PyList::empty(py);
    for aid in &report.aids {
        aids.append(dict!(py,
            "name": &aid.name,
            "kept": aid.kept,
            "error_before": aid.error_before,
            "error_after": aid.error_after,
            "skipped": &aid.skipped,
        ))?;
    }
    let again = PyList::empty(py);
    for node in report.accuracy.iter().flat_map(|(_, again)| again) {
        again.append(&node.node)?;
    }
    Ok(dict!(py,
        "examples": report.calibration.inputs,
        "constants_before": report.bytes_before,
        "constants_after": report.bytes_after,
        "nodes": nodes,
        "layers": layers,
        "activations": activations,
        "aids": aids,
        "accuracy_lost": report.accuracy.as_ref().map(|(lost, _)| *lost),
        "float_again": again,
        "warnings": report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    ))
}
