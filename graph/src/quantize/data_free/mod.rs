//! Ranges and means without examples: what the batch normalizations of a network say of its activations.
//!
//! The output of a batch normalization with scale γ and shift β has, over the data that the network was trained with, the mean β and
//! the deviation |γ| in each channel. From there they are carried through the operators that follow, as if channels were normally
//! distributed and independent (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction",
//! arXiv:1906.04721, sections 3.2 and 4.2).

mod arithmetic;
mod channels;
mod clipped;
mod context;
mod elementwise;
mod input;
mod moments;
mod moves;
mod norms;
mod pools;
mod products;
mod reason;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::Range;
use super::pipeline::simplified;
use crate::{DataType, Error, Graph, passes};
use channels::Channels;
use context::Context;
pub use input::InputMoments;
use moments::Moments;
use reason::Reason;

/// What [`statistics`] takes for granted.
#[derive(Clone, Debug, PartialEq)]
pub struct DataFreeOptions {
    /// The inputs of the graph, by name.
    pub inputs: BTreeMap<String, InputMoments>,
    /// The inputs that [`inputs`](Self::inputs) does not name.
    pub other_inputs: InputMoments,
    /// How many deviations from the mean of a channel its range reaches.
    pub reach: f32,
}

/// Photos from −1 to 1, and the 6 deviations of Nagel et al.
impl Default for DataFreeOptions {
    fn default() -> Self {
        let photos = InputMoments::photos(Range { min: -1.0, max: 1.0 });
        Self { inputs: BTreeMap::new(), other_inputs: photos, reach: 6.0 }
    }
}

/// What is known of the activations of a graph without any example.
///
/// The values are those of the graph after the passes that come before the calibration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFree {
    /// The range of each value.
    pub ranges: BTreeMap<String, Range>,
    /// The channels of each value.
    pub moments: BTreeMap<String, ChannelMoments>,
    /// The values of which nothing is known, and why, in the order of execution.
    pub unknown: Vec<(String, String)>,
}

/// Mean and deviation of each channel of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMoments {
    /// The axis of the channels; it means nothing where all channels are alike.
    pub axis: usize,
    /// The mean of each channel; a single one where all channels are alike.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel; as many as means.
    pub deviation: Vec<f32>,
}

impl ChannelMoments {
    fn of(channels: &Channels) -> Self {
        let of_all =
            |number: fn(&Moments) -> f64| channels.all().iter().map(|all| number(all) as f32).collect();
        Self { axis: channels.axis, mean: of_all(|all| all.mean), deviation: of_all(|all| all.deviation) }
    }

    /// The mean of channel `index`.
    pub fn mean_of(&self, index: usize) -> Option<f32> {
        self.mean.get(if self.mean.len() == 1 { 0 } else { index }).copied()
    }
}

/// Ranges and moments of the activations of `graph`, a float graph as it was read, by its batch normalizations alone.
///
/// # Errors
///
/// Every error of the passes that come before the calibration; attributes and constants that do not fit their node; options that
/// are not finite.
///
/// ```
/// # use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo, quantize::data_free};
/// # let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![Some(1), Some(2), Some(8), Some(8)] };
/// # let constants = [("scale", [1.0f32, 0.5]), ("shift", [0.0, 3.0]), ("mean", [7.0, 8.0]), ("variance", [4.0, 9.0])];
/// let norm = Node::new("norm", "BatchNormalization", &["x", "scale", "shift", "mean", "variance"], &["y"]);
/// let graph = Graph {
///     inputs: vec![value("x")],
///     outputs: vec![value("y")],
///     nodes: vec![norm],
///     constants: constants.map(|(name, values)| (name.to_owned(), Tensor::vector(values))).into(),
///     ..Graph::default()
/// };
/// let found = data_free::statistics(&graph, &data_free::DataFreeOptions::default())?;
/// assert_eq!(found.moments["y"].mean, [0.0, 3.0]);
/// assert_eq!((found.ranges["y"].min, found.ranges["y"].max), (-6.0, 6.0));
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
pub fn statistics(graph: &Graph, options: &DataFreeOptions) -> Result<DataFree, Error> {
    options.validate()?;
    // Batch normalizations are nodes of their own here; the values after the other passes are a part of these.
    let graph = passes::strip_unused_nodes(graph.clone())?;
    let graph = passes::fold_constants(passes::remove_nodes(graph)?)?;
    let graph = passes::cancel_transposes(graph)?;
    let kept = simplified(graph.clone(), |_| {})?;
    let kept: BTreeSet<&str> = kept
        .nodes
        .iter()
        .flat_map(|node| &node.outputs)
        .map(String::as_str)
        .chain(kept.input_names())
        .collect();

    let mut context = Context::new(&graph, f64::from(options.reach))?;
    let mut result = DataFree::default();
    for input in graph.inputs.iter().filter(|input| input.data_type == DataType::F32) {
        let moments = options.inputs.get(&input.name).unwrap_or(&options.other_inputs).moments();
        if let Err(reason) = context.insert(&input.name, Channels::alike(moments)) {
            result.leave(&input.name, &reason);
        }
    }
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let found = rules::outputs(&context, node);
        for (at, output) in node.outputs.iter().enumerate().filter(|(_, output)| !output.is_empty()) {
            let channels = found.as_ref().map_err(Reason::clone).and_then(|outputs| {
                outputs.get(at).cloned().ok_or_else(|| Reason::new("it is no output of data"))
            });
            match channels.and_then(|channels| context.insert(output, channels)) {
                Err(reason) if kept.contains(output.as_str()) => result.leave(output, &reason),
                _ => {}
            }
        }
    }
    for (value, channels) in context.into_known() {
        let Some(range) = channels.range().filter(|_| kept.contains(value)) else { continue };
        result.ranges.insert(value.to_owned(), range);
        result.moments.insert(value.to_owned(), ChannelMoments::of(&channels));
    }
    Ok(result)
}

impl DataFreeOptions {
    fn validate(&self) -> Result<(), Error> {
        let inputs = self.inputs.values().chain([&self.other_inputs]);
        if !(self.reach.is_finite() && self.reach > 0.0)
            || !inputs.map(InputMoments::moments).all(|x| x.is_finite())
        {
            return Err(Error::argument(
                "data-free ranges",
                "reach and inputs must be finite, and the reach above 0",
            ));
        }
        Ok(())
    }
}

impl DataFree {
    /// Notes that `value` is not known.
    fn leave(&mut self, value: &str, reason: &Reason) {
        self.unknown.push((value.to_owned(), format!("{}: calibrate with examples instead", reason.0)));
    }
}
