//! The report as JSON.

use eightbit_graph::quantize::{ActivationReport, AidReport};
use serde_json::{Value, json};

use super::{Quantized, Row};
use crate::profiled::milliseconds;

/// The nodes, the sizes and the times of a report.
pub(crate) fn json(of: &Quantized<'_>) -> Value {
    json!({
        "nodes": of.rows().iter().map(row).collect::<Vec<_>>(),
        "aids": of.report.aids.iter().map(aid).collect::<Vec<_>>(),
        "milliseconds": of.times.map(|times| {
            json!({ "float": milliseconds(times.totals[0]), "eight_bit": milliseconds(times.totals[1]) })
        }),
        "backend": of.times.map(|times| times.run_by.as_str()),
    })
}

fn row(row: &Row<'_>) -> Value {
    let (role, why) = row.role();
    json!({
        "node": row.node.name,
        "operator": row.node.op,
        "fused": row.fused.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(),
        "role": role,
        "why_float": why,
        "value": row.fused.last().map_or(&row.node.value, |node| &node.value),
        "activation": row.activation.map(activation),
        "weights": row.weights.map(|weights| json!({
            "count": weights.count,
            "scales": weights.scales,
            "min": weights.range.min,
            "max": weights.range.max,
            // JSON has no infinity: the ratio of what has no error is null.
            "sqnr_db": weights.sqnr_db,
        })),
        "sqnr_db": row.layer.map(|layer| layer.sqnr_db),
        "accumulated_sqnr_db": row.layer.map(|layer| layer.accumulated_sqnr_db),
        "float_milliseconds": row.time.map(|time| milliseconds(time.sides[0].time)),
        "eight_bit_milliseconds": row.time.map(|time| milliseconds(time.sides[1].time)),
        "float_kernel": row.time.map(|time| time.sides[0].kernel.as_str()),
        "eight_bit_kernel": row.time.map(|time| time.sides[1].kernel.as_str()),
    })
}

fn aid(of: &AidReport) -> Value {
    json!({ "aid": of.name, "kept": of.kept, "skipped": of.skipped, "error_before": of.error_before, "error_after": of.error_after })
}

fn activation(of: &ActivationReport) -> Value {
    json!({
        "value": of.value,
        "min": of.observed.min,
        "max": of.observed.max,
        "covered_min": of.covered.min,
        "covered_max": of.covered.max,
        "scale": of.parameters.scale,
        "zero_point": of.parameters.zero_point,
        "clamped": of.clamped,
        "histogram": of.bars,
    })
}
