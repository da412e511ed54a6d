//! Tries aids to accuracy, and keeps those that make the answers of the executed eight-bit graph more accurate.

mod drop;
mod judge;
mod observation;
mod ranges;
mod recipe;
mod search;
mod split;
mod steps;

use std::collections::BTreeMap;

use super::{
    Aid, AidReport, Calibration, Dataset, Effort, FloatAgain, Plan, Progress, QuantizeOptions, Roles,
};
use crate::Error;
use crate::limits::constants_of;
use judge::Judge;
pub(super) use observation::{Observation, wanted_channels};
use recipe::Recipe;
use search::Search;
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
    let taken = held.saturating_add(observation.calibrator.bytes_held());
    let Some(judge) = Judge::new(&observation.graph, dataset, &split.judging, (taken, &options.limits))?
    else {
        return untuned(observation, roles, (dataset, split), options);
    };
    let best = Recipe {
        method: options.method,
        bias: false,
        shifts: BTreeMap::new(),
        weights: BTreeMap::new(),
        ranges: BTreeMap::new(),
    };
    let beside = held.saturating_sub(constants_of([&observation.graph]));
    let mut search = Search {
        dataset,
        split,
        options,
        roles,
        float: float.clone(),
        judge,
        observation,
        best,
        beside,
        own: Vec::new(),
        error: 0.0,
        aids: Vec::new(),
    };
    search.error = search.error(&search.best)?;
    type Try<'a, D> = fn(&mut Search<'a, D>) -> Result<(), <D as Dataset>::Error>;
    let tries: [(Effort, &'static str, Try<'_, D>); 9] = [
        (Effort::Low, "silent channels", Search::silent),
        (Effort::Low, "bias correction", Search::bias),
        (Effort::Low, "copies", Search::copies),
        (Effort::Low, "ranges", Search::methods),
        (Effort::Medium, "finer inputs", Search::finer_inputs),
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
    search.refit(&mut progress)?;
    let (mut plan, mut calibration) = search.best()?;
    let mut accuracy = None;
    if let Some(allowed) = &options.accuracy_drop {
        let within = drop::within(&mut search, allowed, &mut progress)?;
        (plan, calibration) = (within.plan, within.calibration);
        accuracy = Some((within.drop, within.again));
    }
    Ok(Tuned { observation: search.observation, plan, calibration, aids: search.aids, accuracy })
}

/// What is decided where nothing is judged: the ranges of all examples.
fn untuned<D: Dataset + ?Sized>(
    mut observation: Observation,
    roles: Roles,
    (dataset, split): (&D, &Split),
    options: &QuantizeOptions,
) -> Result<Tuned, D::Error> {
    if options.accuracy_drop.is_some() && !dataset.is_empty() {
        return Err(Error::argument(
            "accuracy drop",
            "the answers cannot be compared: their sizes are known only when the network runs, or they take too much memory",
        )
        .into());
    }
    observation.observe_others(dataset, split)?;
    let calibration = observation.calibrator.calibration(options.method)?;
    let plan = Plan::of_roles(&observation.graph, roles, &calibration)?.with_options(options);
    Ok(Tuned { observation, plan, calibration, aids: Vec::new(), accuracy: None })
}
