//! A float graph whose values were observed on examples.

use std::collections::{BTreeMap, BTreeSet};

use super::Split;
use crate::quantize::aids::equalize;
use crate::quantize::layer::Layer;
use crate::quantize::pipeline::{bytes_of_example, named};
use crate::quantize::{Calibrator, ChannelAxis, Dataset, Effort, Progress, Roles};
use crate::{Error, Graph, Limits};

/// A float graph, and what was observed of its values.
#[derive(Debug)]
pub(in crate::quantize) struct Observation {
    pub(in crate::quantize) graph: Graph,
    pub(in crate::quantize) calibrator: Calibrator,
}

impl Observation {
    /// Runs `graph` on the examples of these numbers, and observes the values of `channels` by their channels, too. `held` bytes are
    /// taken, the graph's constants among them.
    pub(in crate::quantize) fn of<D: Dataset + ?Sized>(
        graph: Graph,
        (roles, channels): (&Roles, &BTreeMap<String, ChannelAxis>),
        (dataset, numbers): (&D, &[usize]),
        (held, limits): (u64, &Limits),
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, D::Error> {
        let mut calibrator = Calibrator::beside(&graph, roles, channels, held, limits)?;
        for &number in numbers {
            let example = dataset.example(number)?;
            if calibrator.inputs() == 0 {
                calibrator.hold(held.saturating_add(bytes_of_example(&example)))?;
            }
            calibrator.observe(&named(&graph, &example)?)?;
            progress(Progress::Observed(calibrator.inputs()));
        }
        Ok(Self { graph, calibrator })
    }

    /// Observes the examples that judged until now, too.
    pub(super) fn observe_others<D: Dataset + ?Sized>(
        &mut self,
        dataset: &D,
        split: &Split,
    ) -> Result<(), D::Error> {
        let others = split.judging.iter().filter(|number| split.calibrating.binary_search(number).is_err());
        for &number in others {
            self.calibrator.observe(&named(&self.graph, &dataset.example(number)?)?)?;
        }
        Ok(())
    }
}

/// The values whose channels the aids of `effort` and those of the caller need.
pub(in crate::quantize) fn wanted_channels(
    graph: &Graph,
    roles: &Roles,
    effort: Effort,
) -> Result<BTreeMap<String, ChannelAxis>, Error> {
    let mut wanted = BTreeMap::new();
    let mut both = BTreeSet::new();
    for Layer { input, channels, .. } in Layer::all(graph, roles)? {
        if *wanted.entry(input.to_owned()).or_insert(channels) != channels {
            both.insert(input);
        }
    }
    // A value whose channels are along two axes has no channels.
    wanted.retain(|value, _| !both.contains(value.as_str()));
    if effort >= Effort::Medium {
        wanted.extend(equalize::wanted(graph)?);
    }
    Ok(wanted)
}
