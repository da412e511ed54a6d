//! A float graph whose values were observed on examples.

use std::collections::{BTreeMap, BTreeSet};

use super::Split;
use crate::quantize::aids::equalize;
use crate::quantize::layer::Layer;
use crate::quantize::pipeline::{bytes_of_example, named};
use crate::quantize::{
    ChannelAxis, Dataset, Effort, Fault, Granularity, Observations, Progress, QuantizeOptions, Roles,
};
use crate::{Error, Graph, Limits};

/// A float graph, and what was observed of its values.
///
/// What runs the graph, and its packed weights, are made anew when others shall be observed: they would take as much memory as the
/// network while eight-bit graphs are judged.
#[derive(Debug)]
pub(in crate::quantize) struct Observation {
    pub(in crate::quantize) graph: Graph,
    pub(in crate::quantize) seen: Observations,
}

impl Observation {
    /// Runs `graph` on the examples of these numbers, and observes the values of `channels` by their channels, too. `held` bytes are
    /// taken, the graph's constants among them.
    pub(in crate::quantize) fn of<D: Dataset + ?Sized>(
        graph: Graph,
        (roles, channels): (&Roles, &BTreeMap<String, ChannelAxis>),
        (dataset, numbers): (&D, &[usize]),
        (held, limits): (u64, &Limits),
        progress: impl FnMut(Progress),
    ) -> Result<Self, Fault<D::Error>> {
        let seen = Observations::new(&graph, roles, channels);
        let mut observation = Self { graph, seen };
        observation.add((dataset, numbers), (held, limits), progress)?;
        Ok(observation)
    }

    /// Observes the examples that judged until now, too. `held` bytes are taken, the graph's constants among them, but without what was
    /// observed.
    pub(super) fn add_others<D: Dataset + ?Sized>(
        &mut self,
        (dataset, split): (&D, &Split),
        (held, limits): (u64, &Limits),
    ) -> Result<(), Fault<D::Error>> {
        let others = split.judging.iter().filter(|number| split.calibrating.binary_search(number).is_err());
        let others: Vec<usize> = others.copied().collect();
        if others.is_empty() {
            return Ok(());
        }
        self.add((dataset, &others), (held, limits), |_| {})
    }

    fn add<D: Dataset + ?Sized>(
        &mut self,
        (dataset, numbers): (&D, &[usize]),
        (held, limits): (u64, &Limits),
        mut progress: impl FnMut(Progress),
    ) -> Result<(), Fault<D::Error>> {
        let mut runner = self.seen.runner(&self.graph, held, limits)?;
        for (done, &number) in numbers.iter().enumerate() {
            let example = dataset.example(number).map_err(Fault::Example)?;
            if done == 0 {
                let example = bytes_of_example(&example);
                runner.hold(held.saturating_add(self.seen.bytes()).saturating_add(example))?;
            }
            self.seen.observe(&mut runner, &named(&self.graph, &example)?)?;
            progress(Progress::Observed(self.seen.inputs()));
        }
        Ok(())
    }
}

/// The values whose channels the aids that are tried and those of the caller need.
pub(in crate::quantize) fn wanted_channels(
    graph: &Graph,
    roles: &Roles,
    options: &QuantizeOptions,
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
    if options.effort >= Effort::Medium || options.granularity == Granularity::PerTensor {
        wanted.extend(equalize::wanted(graph)?);
    }
    Ok(wanted)
}
