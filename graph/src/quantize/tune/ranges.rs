//! A range for every activation, by what it does to the answers.

use super::{Recipe, Search};
use crate::quantize::{Calibration, CalibrationMethod, Dataset, Fault, Progress, Range};

/// What it is called in reports.
pub(super) const NAME: &str = "a range for every activation by its effect";

/// The rules whose ranges are tried for each activation.
const METHODS: [CalibrationMethod; 6] = [
    CalibrationMethod::MinMax,
    CalibrationMethod::Percentile(99.999),
    CalibrationMethod::Percentile(99.99),
    CalibrationMethod::Percentile(99.95),
    CalibrationMethod::Percentile(99.8),
    CalibrationMethod::Mse,
];

/// Tries other ranges, activation by activation in the order of execution, each beside the best of the others.
pub(super) fn search<D: Dataset + ?Sized>(
    search: &mut Search<'_, D>,
    progress: &mut impl FnMut(Progress),
) -> Result<(), Fault<D::Error>> {
    progress(Progress::Pass("ranges by their effect"));
    let seen = &search.observation.seen;
    let greatest = search.options.greatest_activation();
    let found: Vec<Calibration> =
        METHODS.into_iter().map(|method| seen.calibration(method, greatest)).collect::<Result<_, _>>()?;
    let (_, mut current) = search.best()?;
    let (mut best, mut least) = (search.best.clone(), search.error);
    let graph = &search.observation.graph;
    let computed = graph.nodes.iter().flat_map(|node| &node.outputs);
    let values = graph.inputs.iter().map(|input| &input.name).chain(computed);
    // A range that an aid has fixed stays.
    let is_open = |value: &&String| current.ranges.contains_key(*value) && !best.ranges.contains_key(*value);
    let values: Vec<String> = values.filter(is_open).cloned().collect();
    for (done, value) in values.iter().enumerate() {
        let mut tried: Vec<Range> = vec![current.ranges[value]];
        for range in found.iter().filter_map(|of| of.ranges.get(value)).copied() {
            if tried.iter().any(|tried| near(*tried, range)) {
                continue;
            }
            tried.push(range);
            let mut recipe: Recipe = best.clone();
            recipe.ranges.insert(value.clone(), range);
            let error = search.error(&recipe)?;
            if error < least {
                (best, least) = (recipe, error);
                current.ranges.insert(value.clone(), range);
            }
        }
        progress(Progress::Searched { done: done + 1, of: values.len() });
    }
    if search.note(NAME, least) {
        search.best = best;
    }
    Ok(())
}

/// Whether two ranges hardly differ: by less than a step.
fn near(a: Range, b: Range) -> bool {
    let step = (a.max.max(b.max) - a.min.min(b.min)) / 255.0;
    (a.min - b.min).abs() <= step && (a.max - b.max).abs() <= step
}
