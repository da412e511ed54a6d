//! Combines roles and ranges for the two quantizing passes.

use std::collections::BTreeMap;

use super::{Affine, Calibration, Range, Roles, WeightRange};
use crate::{Error, Graph};

/// The nodes and values that become eight-bit, with scales and zero points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    roles: Roles,
    /// By root (see [`Roles::root`]).
    parameters: BTreeMap<String, Affine>,
    weights: WeightRange,
}

impl Plan {
    /// The plan for `graph` with the ranges of `calibration`.
    ///
    /// # Errors
    ///
    /// A value whose range was not observed, a constant that is not finite, every error of [`Roles::new`].
    pub fn new(graph: &Graph, calibration: &Calibration) -> Result<Self, Error> {
        Self::of_roles(graph, Roles::new(graph)?, calibration)
    }

    /// As [`new`](Self::new), for nodes with these roles.
    pub(super) fn of_roles(graph: &Graph, roles: Roles, calibration: &Calibration) -> Result<Self, Error> {
        let mut parameters = BTreeMap::new();
        for root in roles.observed() {
            let range = calibration.ranges.get(root).ok_or_else(|| {
                Error::value(root, "its range was not observed: calibrate the graph that is quantized")
            })?;
            parameters.insert(root.to_owned(), Affine::covering(*range));
        }
        for root in roles.constants() {
            if let Some(constant) = graph.constants.get(root) {
                let range = Range::of(root, constant.as_f32().map_err(|error| error.in_value(root))?)?;
                parameters.insert(root.to_owned(), Affine::covering(range));
            }
        }
        Ok(Self { roles, parameters, weights: WeightRange::Full })
    }

    /// The plan with another range of weights; without this it is [`WeightRange::Full`].
    #[must_use]
    pub fn with_weights(self, weights: WeightRange) -> Self {
        Self { weights, ..self }
    }

    /// The range of quantized weights; weights of depthwise convolutions always have the full range.
    pub fn weights(&self) -> WeightRange {
        self.weights
    }

    /// The role of each node.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Scale and zero point of `value`; `None` if it does not become bytes.
    pub fn parameters(&self, value: &str) -> Option<Affine> {
        self.parameters.get(self.roles.root(value)?).copied()
    }
}
