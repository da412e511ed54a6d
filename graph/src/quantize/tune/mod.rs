//! Tries aids to accuracy, and keeps those that make the answers of the executed eight-bit graph more accurate.

mod drop;
mod judge;
mod observation;
mod ranges;
mod split;

use std::collections::BTreeMap;

use super::aids::equalize::{self, Which};
use super::aids::{bias, copies, rounding, shift, silent};
use super::pipeline::to_eight_bits;
use super::{
    Aid, AidReport, Calibration, CalibrationMethod, Dataset, Effort, FloatAgain, Granularity, NodeChoice,
    Plan, Progress, QuantizeOptions, QuantizedWeights, Range, Roles, Subject,
};
use crate::limits::constants_of;
use crate::{Error, Graph, quoted};
use judge::Judge;
pub(super) use observation::Observation;
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
        let mut plan = Plan::of_roles(graph, roles.clone(), &calibration)?.with_options(options);
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
    /// With the best recipe.
    error: f64,
    aids: Vec<AidReport>,
}

impl<D: Dataset + ?Sized> Search<'_, D> {
    fn error_of(&self, observation: &Observation, plan: &Plan) -> Result<f64, D::Error> {
        let (eight_bit, _) = to_eight_bits(observation.graph.clone(), plan, |_| {})?;
        self.judge.error(&eight_bit, self.dataset)
    }

    fn error(&self, recipe: &Recipe) -> Result<f64, D::Error> {
        let (plan, _) = recipe.plan(&self.observation, &self.roles, self.options)?;
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
        let held = constants_of([&self.observation.graph, &graph]);
        let numbers = (self.dataset, &self.split.calibrating[..]);
        let observation = Observation::of(graph, &self.roles, numbers, held, self.options, |_| {})?;
        let (plan, _) = self.best.plan(&observation, &self.roles, self.options)?;
        let error = self.error_of(&observation, &plan)?;
        if self.note(name, error) {
            self.observation = observation;
        }
        Ok(())
    }

    /// Scales of one channel alone do not suffer from the weights of others.
    fn silent(&mut self) -> Result<(), D::Error> {
        if self.options.granularity == Granularity::PerChannel {
            return Ok(());
        }
        let (plan, _) = self.best.plan(&self.observation, &self.roles, self.options)?;
        let Observation { graph, calibrator } = &self.observation;
        match silent::silenced(graph, &plan, &calibrator.channels())? {
            Some(silenced) => self.attempt_graph("smaller weights of silent channels", silenced),
            None => Ok(()),
        }
    }

    fn bias(&mut self) -> Result<(), D::Error> {
        self.attempt("bias correction", Recipe { bias: true, ..self.best.clone() })
    }

    fn copies(&mut self) -> Result<(), D::Error> {
        let (plan, _) = self.best.plan(&self.observation, &self.roles, self.options)?;
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
        let (plan, _) = self.best.plan(&self.observation, &self.roles, self.options)?;
        let numbers = (self.dataset, &self.split.calibrating[..]);
        let weights = rounding::rounded(&self.observation.graph, &plan, numbers, &self.options.limits)?;
        self.attempt("weights rounded for their inputs", Recipe { weights, ..self.best.clone() })
    }

    /// Observes all examples, those held out until now as well, and computes from them what was decided.
    fn refit(&mut self) -> Result<(), D::Error> {
        let all: Vec<usize> = (0..self.dataset.len()).collect();
        let graph = self.observation.graph.clone();
        let (numbers, limits) = ((self.dataset, &all[..]), &self.options.limits);
        self.observation = Observation::of(
            graph,
            &self.roles,
            numbers,
            constants_of([&self.observation.graph]),
            self.options,
            |_| {},
        )?;
        let graph = &self.observation.graph;
        let has_shifts = !std::mem::take(&mut self.best.shifts).is_empty();
        if !std::mem::take(&mut self.best.weights).is_empty() {
            let (plan, _) = self.best.plan(&self.observation, &self.roles, self.options)?;
            self.best.weights = rounding::rounded(graph, &plan, numbers, limits)?;
        }
        if has_shifts {
            let (plan, _) = self.best.plan(&self.observation, &self.roles, self.options)?;
            self.best.shifts = shift::shifts(graph, &plan, numbers, limits)?;
        }
        Ok(())
    }

    fn shifts(&mut self) -> Result<(), D::Error> {
        let (plan, _) = self.best.plan(&self.observation, &self.roles, self.options)?;
        let numbers = (self.dataset, &self.split.calibrating[..]);
        let shifts = shift::shifts(&self.observation.graph, &plan, numbers, &self.options.limits)?;
        self.attempt(
            "bias correction of rounded activations",
            Recipe { bias: true, shifts, ..self.best.clone() },
        )
    }
}

/// Decides what to quantize with: the aids of the effort, then those of the caller.
pub(super) fn tune<D: Dataset + ?Sized>(
    observation: Observation,
    roles: Roles,
    (dataset, split): (&D, &Split),
    options: &QuantizeOptions,
    (others, float): (&[&dyn Aid], &BTreeMap<String, String>),
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
    let mut search = Search { dataset, split, options, roles, judge, observation, best, error: 0.0, aids };
    search.error = search.error(&search.best)?;
    type Try<'a, D> = fn(&mut Search<'a, D>) -> Result<(), <D as Dataset>::Error>;
    let tries: [(Effort, &'static str, Try<'_, D>); 8] = [
        (Effort::Low, "silent channels", Search::silent),
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
    search.refit()?;
    let (mut plan, calibration) = search.best.plan(&search.observation, &search.roles, options)?;
    let mut accuracy = None;
    if let Some(allowed) = &options.accuracy_drop {
        let (changed, again, lost) = drop::within(&mut search, allowed, float, &mut progress)?;
        (plan, accuracy) = (changed, Some((lost, again)));
    }
    for aid in others {
        progress(Progress::Pass("own aid"));
        let statistics = search.observation.calibrator.channels();
        let subject = Subject { graph: &search.observation.graph, plan: &plan, statistics: &statistics };
        if let Some(changed) = aid.plan(&subject)? {
            let error = search.error_of(&search.observation, &changed)?;
            if search.note(aid.name(), error) {
                plan = changed;
            }
        }
    }
    Ok(Tuned { observation: search.observation, plan, calibration, aids: search.aids, accuracy })
}
