//! What a user should know before relying on the eight-bit graph: calibration that taught nothing, numbers that have no
//! eight-bit form, results that are useless.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{LayerError, MAX_SCALE, MIN_SCALE, Range};
use crate::{Error, Graph, Tensor, quoted};

/// From so many examples on, nothing is said about their number.
const EXAMPLES: usize = 10;
/// A result with less signal is useless: at 10 dB the error is a third of what there is to see.
const USELESS_DB: f64 = 10.0;
/// Values that depend on their channel alone are flat only if so many of them share a channel.
const FLAT: usize = 16;

/// A reason to distrust the eight-bit graph, which was made all the same. As text it says what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Ranges were learnt from few examples.
    FewExamples {
        /// How many there were.
        examples: usize,
        /// How many are needed for this not to be said.
        advised: usize,
    },
    /// Examples with one number throughout, or one for each channel: a black picture, say.
    FlatInput {
        /// The graph's input.
        input: String,
        /// How many of the examples are flat: at least half.
        flat: usize,
        /// How many examples there were.
        examples: usize,
    },
    /// An activation had the same value in every place of every example, so that its range is that of one number.
    ConstantActivation {
        /// The node that writes it, the first of all such.
        node: String,
        /// The activation.
        value: String,
        /// The value that it always had.
        constant: f32,
        /// How many more activations are constant.
        others: usize,
    },
    /// Numbers too small or too large for a scale that fits the others of the layer.
    Scale {
        /// The node that reads or writes them.
        node: String,
        /// The weights, bias or activation.
        value: String,
        /// The greatest of them, without its sign.
        largest: f32,
        /// Whether the largest were cut off; otherwise all became zeros, or a few steps.
        cut: bool,
    },
    /// A result, or if none, then what some node makes of faultless inputs, has less of its signal left than 10 dB.
    LowSignal {
        /// The node whose output has lost it.
        node: String,
        /// What is left, in decibels ([`LayerError::accumulated_sqnr_db`]).
        sqnr_db: f64,
        /// The node that loses most by itself.
        worst: String,
        /// What that one leaves ([`LayerError::sqnr_db`]).
        worst_sqnr_db: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewExamples { examples, advised } => write!(
                f,
                "ranges were learnt from {examples} calibration example{}: give at least {advised}, better a hundred, like \
                 those that the model will see",
                if *examples == 1 { "" } else { "s" }
            ),
            Self::FlatInput { input, flat, examples } => write!(
                f,
                "{flat} of {examples} calibration examples are flat (input {} holds one number, or one for each channel): the \
                 ranges say nothing about real inputs; give others",
                quoted(input)
            ),
            Self::ConstantActivation { node, value, constant, others } => {
                let (node, value) = (quoted(node), quoted(value));
                write!(
                    f,
                    "node {node}: its output {value} is {constant:?} everywhere in all calibration examples"
                )?;
                if *others > 0 {
                    write!(f, " (and {others} more)")?;
                }
                write!(f, ": other values will be cut off; give more varied examples, or check the weights")
            }
            Self::Scale { node, value, largest, cut } => {
                let (what, became) =
                    if *cut { ("large", "was cut off") } else { ("small", "became zeros or a few steps") };
                write!(
                    f,
                    "node {}: {}, at most {largest:e}, is too {what} beside the layer's other numbers and {became}: rescale \
                     the layers of the float model",
                    quoted(node),
                    quoted(value)
                )
            }
            Self::LowSignal { node, sqnr_db, worst, worst_sqnr_db } => write!(
                f,
                "node {}: only {sqnr_db:.1} dB of the signal are left, so the result is hardly usable; {} loses most by \
                 itself ({worst_sqnr_db:.1} dB are left): give more typical examples, choose ranges by another method, or \
                 keep the float model",
                quoted(node),
                quoted(worst)
            ),
        }
    }
}

/// Whether `tensor` holds one number, or is an image or sequence with one number for each channel.
pub(super) fn is_flat(tensor: &Tensor) -> bool {
    let Ok(values) = tensor.as_f32() else { return false };
    let shape = tensor.shape();
    if values.len() < FLAT {
        return false;
    }
    let by_channel = |axis: usize| {
        let size = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        values.len() / size >= FLAT
            && values.iter().enumerate().all(|(at, value)| *value == values[at / inner % size * inner])
    };
    values.iter().all(|value| *value == values[0])
        || shape.len() >= 3 && (by_channel(1) || by_channel(shape.len() - 1))
}

/// Whether a range is cut off for want of a scale (`Some(true)`) or shrinks to a few steps (`Some(false)`); `None` if it has
/// its scale.
fn is_cut(range: Range) -> Option<bool> {
    let step = (f64::from(range.max.max(0.0)) - f64::from(range.min.min(0.0))) / 255.0;
    if step > f64::from(MAX_SCALE) {
        return Some(true);
    }
    (step != 0.0 && step < f64::from(MIN_SCALE)).then_some(false)
}

/// About the number of examples and those that are flat.
pub(super) fn of_examples(examples: usize, flat: &[(String, usize)]) -> Vec<Warning> {
    let few = (examples < EXAMPLES).then_some(Warning::FewExamples { examples, advised: EXAMPLES });
    let flat = flat.iter().filter(|(_, flat)| *flat > 0 && 2 * flat >= examples);
    let flat = flat.map(|(input, flat)| Warning::FlatInput { input: input.clone(), flat: *flat, examples });
    few.into_iter().chain(flat).collect()
}

/// About activations: those that are constant, and those whose range has no scale. `extremes` are the least and greatest
/// value that was observed of each.
pub(super) fn of_activations(graph: &Graph, extremes: &[(String, Range)]) -> Result<Vec<Warning>, Error> {
    let mut ranges: HashMap<&str, Range> =
        extremes.iter().map(|(value, range)| (value.as_str(), *range)).collect();
    let (mut warnings, mut constants) = (Vec::new(), Vec::new());
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let of_graph = node.inputs.iter().filter(|input| graph.input_info(input).is_some());
        for value in of_graph.chain(&node.outputs) {
            let Some(range) = ranges.remove(value.as_str()) else { continue };
            let is_input = graph.input_info(value).is_some();
            if let Some(cut) = is_cut(range) {
                let largest = range.min.abs().max(range.max.abs());
                warnings.push(Warning::Scale { node: node.name.clone(), value: value.clone(), largest, cut });
            } else if range.min == range.max && !is_input {
                constants.push((node.name.clone(), value.clone(), range.min));
            }
        }
    }
    let others = constants.len().saturating_sub(1);
    if let Some((node, value, constant)) = constants.into_iter().next() {
        warnings.insert(0, Warning::ConstantActivation { node, value, constant, others });
    }
    Ok(warnings)
}

/// About results, by the errors of the layers of `graph`.
pub(super) fn of_layers(graph: &Graph, layers: &[LayerError]) -> Result<Vec<Warning>, Error> {
    let written: HashSet<&str> = layers.iter().map(|layer| layer.value.as_str()).collect();
    // Values that some layer depends on.
    let mut inner: HashSet<&str> = HashSet::new();
    for &index in graph.topological_order()?.iter().rev() {
        let node = &graph.nodes[index];
        let feeds = |value: &String| written.contains(value.as_str()) || inner.contains(value.as_str());
        if node.outputs.iter().any(feeds) {
            inner.extend(node.inputs.iter().map(String::as_str));
        }
    }
    let worst = layers.iter().min_by(|a, b| a.sqnr_db.total_cmp(&b.sqnr_db));
    let useless =
        |layer: &&LayerError| !inner.contains(layer.value.as_str()) && layer.accumulated_sqnr_db < USELESS_DB;
    let warning = |layer: &LayerError| {
        let worst = worst.unwrap_or(layer);
        Warning::LowSignal {
            node: layer.node.clone(),
            sqnr_db: layer.accumulated_sqnr_db,
            worst: worst.node.clone(),
            worst_sqnr_db: worst.sqnr_db,
        }
    };
    let mut warnings: Vec<Warning> = layers.iter().filter(useless).map(warning).collect();
    // Whatever hides it later, as a constant that is added does.
    if warnings.is_empty()
        && let Some(worst) = worst.filter(|worst| worst.sqnr_db < USELESS_DB)
    {
        warnings.push(warning(worst));
    }
    Ok(warnings)
}
