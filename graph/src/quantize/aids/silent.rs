//! Cuts off weights that read channels which are always zero, where they are larger than all others.
//!
//! A batch normalization divides by a variance near zero where a channel never fires, and, folded, leaves weights there that are many
//! times as large as the others. With one scale for all channels they take the steps of the weights that matter. After Sheng et al., "A
//! Quantization-Friendly Separable Convolution for MobileNets" (2018), section 3.1, who set such variances; here the weights are cut off at
//! the largest of the others, so that a channel that does fire is still read.

use std::collections::BTreeMap;

use super::changed::Changed;
use crate::quantize::layer::Layer;
use crate::quantize::{ChannelStatistics, Plan};
use crate::{Error, Graph, Tensor};

/// `graph` with smaller weights for silent channels; `None` where there are none.
pub(in crate::quantize) fn silenced(
    graph: &Graph,
    plan: &Plan,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
) -> Result<Option<Graph>, Error> {
    let mut changed = Changed::of(graph);
    for layer in Layer::all(graph, plan.roles())? {
        let (Some(of), Some(affine)) = (statistics.get(layer.input), plan.parameters(layer.input)) else {
            continue;
        };
        if of.channels() != layer.inputs() {
            continue;
        }
        // Its byte is always the zero point, and its products are zero.
        let half = affine.scale / 2.0;
        let is_silent: Vec<bool> =
            of.min.iter().zip(&of.max).map(|(&min, &max)| -half < min && max < half).collect();
        if let Some(weights) = cut(&layer, &is_silent)? {
            changed.put(layer.index, 1, Tensor::new(layer.weights.shape(), weights)?);
        }
    }
    changed.finish()
}

/// The weights of `layer` with those of silent channels cut off at the largest of the others; `None` if nothing is.
fn cut(layer: &Layer<'_>, is_silent: &[bool]) -> Result<Option<Vec<f32>>, Error> {
    let mut weights = layer.as_rows(layer.weights.as_f32()?);
    let depth = layer.depth();
    let silent = |at: usize| is_silent[layer.input_channel(at / depth, at % depth)];
    let heard = weights.iter().enumerate().filter(|(at, _)| !silent(*at));
    let largest = heard.fold(0.0f32, |largest, (_, weight)| largest.max(weight.abs()));
    let mut any = false;
    for (_, weight) in weights.iter_mut().enumerate().filter(|(at, _)| silent(*at)) {
        any |= weight.abs() > largest;
        *weight = weight.clamp(-largest, largest);
    }
    Ok(any.then(|| layer.of_rows(&weights)))
}
