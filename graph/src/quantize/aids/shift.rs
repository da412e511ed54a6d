//! How quantization shifts the mean of each channel: small positive numbers that become zero are all rounded the same way.

use std::collections::BTreeMap;

use crate::quantize::layer::Layer;
use crate::quantize::pipeline::named;
use crate::quantize::runner::{Runner, observed};
use crate::quantize::{Affine, ChannelAxis, ChannelStatistics, Dataset, Fault, Plan};
use crate::{DataType, Graph, Limits, passes};

/// For each input of an eight-bit layer, the mean of what quantization adds to each channel, over the examples of these numbers. `held` bytes are
/// taken, the constants of `float` among them.
pub(in crate::quantize) fn shifts<D: Dataset + ?Sized>(
    float: &Graph,
    plan: &Plan,
    (dataset, numbers): (&D, &[usize]),
    (held, limits): (u64, &Limits),
) -> Result<BTreeMap<String, Vec<f64>>, Fault<D::Error>> {
    let mut inputs: BTreeMap<&str, (ChannelAxis, Affine)> = BTreeMap::new();
    for layer in Layer::all(float, plan.roles())? {
        if let Some(affine) = plan.parameters(layer.input) {
            inputs.insert(layer.input, (layer.channels, affine));
        }
    }
    let values = inputs.keys().map(|&value| (value.to_owned(), DataType::F32));
    let graph = passes::strip_unused_nodes(observed(float.clone(), values))?;
    let mut runner = Runner::new(graph, 0, held, limits)?;
    let mut seen: Vec<(&str, ChannelAxis, Affine, ChannelStatistics)> = inputs
        .into_iter()
        .map(|(value, (axis, affine))| (value, axis, affine, ChannelStatistics::default()))
        .collect();
    let mut added = Vec::new();
    for &number in numbers {
        let example = dataset.example(number).map_err(Fault::Example)?;
        runner.run(&named(float, &example)?, |at, shape, values| {
            let (value, axis, affine, statistics) = &mut seen[at];
            added.clear();
            added.extend(
                values.floats()?.iter().map(|&value| affine.dequantize(affine.quantize(value)) - value),
            );
            statistics.add(value, *axis, shape, &added)
        })?;
    }
    Ok(seen.into_iter().map(|(value, _, _, statistics)| (value.to_owned(), statistics.means())).collect())
}
