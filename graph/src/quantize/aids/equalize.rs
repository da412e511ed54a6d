//! Cross-layer equalization: channels of an activation are multiplied by factors that the weights before and after take back, so that
//! small channels use more of the 256 steps.
//!
//! After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.1, and, for the
//! trade between the errors of activations and of weights, Xiao et al., "SmoothQuant" (2022), section 4. The first equalizes the ranges of
//! weights, which counts where a layer has one scale; of scales for each output channel, those before a value are free, so that the ranges of
//! activations count for more.

use std::collections::{BTreeMap, HashMap};

use super::channel_factors::Channels;
use super::classes::{Class, classes};
use crate::quantize::layer::Layer;
use crate::quantize::{ChannelAxis, ChannelStatistics, Plan};
use crate::{Error, Graph, Names, Tensor, passes};

/// The noise, as a part of the noise without factors, that is worth changing.
const WORTH: f64 = 0.97;

/// The values whose channels must be observed for [`equalized`].
pub(in crate::quantize) fn wanted(graph: &Graph) -> Result<BTreeMap<String, ChannelAxis>, Error> {
    let mut wanted = BTreeMap::new();
    for class in classes(graph)? {
        wanted.extend(class.values.iter().map(|&value| (value.to_owned(), class.axis.of_channels())));
    }
    Ok(wanted)
}

/// Which values are changed, those that must have the same factors together.
#[derive(Clone, Copy, Debug)]
pub(in crate::quantize) enum Which<'a> {
    /// All.
    All,
    /// All that no activation bounds from above, which would then cut off more than it did.
    Unbounded,
    /// This one.
    Of(&'a str),
}

impl Which<'_> {
    fn holds(self, class: &Class<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Unbounded => class.bound == f32::INFINITY,
            Self::Of(value) => class.values.contains(&value),
        }
    }
}

/// One of each set of values for which [`equalized`] expects a gain, the greatest gain first.
pub(in crate::quantize) fn candidates(
    graph: &Graph,
    plan: &Plan,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for class in classes(graph)? {
        if let (Some((_, part)), Some(value)) = (gain(&class, plan, statistics)?, class.values.first()) {
            found.push((part, (*value).to_owned()));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(found.into_iter().map(|(_, value)| value).collect())
}

/// The best factors of a class, and the noise with them as a part of that without; `None` if they are not worth it.
fn gain(
    class: &Class<'_>,
    plan: &Plan,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
) -> Result<Option<(Vec<f64>, f64)>, Error> {
    let Some(channels) = Channels::of(class, plan, statistics)? else { return Ok(None) };
    Ok(Some(channels.best(class)).filter(|(_, part)| *part < WORTH))
}

/// `graph` with equalized channels; `None` where nothing is gained.
pub(in crate::quantize) fn equalized(
    graph: &Graph,
    plan: &Plan,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
    which: Which<'_>,
) -> Result<Option<Graph>, Error> {
    let classes = classes(graph)?;
    let mut factors: HashMap<&str, Vec<f64>> = HashMap::new();
    for class in classes.iter().filter(|class| which.holds(class)) {
        if let Some((factor, _)) = gain(class, plan, statistics)? {
            factors.extend(class.values.iter().map(|&value| (value, factor.clone())));
        }
    }
    if factors.is_empty() {
        return Ok(None);
    }
    let mut changed = graph.clone();
    let mut names = Names::of(graph);
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(layer) = Layer::of(node, graph)? else { continue };
        let (input, output) =
            (factors.get(layer.input), node.output(0).and_then(|output| factors.get(output)));
        if input.is_none() && output.is_none() {
            continue;
        }
        let mut put = |input: usize, values: Vec<f32>, shape: &[usize]| -> Result<(), Error> {
            let name = names.fresh(&node.inputs[input]);
            changed.constants.insert(name.clone(), Tensor::new(shape, values)?);
            changed.nodes[index].inputs[input] = name;
            Ok(())
        };
        let depth = layer.depth();
        let mut weights = layer.as_rows(layer.weights.as_f32()?);
        for (at, weight) in weights.iter_mut().enumerate() {
            let (row, depth) = (at / depth, at % depth);
            let by = output.map_or(1.0, |output| output[row])
                / input.map_or(1.0, |input| input[layer.input_channel(row, depth)]);
            *weight = (f64::from(*weight) * by) as f32;
        }
        put(1, layer.of_rows(&weights), layer.weights.shape())?;
        if let (Some(output), Some(bias)) = (output, node.input(2).and_then(|name| graph.constants.get(name)))
        {
            let scaled = bias.as_f32()?.iter().zip(output).map(|(&bias, by)| (f64::from(bias) * by) as f32);
            put(2, scaled.collect(), bias.shape())?;
        }
    }
    passes::strip_unused_nodes(changed).map(Some)
}
