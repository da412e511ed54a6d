//! Tries aids to accuracy, and keeps those that make the answers of the executed eight-bit graph more accurate.

mod drop;
mod judge;
mod observation;
mod ranges;
mod split;

use std::collections::BTreeMap;

use super::aids::equalize::{self, Which};
use super::aids::{bias, copies, rounding, shift};
use super::pipeline::to_eight_bits;
use super::{
    Aid, AidReport, Calibration, CalibrationMethod, Dataset, Effort, FloatAgain, NodeChoice, Plan, Progress,
    QuantizeOptions, QuantizedWeights, Range, Roles, Subject,
};
use crate::limits::constants_of;
use crate::{Error, Graph, quoted};
use judge::Judge;
pub(super) use observation::{Observation, wanted_channels};
pub(super) use split::Split;

/// What was decided.
pub(super) struct Tuned {
    pub(super) observation: Observation,
    pub(super) plan: Plan,
    pub(super) calibration: Calibration,
    pub(super) aids: Vec<AidReport>,
    /// The accuracy lost, and the nodes that are float for it.
    pub(super) accuracy: Option<(f64, Vec<FloatAgain>)>,
}

/// What makes a plan of an observation.
#[derive(Clone, Debug, PartialEq)]
struct Recipe {
    method: CalibrationMethod,
    /// Whether biases take back what rounding of the weights adds.
    bias: bool,
    /// For each input of a layer, what quantization adds to the mean of its channels, which biases take back, too.
    shifts: BTreeMap<String, Vec<f64>>,
    /// By node.
    weights: BTreeMap<String, QuantizedWeights>,
    /// Of single values, instead of those that the method finds.
    ranges: BTreeMap<String, Range>,
}

impl Recipe {
    fn plan(
        &self,
        observation: &Observation,
        roles: &Roles,
        options: &QuantizeOptions,
    ) -> Result<(Plan, Calibration), Error> {
        let Observation { graph, calibrator } = observation;
        let mut calibration = calibrator.calibration(self.method)?;
        calibration.ranges.extend(self.ranges.iter().map(|(value, range)| (value.clone(), *range)));
        let mut plan = Plan::of_roles(graph, roles.clone(), &calibration)?.with_weights(options.weights);
        for (node, weights) in self.weights.iter().filter(|(node, _)| roles.is_quantized(node)) {
            let weights = Some(weights.clone());
            plan = plan.with_choice(node, NodeChoice { weights, ..NodeChoice::default() })?;
        }
        if self.bias {
            let means = calibrator.channels().into_iter().map(|(value, of)| (value, of.means())).collect();
            plan = bias::corrected(graph, plan, &means, &self.shifts)?;
        }
        Ok((plan, calibration))
    }
}

/// The search for the best recipe.
struct Search<'a, D: ?Sized> {
    dataset: &'a D,
    split: &'a Split,
    options: &'a QuantizeOptions,
    roles: Roles,
    judge: Judge,
    observation: Observation,
    best: Recipe,
    /// Bytes that are taken beside what is held here.
    beside: u64,
    /// The caller's aids that are kept.
    own: Vec<&'a dyn Aid>,
    /// With the best recipe.
    error: f64,
    aids: Vec<AidReport>,
}

impl<'a, D: Dataset + ?Sized> Search<'a, D> {
    /// The plan of a recipe, and of the caller's aids that are kept.
    fn plan(
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
    fn best(&self) -> Result<(Plan, Calibration), Error> {
        self.plan(&self.best, &self.observation, &self.roles)
    }

    fn error_of(&self, observation: &Observation, plan: &Plan) -> Result<f64, D::Error> {
        let (eight_bit, _) = to_eight_bits(observation.graph.clone(), plan, |_| {})?;
        self.judge.error(&eight_bit, self.dataset, self.held([&observation.graph, &eight_bit]))
    }

    /// The bytes that are taken: the constants of these graphs and of the one observed, and what was observed.
    fn held<'g>(&'g self, graphs: impl IntoIterator<Item = &'g Graph>) -> u64 {
        let constants = constants_of(graphs.into_iter().chain([&self.observation.graph]));
        let beside = self.beside.saturating_add(self.judge.bytes());
        constants.saturating_add(self.observation.calibrator.bytes_held()).saturating_add(beside)
    }

    /// Observes `graph` on the examples of these numbers.
    fn observe(&self, graph: Graph, roles: &Roles, numbers: &[usize]) -> Result<Observation, D::Error> {
        let channels = wanted_channels(&graph, roles, self.options.effort)?;
        let held = (self.held([&graph]), &self.options.limits);
        Observation::of(graph, (roles, &channels), (self.dataset, numbers), held, |_| {})
    }

    fn error(&self, recipe: &Recipe) -> Result<f64, D::Error> {
        let (plan, _) = self.plan(recipe, &self.observation, &self.roles)?;
        self.error_of(&self.observation, &plan)
    }

    /// Notes what an aid brought; whether it is kept.
    fn note(&mut self, name: &str, error: f64) -> bool {
        let kept = error < self.error;
        self.aids.push(AidReport {
            name: name.to_owned(),
            kept,
            error_before: self.error,
            error_after: error,
        });
        if kept {
            self.error = error;
        }
        kept
    }

    /// Tries a recipe, and keeps it if its error is less.
    fn attempt(&mut self, name: &str, recipe: Recipe) -> Result<(), D::Error> {
        let error = self.error(&recipe)?;
        if self.note(name, error) {
            self.best = recipe;
        }
        Ok(())
    }

    /// Tries another graph, and keeps it if its error is less.
    fn attempt_graph(&mut self, name: &str, graph: Graph) -> Result<(), D::Error> {
        let observation = self.observe(graph, &self.roles, &self.split.calibrating)?;
        let (plan, _) = self.plan(&self.best, &observation, &self.roles)?;
        let error = self.error_of(&observation, &plan)?;
        if self.note(name, error) {
            self.observation = observation;
        }
        Ok(())
    }

    fn bias(&mut self) -> Result<(), D::Error> {
        self.attempt("bias correction", Recipe { bias: true, ..self.best.clone() })
    }

    fn copies(&mut self) -> Result<(), D::Error> {
        let (plan, _) = self.best()?;
        let Observation { graph, calibrator } = &self.observation;
        match copies::copied(graph, &plan, &calibrator.channels())? {
            Some(copied) => self.attempt_graph("copies in dead channels", copied),
            None => Ok(()),
        }
    }

    fn methods(&mut self) -> Result<(), D::Error> {
        const METHODS: [(&str, CalibrationMethod); 4] = [
            ("ranges of all values seen", CalibrationMethod::MinMax),
            ("ranges of 99.999 % of the values seen", CalibrationMethod::Percentile(99.999)),
            ("ranges of 99.99 % of the values seen", CalibrationMethod::Percentile(99.99)),
            ("ranges of least squared error", CalibrationMethod::Mse),
        ];
        for (name, method) in METHODS.into_iter().filter(|(_, method)| *method != self.options.method) {
            self.attempt(name, Recipe { method, ..self.best.clone() })?;
        }
        Ok(())
    }

    fn equalize(&mut self) -> Result<(), D::Error> {
        let Observation { graph, calibrator } = &self.observation;
        match equalize::equalized(graph, &self.roles, &calibrator.channels(), Which::Unbounded)? {
            Some(graph) => self.attempt_graph("cross-layer equalization", graph),
            None => Ok(()),
        }
    }

    fn equalize_one_by_one(&mut self) -> Result<(), D::Error> {
        let Observation { graph, calibrator } = &self.observation;
        for value in equalize::candidates(graph, &self.roles, &calibrator.channels())? {
            let Observation { graph, calibrator } = &self.observation;
            if let Some(graph) =
                equalize::equalized(graph, &self.roles, &calibrator.channels(), Which::Of(&value))?
            {
                self.attempt_graph(&format!("equalized channels of {}", quoted(&value)), graph)?;
            }
        }
        Ok(())
    }

    fn rounding(&mut self) -> Result<(), D::Error> {
        let weights = self.rounded(&self.split.calibrating)?;
        self.attempt("weights rounded for their inputs", Recipe { bias: true, weights, ..self.best.clone() })
    }

    /// The weights rounded for the examples of these numbers, beside the best of the rest.
    fn rounded(&self, numbers: &[usize]) -> Result<BTreeMap<String, QuantizedWeights>, D::Error> {
        let (plan, _) = self.best()?;
        let limits = (self.held([]), &self.options.limits);
        rounding::rounded(&self.observation.graph, &plan, (self.dataset, numbers), limits)
    }

    /// Observes all examples, those held out until now as well, and computes from them what was decided.
    fn refit(&mut self) -> Result<(), D::Error> {
        let all: Vec<usize> = (0..self.dataset.len()).collect();
        self.observation = self.observe(self.observation.graph.clone(), &self.roles, &all)?;
        let has_shifts = !std::mem::take(&mut self.best.shifts).is_empty();
        if !std::mem::take(&mut self.best.weights).is_empty() {
            self.best.weights = self.rounded(&all)?;
        }
        if has_shifts {
            self.best.shifts = self.shifted(&all)?;
        }
        Ok(())
    }

    fn shifts(&mut self) -> Result<(), D::Error> {
        let shifts = self.shifted(&self.split.calibrating)?;
        self.attempt(
            "bias correction of rounded activations",
            Recipe { bias: true, shifts, ..self.best.clone() },
        )
    }

    fn shifted(&self, numbers: &[usize]) -> Result<BTreeMap<String, Vec<f64>>, D::Error> {
        let (plan, _) = self.best()?;
        let limits = (self.held([]), &self.options.limits);
        shift::shifts(&self.observation.graph, &plan, (self.dataset, numbers), limits)
    }

    /// Tries an aid of the caller's, and keeps it if the error is less.
    fn own(&mut self, aid: &'a dyn Aid) -> Result<(), D::Error> {
        let (plan, _) = self.best()?;
        let Some(plan) = aided(aid, &self.observation, &plan)? else { return Ok(()) };
        let error = self.error_of(&self.observation, &plan)?;
        if self.note(aid.name(), error) {
            self.own.push(aid);
        }
        Ok(())
    }
}

/// The plan that a caller's aid makes of `plan`.
fn aided(aid: &dyn Aid, observation: &Observation, plan: &Plan) -> Result<Option<Plan>, Error> {
    let statistics = observation.calibrator.channels();
    aid.plan(&Subject { graph: &observation.graph, plan, statistics: &statistics })
}

/// Decides what to quantize with: the aids of the effort, then those of the caller. `held` bytes are taken, the constants of the graph
/// observed among them.
pub(super) fn tune<D: Dataset + ?Sized>(
    observation: Observation,
    roles: Roles,
    (dataset, split): (&D, &Split),
    options: &QuantizeOptions,
    (own, float, held): (&[&dyn Aid], &BTreeMap<String, String>, u64),
    mut progress: impl FnMut(Progress),
) -> Result<Tuned, D::Error> {
    let judge = Judge::new(&observation.graph, dataset, &split.judging, &options.limits)?;
    let best = Recipe {
        method: options.method,
        bias: false,
        shifts: BTreeMap::new(),
        weights: BTreeMap::new(),
        ranges: BTreeMap::new(),
    };
    let aids = Vec::new();
    let beside = held.saturating_sub(constants_of([&observation.graph]));
    let kept = Vec::new();
    let mut search = Search {
        dataset,
        split,
        options,
        roles,
        judge,
        observation,
        best,
        beside,
        own: kept,
        error: 0.0,
        aids,
    };
    search.error = search.error(&search.best)?;
    type Try<'a, D> = fn(&mut Search<'a, D>) -> Result<(), <D as Dataset>::Error>;
    let tries: [(Effort, &'static str, Try<'_, D>); 7] = [
        (Effort::Low, "bias correction", Search::bias),
        (Effort::Low, "copies", Search::copies),
        (Effort::Low, "ranges", Search::methods),
        (Effort::Medium, "equalization", Search::equalize),
        (Effort::High, "equalization one by one", Search::equalize_one_by_one),
        (Effort::Medium, "rounding", Search::rounding),
        (Effort::Medium, "shifts", Search::shifts),
    ];
    for (_, name, aid) in tries.into_iter().filter(|(effort, ..)| *effort <= options.effort) {
        progress(Progress::Pass(name));
        aid(&mut search)?;
    }
    if options.effort >= Effort::High {
        ranges::search(&mut search, &mut progress)?;
    }
    for aid in own {
        progress(Progress::Pass("own aid"));
        search.own(*aid)?;
    }
    search.refit()?;
    let (mut plan, mut calibration) = search.best()?;
    let mut accuracy = None;
    if let Some(allowed) = &options.accuracy_drop {
        let within = drop::within(&mut search, allowed, float, &mut progress)?;
        (plan, calibration) = (within.plan, within.calibration);
        accuracy = Some((within.drop, within.again));
    }
    Ok(Tuned { observation: search.observation, plan, calibration, aids: search.aids, accuracy })
}
