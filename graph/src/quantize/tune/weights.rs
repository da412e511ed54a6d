//! Weights rounded for what they are multiplied by, of the best network and of those that are tried beside it.

use std::collections::{BTreeMap, HashMap};

use super::{Journal, Observation, Recipe, Search};
use crate::quantize::aids::rounding;
use crate::quantize::layer::Layer;
use crate::quantize::{Dataset, Fault, QuantizedWeights, Roles};

impl<D: Dataset + ?Sized> Search<'_, D> {
    /// The weights rounded for the examples of these numbers, beside the best of the rest.
    pub(super) fn rounded(
        &self,
        numbers: &[usize],
    ) -> Result<BTreeMap<String, QuantizedWeights>, Fault<D::Error>> {
        let (plan, _) = self.best()?;
        let Observation { graph, .. } = &self.observation;
        let layers = Layer::all(graph, plan.roles())?;
        let limits = (self.held([]), &self.options.limits);
        rounding::rounded(graph, layers, &plan, (self.dataset, numbers), limits, self.journal)
    }

    /// The weights of `recipe`, with those of layers whose floats are not those of the graph observed now rounded anew.
    pub(super) fn rounded_anew(
        &self,
        recipe: &Recipe,
        observation: &Observation,
        roles: &Roles,
    ) -> Result<BTreeMap<String, QuantizedWeights>, Fault<D::Error>> {
        let before: HashMap<&str, Option<&str>> =
            self.observation.graph.nodes.iter().map(|node| (node.name.as_str(), node.input(1))).collect();
        let Observation { graph, .. } = observation;
        let mut layers = Layer::all(graph, roles)?;
        layers.retain(|layer| {
            let name = layer.node.name.as_str();
            recipe.weights.contains_key(name) && before.get(name) != Some(&layer.node.input(1))
        });
        let mut weights = recipe.weights.clone();
        if layers.is_empty() {
            return Ok(weights);
        }
        layers.iter().for_each(|layer| drop(weights.remove(&layer.node.name)));
        let (plan, _) =
            self.plan(&Recipe { weights: weights.clone(), ..recipe.clone() }, observation, roles)?;
        let limits = (self.held([graph]).saturating_add(observation.seen.bytes()), &self.options.limits);
        // What an interrupted run has judged needs no weights, so they are not kept.
        let (examples, journal) = ((self.dataset, &self.split.calibrating[..]), Journal::default());
        match rounding::rounded(graph, layers, &plan, examples, limits, &journal) {
            Ok(rounded) => weights.extend(rounded),
            // They stay rounded to the nearest.
            Err(fault) => drop(fault.over_limit()?),
        }
        Ok(weights)
    }
}
