//! Reports on a quantization.

mod activations;
mod weights;

use std::collections::HashMap;

use super::{Calibration, FloatAgain, LayerError, Role, Roles, Warning, WeightPrecision};
use crate::limits::bytes_of_tensor;
use crate::{Error, Graph};

pub use activations::ActivationReport;
pub(super) use activations::activations;
pub use weights::WeightReport;

/// One node and its role.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReport {
    /// The node's name.
    pub name: String,
    /// Its operator.
    pub op: String,
    /// Its role.
    pub role: Role,
    /// The value that it writes; empty if nothing reads it.
    pub value: String,
    /// The activation whose scale and zero point that value has, if it becomes bytes: itself, unless bytes are moved or joined.
    pub activation: Option<String>,
    /// For [`Role::Fused`], the first node of those that run as one.
    pub fused_into: Option<String>,
}

/// An aid to accuracy that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct AidReport {
    /// What it does.
    pub name: String,
    /// Whether it is part of the result: the error with it is less than without.
    pub kept: bool,
    /// The noise in the answers of the executed eight-bit graph without it, as a part of the signal.
    pub error_before: f64,
    /// The same with it.
    pub error_after: f64,
    /// Why it could not be tried, if it was not: it does not fit the memory allowed. Both errors are then the same.
    pub skipped: Option<String>,
}

/// A layer that has few bits, or may have them, where precisions are mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPrecision {
    /// Its node.
    pub node: String,
    /// The precision of its weights.
    pub precision: WeightPrecision,
    /// By how much the noise in the answers, as a part of the signal, was more with this layer alone in few bits.
    pub noise: f64,
    /// The bytes of a file that this saves.
    pub saved: u64,
}

/// The report on a quantization.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantizeReport {
    /// Every node of the float graph after folding of constants and batch norms, in execution order.
    pub nodes: Vec<NodeReport>,
    /// Bytes of the constants in the float graph.
    pub bytes_before: u64,
    /// Bytes of the constants in the eight-bit graph.
    pub bytes_after: u64,
    /// The observed ranges.
    pub calibration: Calibration,
    /// The activations that become bytes, by name.
    pub activations: Vec<ActivationReport>,
    /// The weights that became bytes, in execution order.
    pub weights: Vec<WeightReport>,
    /// The error of each eight-bit node, in execution order; empty if nothing was measured.
    pub layers: Vec<LayerError>,
    /// The aids to accuracy that were tried, in order.
    pub aids: Vec<AidReport>,
    /// The accuracy that is lost, in percentage points, and the nodes that went back to float for it, if it was limited.
    pub accuracy: Option<(f64, Vec<FloatAgain>)>,
    /// Where precisions are mixed, the layers in the order in which they are given few bits.
    pub precisions: Vec<LayerPrecision>,
    /// Reasons to distrust the result; empty if nothing was found.
    pub warnings: Vec<Warning>,
}

impl QuantizeReport {
    pub(super) fn new(
        bytes_before: u64,
        folded: &Graph,
        after: &Graph,
        roles: &Roles,
        calibration: Calibration,
    ) -> Result<Self, Error> {
        Ok(Self {
            nodes: nodes(folded, roles),
            bytes_before,
            bytes_after: bytes(after),
            calibration,
            activations: Vec::new(),
            weights: weights::weights(folded, after)?,
            layers: Vec::new(),
            aids: Vec::new(),
            accuracy: None,
            precisions: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// The nodes that run in eight bits, including fused activations and tables.
    pub fn quantized(&self) -> impl Iterator<Item = &NodeReport> {
        self.nodes.iter().filter(|node| !matches!(node.role, Role::Float(_)))
    }

    /// The nodes that stayed float, each with the reason.
    pub fn float(&self) -> impl Iterator<Item = (&NodeReport, &str)> {
        self.nodes.iter().filter_map(|node| match &node.role {
            Role::Float(reason) => Some((node, reason.as_str())),
            _ => None,
        })
    }

    /// The `count` layers with the greatest error of their own, worst first.
    pub fn worst_layers(&self, count: usize) -> Vec<&LayerError> {
        let mut layers: Vec<&LayerError> = self.layers.iter().collect();
        layers.sort_by(|a, b| a.sqnr_db.total_cmp(&b.sqnr_db));
        layers.truncate(count);
        layers
    }
}

/// The nodes of `graph`, which is in execution order.
fn nodes(graph: &Graph, roles: &Roles) -> Vec<NodeReport> {
    // By the value that a node writes, the first of the nodes that run as one.
    let mut heads: HashMap<&str, &str> = HashMap::new();
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let Some(role) = roles.node(&node.name) else { continue };
        let before = node.input(0).and_then(|input| heads.get(input).copied());
        let fused_into = before.filter(|_| *role == Role::Fused);
        let value = node.output(0).unwrap_or_default();
        heads.insert(value, fused_into.unwrap_or(&node.name));
        nodes.push(NodeReport {
            name: node.name.clone(),
            op: node.op.to_string(),
            role: role.clone(),
            value: value.to_owned(),
            activation: roles.root(value).map(str::to_owned),
            fused_into: fused_into.map(str::to_owned),
        });
    }
    nodes
}

/// The bytes of a graph's constants in a file.
pub(super) fn bytes(graph: &Graph) -> u64 {
    graph.constants.values().map(bytes_of_tensor).sum()
}
