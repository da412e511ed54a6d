//! Warnings about an eight-bit graph: useless calibration data, numbers without an eight-bit form, useless results.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{LayerError, MAX_SCALE, MIN_SCALE, Range};
use crate::{Error, Graph, quoted};

/// At this number of examples or more there is no warning about it.
const EXAMPLES: usize = 10;
/// The lowest useful signal-to-noise ratio in dB: at 10 dB the error is a third of the signal.
const USELESS_DB: f64 = 10.0;

/// A reason to distrust the eight-bit graph, which is made nevertheless. Its text says what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Ranges were observed on few examples.
    FewExamples {
        /// The number of examples.
        examples: usize,
        /// The number from which there is no warning.
        advised: usize,
    },
    /// Examples that are constant, or constant per channel, such as a black picture.
    FlatInput {
        /// The graph's input.
        input: String,
        /// The number of flat examples: at least half.
        flat: usize,
        /// The number of examples.
        examples: usize,
    },
    /// An activation had one value everywhere in all examples, so that its range is that of one number.
    ConstantActivation {
        /// The node that writes it, the first of its kind.
        node: String,
        /// The activation.
        value: String,
        /// Its value.
        constant: f32,
        /// The number of other constant activations.
        others: usize,
    },
    /// Numbers too small or too large for a scale that fits the layer's other numbers.
    Scale {
        /// The node that reads or writes them.
        node: String,
        /// The weights, bias or activation.
        value: String,
        /// The greatest magnitude among them.
        largest: f32,
        /// Whether the largest were cut off; otherwise all became zeros or a few steps.
        cut: bool,
    },
    /// A result, or otherwise the output of some node on exact inputs, has a signal-to-noise ratio below 10 dB.
    LowSignal {
        /// The node with that output.
        node: String,
        /// Its ratio in decibels ([`LayerError::accumulated_sqnr_db`]).
        sqnr_db: f64,
        /// The node with the greatest error of its own.
        worst: String,
        /// That node's ratio in decibels ([`LayerError::sqnr_db`]).
        worst_sqnr_db: f64,
    },
    /// The errors of the layers were not measured, because it takes more memory than the limits allow.
    NotMeasured {
        /// The bytes that it takes.
        needs: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// Nothing was tried for accuracy, because the answers of both networks could not be compared within the limits.
    NotTuned {
        /// What does not fit.
        reason: String,
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
            Self::NotMeasured { needs, limit } => write!(
                f,
                "the error of the layers was not measured: it takes {needs} bytes of memory, {limit} are allowed; compare the \
                 results with those of the float model"
            ),
            Self::NotTuned { reason } => write!(
                f,
                "nothing was tried for accuracy: {reason}; allow more memory, or compare the results with those of the float model"
            ),
        }
    }
}

/// Whether the limits of scales cut a range off (`Some(true)`) or shrink it to a few steps (`Some(false)`); `None` if its
/// scale is within them.
fn is_cut(range: Range) -> Option<bool> {
    let step = (f64::from(range.max.max(0.0)) - f64::from(range.min.min(0.0))) / 255.0;
    if step > f64::from(MAX_SCALE) {
        return Some(true);
    }
    (step != 0.0 && step < f64::from(MIN_SCALE)).then_some(false)
}

/// Warnings about the number of examples and flat ones.
pub(super) fn of_examples(examples: usize, flat: &[(String, usize)]) -> Vec<Warning> {
    let few = (examples < EXAMPLES).then_some(Warning::FewExamples { examples, advised: EXAMPLES });
    let flat = flat.iter().filter(|(_, flat)| *flat > 0 && 2 * flat >= examples);
    let flat = flat.map(|(input, flat)| Warning::FlatInput { input: input.clone(), flat: *flat, examples });
    few.into_iter().chain(flat).collect()
}

/// Warnings about activations that are constant or whose range has no scale. `extremes` are the least and greatest
/// observed value of each.
pub(super) fn of_activations(graph: &Graph, extremes: &[(String, Range)]) -> Result<Vec<Warning>, Error> {
    let mut ranges: HashMap<&str, Range> =
        extremes.iter().map(|(value, range)| (value.as_str(), *range)).collect();
    let (mut warnings, mut constants) = (Vec::new(), Vec::new());
    let inputs = graph.input_names();
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let of_graph = node.inputs.iter().filter(|input| inputs.contains(input.as_str()));
        for value in of_graph.chain(&node.outputs) {
            let Some(range) = ranges.remove(value.as_str()) else { continue };
            let is_input = inputs.contains(value.as_str());
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

/// Warnings about results, by the errors of the layers of `graph`, whose nodes are in execution order.
pub(super) fn of_layers(graph: &Graph, layers: &[LayerError]) -> Vec<Warning> {
    let written: HashSet<&str> = layers.iter().map(|layer| layer.value.as_str()).collect();
    // Values that other layers depend on.
    let mut inner: HashSet<&str> = HashSet::new();
    for node in graph.nodes.iter().rev() {
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
    // Even if a later node hides it, such as the addition of a constant.
    if warnings.is_empty()
        && let Some(worst) = worst.filter(|worst| worst.sqnr_db < USELESS_DB)
    {
        warnings.push(warning(worst));
    }
    warnings
}
