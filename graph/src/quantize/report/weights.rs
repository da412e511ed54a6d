//! The error of weights in bytes.

use std::collections::HashMap;

use super::super::Range;
use crate::energy::Energy;
use crate::ops::eight_bit::weight_axis;
use crate::ops::{self, dequantize_linear, gemm};
use crate::{Error, Graph, Node, Tensor};

/// The weights of a node that became bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightReport {
    /// The node.
    pub node: String,
    /// The least and greatest weight.
    pub range: Range,
    /// The number of weights.
    pub count: usize,
    /// The number of their scales: one, or one for each channel.
    pub scales: usize,
    /// `10 · log10(Σ float² / Σ (float − what its byte stands for)²)`, infinite where there is no difference.
    pub sqnr_db: f64,
}

/// A report on the weights of each node of `float` that `eight_bit` has in bytes, one tensor at a time.
///
/// # Errors
///
/// A graph that is not a float graph in execution order and its eight-bit form.
pub(super) fn weights(float: &Graph, eight_bit: &Graph) -> Result<Vec<WeightReport>, Error> {
    let producers = eight_bit.producers()?;
    let by_name: HashMap<&str, &Node> =
        eight_bit.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let mut reports = Vec::new();
    for node in &float.nodes {
        let Some(exact) = node.input(1).and_then(|weights| float.constants.get(weights)) else { continue };
        let source = || {
            let read = by_name.get(node.name.as_str())?.input(1)?;
            let source = &eight_bit.nodes[*producers.get(read)?];
            source.is(&dequantize_linear::OP).then_some(source)
        };
        if weight_axis(node)?.is_none() {
            continue;
        }
        if let Some(source) = source() {
            reports.extend(report(node, exact, source, eight_bit)?);
        }
    }
    Ok(reports)
}

/// `exact` beside what the `DequantizeLinear` `source` makes of constant bytes.
fn report(
    node: &Node,
    exact: &Tensor,
    source: &Node,
    eight_bit: &Graph,
) -> Result<Option<WeightReport>, Error> {
    let read: Vec<Option<&Tensor>> = source.inputs.iter().map(|name| eight_bit.constants.get(name)).collect();
    let (Some(Some(_)), Some(Some(scales))) = (read.first(), read.get(1)) else { return Ok(None) };
    let Some(found) = ops::evaluate(source, &read)?.into_iter().next() else { return Ok(None) };
    let (exact, found) = (exact.as_f32()?, found.as_f32()?);
    if exact.len() != found.len() {
        return Ok(None);
    }
    // It is part of the bytes' scales.
    let alpha = if node.is(&gemm::OP) { node.float("alpha", 1.0)? } else { 1.0 };
    let mut energy = Energy::default();
    exact.iter().zip(found).for_each(|(&exact, &found)| energy.add((exact * alpha).into(), found.into()));
    Ok(Some(WeightReport {
        node: node.name.clone(),
        range: Range::of(&node.name, exact)?,
        count: exact.len(),
        scales: scales.len(),
        sqnr_db: energy.decibels(),
    }))
}
