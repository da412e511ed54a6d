//! Tries aids to accuracy, and keeps those that make the answers of the executed eight-bit graph more accurate.

mod drop;
mod journal;
mod judge;
mod key;
mod mixed;
mod observation;
mod ranges;
mod recipe;
mod search;
mod split;
mod steps;
mod weights;

use std::collections::BTreeMap;

use super::{
    Aid, AidReport, Calibration, Dataset, Effort, Fault, FloatAgain, LayerPrecision, Plan, Progress,
    QuantizeOptions, Roles, WeightPrecision,
};
use crate::Error;
use crate::limits::constants_of;
pub(super) use journal::Journal;
use judge::Judge;
pub(super) use key::key;
pub(super) use observation::{Observation, wanted_channels};
use recipe::Recipe;
use search::{Other, Search};
pub(super) use split::Split;

/// What was decided.
pub(super) struct Tuned {
    pub(super) observation: Observation,
    pub(super) plan: Plan,
    pub(super) calibration: Calibration,
    pub(super) aids: Vec<AidReport>,
    /// The accuracy lost, and the nodes that are float for it.
    pub(super) accuracy: Option<(f64, Vec<FloatAgain>)>,
    /// The layers in the order in which they are given few bits.
    pub(super) precisions: Vec<LayerPrecision>,
    /// Why nothing was tried, if it should have been.
    pub(super) untried: Option<String>,
}

/// Decides what to quantize with: the aids of the effort, then those of the caller. `held` bytes are taken, the constants of the graph
/// observed among them.
pub(super) fn tune<D: Dataset + ?Sized>(
    observation: Observation,
    roles: Roles,
    (dataset, split): (&D, &Split),
    options: &QuantizeOptions,
    (own, float, held, journal): (&[&dyn Aid], &BTreeMap<String, String>, u64, &Journal),
    mut progress: impl FnMut(Progress),
) -> Result<Tuned, Fault<D::Error>> {
    if split.judging.is_empty() {
        return untuned(observation, roles, options, None);
    }
    let taken = held.saturating_add(observation.seen.bytes());
    let judge = Judge::new(&observation.graph, dataset, &split.judging, (taken, &options.limits));
    let judge = match judge.map_err(Fault::over_limit) {
        Err(short) => return all_observed(observation, roles, (dataset, split), options, (held, short?)),
        Ok(judge) => judge,
    };
    let best = Recipe {
        method: options.method,
        bias: false,
        shifts: BTreeMap::new(),
        weights: BTreeMap::new(),
        precisions: BTreeMap::new(),
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
        journal,
        own: Vec::new(),
        error: 0.0,
        aids: Vec::new(),
    };
    match search.error(&search.best).map_err(Fault::over_limit) {
        Ok(error) => search.error = error,
        Err(short) => {
            let Search { observation, roles, .. } = search;
            return all_observed(observation, roles, (dataset, split), options, (held, short?));
        }
    }
    // Of fewer bits the weights that are rounded to the nearest are bad ones: they are not what other aids are judged with.
    if options.common_precision() != WeightPrecision::EIGHT && options.effort > Effort::None {
        let name = "weights rounded for their inputs";
        progress(Progress::Pass(name));
        search.rounding().or_else(|fault| search.note_skipped(name, fault))?;
    }
    type Try<'a, D> = fn(&mut Search<'a, D>) -> Result<(), Fault<<D as Dataset>::Error>>;
    let tries: [(Effort, &'static str, Try<'_, D>); 11] = [
        (Effort::Low, "silent channels", Search::silent),
        (Effort::Low, "equalization of weights", Search::equalize_weights),
        (Effort::Low, "bias correction", Search::bias),
        (Effort::Low, "copies in dead channels", Search::copies),
        (Effort::Low, "ranges", Search::methods),
        (Effort::Medium, "finer inputs", Search::finer_inputs),
        (Effort::Medium, "weights rounded for their inputs", Search::rounding),
        (Effort::Medium, "copies in more channels", Search::widened),
        (Effort::Medium, "cross-layer equalization", Search::equalize),
        (Effort::High, "equalization one by one", Search::equalize_one_by_one),
        (Effort::Medium, "bias correction of rounded activations", Search::shifts),
    ];
    for (_, name, aid) in tries.into_iter().filter(|(effort, ..)| *effort <= options.effort) {
        progress(Progress::Pass(name));
        aid(&mut search).or_else(|fault| search.note_skipped(name, fault))?;
    }
    if options.effort >= Effort::High {
        ranges::search(&mut search, &mut progress)
            .or_else(|fault| search.note_skipped(ranges::NAME, fault))?;
    }
    for aid in own {
        progress(Progress::Pass("own aid"));
        search.own(*aid)?;
    }
    search.refit(&mut progress)?;
    let precisions = if options.is_mixed() { mixed::choose(&mut search, &mut progress)? } else { Vec::new() };
    let (mut plan, mut calibration) = search.best()?;
    let mut accuracy = None;
    if let Some(allowed) = &options.accuracy_drop {
        let within = drop::within(&mut search, allowed, &mut progress)?;
        (plan, calibration) = (within.plan, within.calibration);
        accuracy = Some((within.drop, within.again));
    }
    let Search { observation, aids, .. } = search;
    Ok(Tuned { observation, plan, calibration, aids, accuracy, precisions, untried: None })
}

/// [`untuned`] because memory is short, with the ranges of all examples.
fn all_observed<D: Dataset + ?Sized>(
    mut observation: Observation,
    roles: Roles,
    data: (&D, &Split),
    options: &QuantizeOptions,
    (held, short): (u64, String),
) -> Result<Tuned, Fault<D::Error>> {
    observation.add_others(data, (held, &options.limits))?;
    untuned(observation, roles, options, Some(short))
}

/// What is decided where nothing is judged.
fn untuned<E>(
    observation: Observation,
    roles: Roles,
    options: &QuantizeOptions,
    untried: Option<String>,
) -> Result<Tuned, Fault<E>> {
    if (options.accuracy_drop.is_some() || options.file_bytes.is_some()) && observation.seen.inputs() > 0 {
        return Err(Error::argument(
            if options.file_bytes.is_some() { "file size" } else { "accuracy drop" },
            "the answers cannot be compared: their sizes are known only when the network runs, or they take too much memory",
        )
        .into());
    }
    let greatest = options.greatest_activation();
    let calibration = observation.seen.calibration(options.method, greatest)?;
    let plan = Plan::of_roles(&observation.graph, roles, &calibration, greatest)?.with_options(options);
    Ok(Tuned {
        observation,
        plan,
        calibration,
        aids: Vec::new(),
        accuracy: None,
        precisions: Vec::new(),
        untried,
    })
}
