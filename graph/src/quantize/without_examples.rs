//! Quantization without examples.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::aids::bias;
use super::data_free::{self, DataFreeOptions};
use super::layer::Layer;
use super::pipeline::{check, simplified, to_eight_bits};
use super::{Calibration, Effort, Plan, Progress, QuantizeOptions, QuantizeReport, Roles, report};
use crate::{Error, Graph};

/// Quantizes the float graph `graph` without any example, by what its batch normalizations say of its activations
/// ([`data_free::statistics`]). Biases take back what rounded weights add to the mean of each channel, unless the effort is
/// [`Effort::None`]; nothing is measured.
///
/// # Errors
///
/// Those of [`quantize`](super::quantize()) except those of examples; an activation whose range the batch normalizations do not say.
pub fn quantize_without_examples<'g>(
    graph: impl Into<Cow<'g, Graph>>,
    data_free: &DataFreeOptions,
    options: &QuantizeOptions,
    mut progress: impl FnMut(Progress),
) -> Result<(Graph, QuantizeReport), Error> {
    let graph = graph.into();
    check(&graph, options)?;
    if options.accuracy_drop.is_some() {
        return Err(Error::argument("accuracy drop", "without examples it cannot be measured: give some"));
    }
    if options.file_bytes.is_some() {
        let why = "without examples the noise of layers cannot be measured: give some";
        return Err(Error::argument("file size", why));
    }
    let bytes_before = report::bytes(&graph);
    progress(Progress::Pass("statistics"));
    let found = data_free::statistics(&graph, data_free)?;
    let float = simplified(graph.into_owned(), &mut progress)?;
    let roles = Roles::keeping_float(&float, &options.float)?;
    let mut ranges = BTreeMap::new();
    for value in roles.observed() {
        let Some(&range) = found.ranges.get(value) else {
            let reason = found.unknown.iter().find(|(unknown, _)| unknown == value);
            let reason = reason.map_or(
                "no batch normalization says its range: calibrate with examples instead",
                |(_, reason)| reason,
            );
            return Err(Error::value(value, reason));
        };
        ranges.insert(value.to_owned(), range);
    }
    let calibration = Calibration { ranges, inputs: 0 };
    let mut plan =
        Plan::of_roles(&float, roles, &calibration, options.greatest_activation())?.with_options(options);
    if options.effort > Effort::None {
        let mut means: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for layer in Layer::all(&float, plan.roles())? {
            let Some(moments) = found.moments.get(layer.input) else { continue };
            let of_channels: Option<Vec<f64>> =
                (0..layer.inputs()).map(|channel| moments.mean_of(channel).map(f64::from)).collect();
            means.extend(of_channels.map(|of_channels| (layer.input, of_channels)));
        }
        plan = bias::corrected(&float, plan, &means, &BTreeMap::new())?;
    }
    let (eight_bit, warnings) = to_eight_bits(float.clone(), &plan, &mut progress)?;
    let mut report = QuantizeReport::new(bytes_before, &float, &eight_bit, plan.roles(), calibration)?;
    report.warnings = warnings;
    Ok((eight_bit, report))
}
