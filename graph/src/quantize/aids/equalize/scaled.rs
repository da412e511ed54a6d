//! A graph with channels that are multiplied by factors, which the weights before and after bring about.

use std::collections::HashMap;

use crate::quantize::aids::changed::Changed;
use crate::quantize::layer::Layer;
use crate::{Error, Graph, Tensor};

/// `graph`, with the channels of each of these values multiplied by its factors, and everything else as it was; `None` without factors.
pub(super) fn scaled(graph: &Graph, factors: &HashMap<&str, Vec<f64>>) -> Result<Option<Graph>, Error> {
    let mut changed = Changed::of(graph);
    for index in 0..graph.nodes.len() {
        let Some(layer) = Layer::of(index, graph)? else { continue };
        let (input, output) =
            (factors.get(layer.input), layer.node.output(0).and_then(|output| factors.get(output)));
        if input.is_none() && output.is_none() {
            continue;
        }
        let depth = layer.depth();
        let mut weights = layer.as_rows(layer.weights.as_f32()?);
        for (at, weight) in weights.iter_mut().enumerate() {
            let (row, depth) = (at / depth, at % depth);
            let by = output.map_or(1.0, |output| output[row])
                / input.map_or(1.0, |input| input[layer.input_channel(row, depth)]);
            *weight = (f64::from(*weight) * by) as f32;
        }
        changed.put(index, 1, Tensor::new(layer.weights.shape(), layer.of_rows(&weights))?);
        let bias = layer.node.input(2).and_then(|name| graph.constants.get(name));
        if let (Some(output), Some(bias)) = (output, bias) {
            let scaled = bias.as_f32()?.iter().zip(output).map(|(&bias, by)| (f64::from(bias) * by) as f32);
            changed.put(index, 2, Tensor::new(bias.shape(), scaled.collect::<Vec<f32>>())?);
        }
    }
    changed.finish()
}
