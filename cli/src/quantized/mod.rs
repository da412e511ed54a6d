//! The report on a quantization, for `eightbit quantize`: as a page and as JSON.

mod accuracy;
mod json;
mod page;
mod svg;
mod timed;

use std::collections::HashMap;

use eightbit_graph::quantize::{
    ActivationReport, LayerError, NodeReport, QuantizeReport, Role, WeightReport,
};

use crate::profiled::ValueTimes;

pub(crate) use json::json;
pub(crate) use page::page;
pub(crate) use timed::Times;

/// What was quantized.
pub(crate) struct Quantized<'r> {
    /// The float file, and its size.
    pub(crate) model: &'r str,
    pub(crate) bytes_before: usize,
    /// The file written, and its size.
    pub(crate) output: &'r str,
    pub(crate) bytes_after: usize,
    /// What an example is called.
    pub(crate) noun: &'r str,
    pub(crate) report: &'r QuantizeReport,
    /// The times of both forms, if they were measured.
    pub(crate) times: Option<&'r Times>,
}

/// What is known of a node, with the activations fused into it.
struct Row<'r> {
    node: &'r NodeReport,
    fused: Vec<&'r NodeReport>,
    activation: Option<&'r ActivationReport>,
    weights: Option<&'r WeightReport>,
    layer: Option<&'r LayerError>,
    time: Option<&'r ValueTimes>,
}

impl Row<'_> {
    /// The operators that run as one.
    fn operators(&self) -> String {
        let fused = self.fused.iter().map(|node| node.op.as_str());
        std::iter::once(self.node.op.as_str()).chain(fused).collect::<Vec<_>>().join(" + ")
    }

    /// How the node runs: in a word, and why not in eight bits.
    fn role(&self) -> (&'static str, Option<&str>) {
        match &self.node.role {
            Role::Quantized | Role::Fused => ("eight-bit", None),
            Role::Table => ("table", None),
            Role::Float(reason) => ("float", Some(reason)),
        }
    }
}

impl<'r> Quantized<'r> {
    /// The nodes in execution order.
    fn rows(&self) -> Vec<Row<'r>> {
        let report = self.report;
        let activations: HashMap<&str, &ActivationReport> =
            report.activations.iter().map(|of| (of.value.as_str(), of)).collect();
        let weights: HashMap<&str, &WeightReport> =
            report.weights.iter().map(|of| (of.node.as_str(), of)).collect();
        let layers: HashMap<&str, &LayerError> =
            report.layers.iter().map(|of| (of.node.as_str(), of)).collect();
        let times: HashMap<&str, &ValueTimes> =
            self.times.iter().flat_map(|times| &times.values).map(|of| (of.value.as_str(), of)).collect();
        let mut rows: Vec<Row<'r>> = Vec::new();
        let mut heads: HashMap<&str, usize> = HashMap::new();
        for node in &report.nodes {
            let found = (
                node.activation.as_deref().and_then(|value| activations.get(value).copied()),
                times.get(node.value.as_str()).copied(),
            );
            if let Some(&head) = node.fused_into.as_deref().and_then(|head| heads.get(head)) {
                let row = &mut rows[head];
                row.fused.push(node);
                (row.activation, row.time) = (found.0.or(row.activation), found.1.or(row.time));
                continue;
            }
            heads.insert(&node.name, rows.len());
            rows.push(Row {
                node,
                fused: Vec::new(),
                activation: found.0,
                weights: weights.get(node.name.as_str()).copied(),
                layer: layers.get(node.name.as_str()).copied(),
                time: found.1,
            });
        }
        rows
    }
}
