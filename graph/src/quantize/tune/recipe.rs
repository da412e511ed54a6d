//! What makes a plan of an observation.

use std::collections::{BTreeMap, BTreeSet};

use super::Observation;
use crate::Error;
use crate::quantize::aids::bias;
use crate::quantize::{
    Calibration, CalibrationMethod, NodeChoice, Plan, QuantizeOptions, QuantizedWeights, Range, Roles,
    WeightPrecision,
};

/// What makes a plan of an observation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recipe {
    pub(super) method: CalibrationMethod,
    /// Whether biases take back what rounding of the weights adds.
    pub(super) bias: bool,
    /// For each input of a layer, what quantization adds to the mean of its channels, which biases take back, too.
    pub(super) shifts: BTreeMap<String, Vec<f64>>,
    /// By node.
    pub(super) weights: BTreeMap<String, QuantizedWeights>,
    /// By node, where they are not those of the options.
    pub(super) precisions: BTreeMap<String, WeightPrecision>,
    /// Of single values, instead of those that the method finds.
    pub(super) ranges: BTreeMap<String, Range>,
}

impl Recipe {
    /// The bytes of the rounded weights.
    pub(super) fn bytes(&self) -> u64 {
        self.weights.values().map(|of| (of.bytes.len() + 4 * of.scales.len()) as u64).sum()
    }

    /// This recipe with the weights of these layers and their precision as `other` has them.
    pub(super) fn with_layers_of(&self, other: &Recipe, nodes: &[String]) -> Recipe {
        let mut recipe = self.clone();
        for node in nodes {
            recipe.weights.remove(node);
            recipe.precisions.remove(node);
            recipe
                .weights
                .extend(other.weights.get_key_value(node).map(|(node, of)| (node.clone(), of.clone())));
            recipe
                .precisions
                .extend(other.precisions.get_key_value(node).map(|(node, &of)| (node.clone(), of)));
        }
        recipe
    }

    pub(super) fn plan(
        &self,
        observation: &Observation,
        roles: &Roles,
        options: &QuantizeOptions,
    ) -> Result<(Plan, Calibration), Error> {
        let Observation { graph, seen } = observation;
        let mut calibration = seen.calibration(self.method, options.greatest_activation())?;
        calibration.ranges.extend(self.ranges.iter().map(|(value, range)| (value.clone(), *range)));
        let greatest = options.greatest_activation();
        let mut plan = Plan::of_roles(graph, roles.clone(), &calibration, greatest)?.with_options(options);
        let nodes: BTreeSet<&String> = self.weights.keys().chain(self.precisions.keys()).collect();
        for node in nodes.into_iter().filter(|node| roles.is_quantized(node)) {
            let (weights, precision) = (self.weights.get(node).cloned(), self.precisions.get(node).copied());
            plan = plan.with_choice(node, NodeChoice { weights, precision, ..NodeChoice::default() })?;
        }
        if self.bias {
            let means = seen.channels().into_iter().map(|(value, of)| (value, of.means())).collect();
            plan = bias::corrected(graph, plan, &means, &self.shifts)?;
        }
        Ok((plan, calibration))
    }
}
