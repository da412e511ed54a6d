//! A float graph whose values were observed on examples.

use std::collections::BTreeMap;

use crate::quantize::aids::equalize;
use crate::quantize::layer::Layer;
use crate::quantize::pipeline::{bytes_of_example, named};
use crate::quantize::{Calibrator, ChannelAxis, Dataset, Effort, Progress, QuantizeOptions, Roles};
use crate::{Error, Graph};

/// A float graph, and what was observed of its values.
#[derive(Debug)]
pub(in crate::quantize) struct Observation {
    pub(in crate::quantize) graph: Graph,
    pub(in crate::quantize) calibrator: Calibrator,
}

impl Observation {
    /// Runs `graph` on the examples of these numbers. `held` bytes are taken, the graph's constants among them.
    pub(in crate::quantize) fn of<D: Dataset + ?Sized>(
        graph: Graph,
        roles: &Roles,
        (dataset, numbers): (&D, &[usize]),
        held: u64,
        options: &QuantizeOptions,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, D::Error> {
        let channels = wanted_channels(&graph, roles, options)?;
        let mut calibrator = Calibrator::beside(&graph, roles, &channels, held, &options.limits)?;
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
}

/// The values whose channels the aids need.
fn wanted_channels(
    graph: &Graph,
    roles: &Roles,
    options: &QuantizeOptions,
) -> Result<BTreeMap<String, ChannelAxis>, Error> {
    if options.effort == Effort::None {
        return Ok(BTreeMap::new());
    }
    let mut wanted = equalize::wanted(graph)?;
    for layer in Layer::all(graph, roles)? {
        wanted.entry(layer.input.to_owned()).or_insert(layer.channels);
    }
    Ok(wanted)
}
