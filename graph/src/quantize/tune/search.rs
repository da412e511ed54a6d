//! The search: what is best so far, and what is judged against it.

use std::collections::BTreeMap;

use super::{Journal, Judge, Observation, Recipe, Split, wanted_channels};
use crate::limits::constants_of;
use crate::quantize::pipeline::to_eight_bits;
use crate::quantize::{Aid, AidReport, Calibration, Dataset, Fault, Plan, QuantizeOptions, Roles, Subject};
use crate::{Error, Graph};

/// The search for the best recipe.
pub(super) struct Search<'a, D: ?Sized> {
    pub(super) dataset: &'a D,
    pub(super) split: &'a Split,
    pub(super) options: &'a QuantizeOptions,
    pub(super) roles: Roles,
    /// Nodes that stay float, each with the reason.
    pub(super) float: BTreeMap<String, String>,
    pub(super) judge: Judge,
    pub(super) observation: Observation,
    pub(super) best: Recipe,
    /// Bytes that are taken beside what is held here.
    pub(super) beside: u64,
    /// What an interrupted run has found.
    pub(super) journal: &'a Journal,
    /// The caller's aids that are kept.
    pub(super) own: Vec<&'a dyn Aid>,
    /// With the best recipe.
    pub(super) error: f64,
    pub(super) aids: Vec<AidReport>,
}

/// A network with other nodes.
pub(super) struct Other {
    pub(super) graph: Graph,
    pub(super) roles: Roles,
    pub(super) float: BTreeMap<String, String>,
    pub(super) recipe: Recipe,
}

impl<'a, D: Dataset + ?Sized> Search<'a, D> {
    /// The plan of a recipe, and of the caller's aids that are kept.
    pub(super) fn plan(
        &self,
        recipe: &Recipe,
        observation: &Observation,
        roles: &Roles,
    ) -> Result<(Plan, Calibration), Error> {
        let (mut plan, calibration) = recipe.plan(observation, roles, self.options)?;
        for aid in &self.own {
            plan = aided(*aid, observation, &plan)?.unwrap_or(plan);
        }
        Ok((plan, calibration))
    }

    /// The best plan of what was observed.
    pub(super) fn best(&self) -> Result<(Plan, Calibration), Error> {
        self.plan(&self.best, &self.observation, &self.roles)
    }

    pub(super) fn error_of(&self, observation: &Observation, plan: &Plan) -> Result<f64, Fault<D::Error>> {
        let (eight_bit, _) = to_eight_bits(observation.graph.clone(), plan, |_| {})?;
        self.judge.error(&eight_bit, self.dataset, self.held([&observation.graph, &eight_bit]))
    }

    /// The bytes that are taken: the constants of these graphs and of the one observed, rounded weights, and what was observed.
    pub(super) fn held<'g>(&'g self, graphs: impl IntoIterator<Item = &'g Graph>) -> u64 {
        let constants = constants_of(graphs.into_iter().chain([&self.observation.graph]));
        let beside = self.beside.saturating_add(self.judge.bytes()).saturating_add(self.best.bytes());
        constants.saturating_add(self.observation.seen.bytes()).saturating_add(beside)
    }

    /// Observes `graph` on the examples of these numbers.
    pub(super) fn observe(
        &self,
        graph: Graph,
        roles: &Roles,
        numbers: &[usize],
    ) -> Result<Observation, Fault<D::Error>> {
        let channels = wanted_channels(&graph, roles, self.options)?;
        let held = (self.held([&graph]), &self.options.limits);
        Observation::of(graph, (roles, &channels), (self.dataset, numbers), held, |_| {})
    }

    pub(super) fn error(&self, recipe: &Recipe) -> Result<f64, Fault<D::Error>> {
        self.journal.number(|| {
            let (plan, _) = self.plan(recipe, &self.observation, &self.roles)?;
            self.error_of(&self.observation, &plan)
        })
    }

    /// Notes what an aid brought; whether it is kept.
    pub(super) fn note(&mut self, name: &str, error: f64) -> bool {
        self.note_below(name, error, self.error)
    }

    /// Notes what an aid brought; whether it is kept, which it is if the error is less than `below`.
    pub(super) fn note_below(&mut self, name: &str, error: f64, below: f64) -> bool {
        let kept = error < below;
        self.aids.push(AidReport {
            name: name.to_owned(),
            kept,
            error_before: self.error,
            error_after: error,
            skipped: None,
        });
        if kept {
            self.error = error;
        }
        kept
    }

    /// Notes an aid that did not fit the memory, if that is what `fault` says. What was best before is still.
    pub(super) fn note_skipped(&mut self, name: &str, fault: Fault<D::Error>) -> Result<(), Fault<D::Error>> {
        let reason = fault.over_limit()?;
        self.aids.push(AidReport {
            name: name.to_owned(),
            kept: false,
            error_before: self.error,
            error_after: self.error,
            skipped: Some(reason),
        });
        Ok(())
    }

    /// Tries a recipe, and keeps it if its error is less.
    pub(super) fn attempt(&mut self, name: &str, recipe: Recipe) -> Result<(), Fault<D::Error>> {
        let error = self.error(&recipe)?;
        if self.note(name, error) {
            self.best = recipe;
        }
        Ok(())
    }

    /// Tries another graph, if an aid has made one, and keeps it if its error is less.
    pub(super) fn attempt_graph(&mut self, name: &str, graph: Option<Graph>) -> Result<(), Fault<D::Error>> {
        self.attempt_graph_below(name, graph, self.error)
    }

    /// Tries another graph, if an aid has made one, and keeps it if its error is less than `below`.
    pub(super) fn attempt_graph_below(
        &mut self,
        name: &str,
        graph: Option<Graph>,
        below: f64,
    ) -> Result<(), Fault<D::Error>> {
        let Some(graph) = graph else { return Ok(()) };
        let (roles, float, recipe) = (self.roles.clone(), self.float.clone(), self.best.clone());
        self.attempt_other(name, Other { graph, roles, float, recipe }, below)
    }

    /// Tries another network, its changed layers rounded as the others are, and keeps it if its error is less than `below`.
    pub(super) fn attempt_other(
        &mut self,
        name: &str,
        other: Other,
        below: f64,
    ) -> Result<(), Fault<D::Error>> {
        let observe = || -> Result<(Observation, Recipe), Fault<D::Error>> {
            let observation = self.observe(other.graph.clone(), &other.roles, &self.split.calibrating)?;
            let weights = self.rounded_anew(&other.recipe, &observation, &other.roles)?;
            Ok((observation, Recipe { weights, ..other.recipe.clone() }))
        };
        let mut observed = None;
        let error = self.journal.number(|| {
            let (observation, recipe) = observed.insert(observe()?);
            let (plan, _) = self.plan(recipe, observation, &other.roles)?;
            self.error_of(observation, &plan)
        })?;
        if error < below {
            // What an interrupted run has judged is observed again.
            (self.observation, self.best) = observed.map_or_else(observe, Ok)?;
            (self.roles, self.float) = (other.roles, other.float);
        }
        self.note_below(name, error, below);
        Ok(())
    }

    /// Tries an aid of the caller's, and keeps it if the error is less.
    pub(super) fn own(&mut self, aid: &'a dyn Aid) -> Result<(), Fault<D::Error>> {
        let (plan, _) = self.best()?;
        let Some(plan) = aided(aid, &self.observation, &plan)? else { return Ok(()) };
        let error = match self.journal.number(|| self.error_of(&self.observation, &plan)) {
            Err(fault) => return self.note_skipped(aid.name(), fault),
            found => found?,
        };
        if self.note(aid.name(), error) {
            self.own.push(aid);
        }
        Ok(())
    }
}

/// The plan that a caller's aid makes of `plan`.
fn aided(aid: &dyn Aid, observation: &Observation, plan: &Plan) -> Result<Option<Plan>, Error> {
    let statistics = observation.seen.channels();
    aid.plan(&Subject { graph: &observation.graph, plan, statistics: &statistics })
}
