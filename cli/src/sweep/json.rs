//! The sweep as JSON.

use serde_json::{Value, json};

use super::{Row, Score, Sweep};

pub(crate) fn json(sweep: &Sweep) -> Value {
    let enough = sweep.series().map(|series| {
        let format = sweep.enough(series).map(|row| row.format.to_string());
        json!({ "reduced": series.first().map(|row| row.part.name()), "format": format })
    });
    let layers = sweep.layers.iter().map(|layer| {
        let mut value = reduced(&layer.row);
        value["layer"] = layer.layer.as_str().into();
        value["operator"] = layer.op.as_str().into();
        value
    });
    json!({
        "network": sweep.path,
        "examples": sweep.float.examples,
        "calibration_examples": sweep.calibrated,
        "float": scored(&sweep.float, sweep.float_bytes),
        "accuracy_drop": sweep.accuracy_drop,
        "enough": enough.collect::<Vec<_>>(),
        "rows": sweep.rows.iter().map(reduced).collect::<Vec<_>>(),
        "layers": layers.collect::<Vec<_>>(),
    })
}

fn reduced(row: &Row) -> Value {
    let mut value = scored(&row.score, row.bytes);
    value["reduced"] = row.part.name().into();
    value["bits"] = row.format.bits().into();
    value["format"] = row.format.to_string().into();
    value
}

fn scored(score: &Score, bytes: u64) -> Value {
    let part = |count: usize| score.percent(count) / 100.0;
    json!({
        "top1": score.right.map(part),
        "same_answer": part(score.same),
        // JSON has no infinity: what is not finite is null.
        "score_error": score.mean_difference(),
        "sqnr_db": score.sqnr_db(),
        "weight_bytes": bytes,
        "examples": score.examples,
    })
}
