//! What makes a plan of an observation.

use std::collections::BTreeMap;

use super::Observation;
use crate::Error;
use crate::quantize::aids::bias;
use crate::quantize::{
    Calibration, CalibrationMethod, NodeChoice, Plan, QuantizeOptions, QuantizedWeights, Range, Roles,
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
    /// Of single values, instead of those that the method finds.
    pub(super) ranges: BTreeMap<String, Range>,
}

impl Recipe {
    /// The bytes of the rounded weights.
    pub(super) fn bytes(&self) -> u64 {
        self.weights.values().map(|of| (of.bytes.len() + 4 * of.scales.len()) as u64).sum()
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
        for (node, weights) in self.weights.iter().filter(|(node, _)| roles.is_quantized(node)) {
            let weights = Some(weights.clone());
            plan = plan.with_choice(node, NodeChoice { weights, ..NodeChoice::default() })?;
        }
        if self.bias {
            let means = seen.channels().into_iter().map(|(value, of)| (value, of.means())).collect();
            plan = bias::corrected(graph, plan, &means, &self.shifts)?;
        }
        Ok((plan, calibration))
    }
}
