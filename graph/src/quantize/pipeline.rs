//! The whole quantization: the passes in order, with the calibration between them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::measure::Meter;
use super::timing::slower_in_eight_bits;
use super::tune::{self, Journal, Observation, Split, Tuned, wanted_channels};
use super::{
    AccuracyDrop, Aid, CalibrationMethod, Dataset, Effort, Fault, Granularity, Plan, QuantizeReport, Roles,
    Warning, WeightPrecision, WeightRange,
};
use super::{report, warnings};
use crate::exec::tail;
use crate::limits::{bytes_of_tensor, constants_of};
use crate::ops::batch_normalization;
use crate::ops::eight_bit::weight_axis;
use crate::shapes::{ShapeOptions, check_outputs, infer_shapes};
use crate::{Error, Graph, Limits, Tensor, passes, quoted};

/// Options of [`quantize`].
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizeOptions {
    /// How the ranges of activations are chosen.
    pub method: CalibrationMethod,
    /// Nodes that stay float, each with the reason, by their names after the passes that come before the calibration.
    pub float: BTreeMap<String, String>,
    /// Whether to measure on this machine which nodes take longer in eight bits than as floats, and to leave them float. The result then
    /// depends on the machine, and on its other work. It takes the memory of both networks at once.
    pub measure_speed: bool,
    /// The range of quantized weights; weights of depthwise convolutions always have the full range.
    pub weights: WeightRange,
    /// The integers that stand for weights. Of fewer bits than eight, they are those of all layers, unless `accuracy_drop` or `file_bytes` is
    /// given: then some layers keep eight bits, those that would add most noise for the bytes that they save. In memory all are bytes; so that
    /// they are small in a file, write [`Form::Qdq`](super::Form) of the result.
    pub weight_precision: WeightPrecision,
    /// The most bytes of the file that is written.
    pub file_bytes: Option<u64>,
    /// The bits of activations, 2 to 8. Inputs and outputs of the graph have eight.
    pub activation_bits: u8,
    /// How many scales the weights of a layer have.
    pub granularity: Granularity,
    /// How much is tried for accuracy.
    pub effort: Effort,
    /// The most accuracy that may be lost; nodes go back to float until it is.
    pub accuracy_drop: Option<AccuracyDrop>,
    /// The number of examples, from the first, on which the error of each layer is measured. They are kept in memory until
    /// then.
    pub measured: usize,
    /// The limits of the graphs that run on the examples.
    pub limits: Limits,
    /// A file in which is kept what is found on the way. If the quantization is interrupted and begun again with the same file, it goes
    /// on from there, to the same result. It belongs to one model with one set of options and examples, and is left there in the end:
    /// remove it once the result is saved.
    pub resume: Option<PathBuf>,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        Self {
            method: CalibrationMethod::Percentile(99.99),
            float: BTreeMap::new(),
            measure_speed: false,
            weights: WeightRange::default(),
            weight_precision: WeightPrecision::default(),
            file_bytes: None,
            activation_bits: 8,
            granularity: Granularity::default(),
            effort: Effort::default(),
            accuracy_drop: None,
            measured: 4,
            limits: Limits::default(),
            resume: None,
        }
    }
}

impl QuantizeOptions {
    /// Whether layers have weights of two precisions.
    pub(super) fn is_mixed(&self) -> bool {
        let is_limited = self.accuracy_drop.is_some() || self.file_bytes.is_some();
        is_limited && self.weight_precision != WeightPrecision::EIGHT
    }

    /// The precision that layers have which are not chosen to have another.
    pub(super) fn common_precision(&self) -> WeightPrecision {
        if self.is_mixed() { WeightPrecision::EIGHT } else { self.weight_precision }
    }

    /// The greatest integer of activations.
    pub(super) fn greatest_activation(&self) -> u8 {
        u8::MAX >> 8u8.saturating_sub(self.activation_bits).min(6)
    }
}

/// The progress of [`quantize`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A pass begins.
    Pass(&'static str),
    /// The number of activations whose ranges were tried, of how many, at [`Effort::High`].
    Searched {
        /// Those tried.
        done: usize,
        /// All.
        of: usize,
    },
    /// The number of examples observed.
    Observed(usize),
    /// The number of examples on which the error of the layers was measured.
    Measured(usize),
}

/// Quantizes the float graph `graph`. The result has the same inputs and outputs, with activations and weights in bytes,
/// in ONNX's QDQ form.
///
/// A graph that is given by value is dropped as soon as its weights are part of others, which takes less memory.
///
/// `examples` are inputs like the model's real ones, each a tensor for every input of the graph, in the graph's order. The
/// float graph runs on them one by one to observe the ranges of its activations.
///
/// The passes: `strip_unused_nodes`, `remove_nodes`, `fold_constants`, `cancel_transposes`, `fold_batch_norms`, `fold_scales`,
/// `strip_unused_nodes` for the weights that were folded, `sort_by_execution_order`, calibration, `quantize_weights`,
/// `quantize_nodes`, `pin_float_layers`, `strip_unused_nodes` for the float weights, `sort_by_execution_order`.
///
/// # Errors
///
/// The first error among the examples, of the caller's own type; converted to that type, a file to resume from that belongs to something
/// else or is given with `measure_speed`, and every error of a pass or the calibration: no example at all, weights or activations that are not
/// finite (with the node and the value), a graph that is quantized already or contains operators that cannot run.
pub fn quantize<'g, D: Dataset + ?Sized>(
    graph: impl Into<Cow<'g, Graph>>,
    examples: &D,
    options: &QuantizeOptions,
    progress: impl FnMut(Progress),
) -> Result<(Graph, QuantizeReport), D::Error> {
    quantize_with(graph, examples, options, &[], progress)
}

/// As [`quantize`], with aids to accuracy of one's own, which are tried after those of the options.
///
/// # Errors
///
/// Those of [`quantize`], and of the aids.
pub fn quantize_with<'g, D: Dataset + ?Sized>(
    graph: impl Into<Cow<'g, Graph>>,
    examples: &D,
    options: &QuantizeOptions,
    aids: &[&dyn Aid],
    mut progress: impl FnMut(Progress),
) -> Result<(Graph, QuantizeReport), D::Error> {
    let graph = graph.into();
    check(&graph, options)?;
    options.accuracy_drop.as_ref().map_or(Ok(()), |allowed| allowed.validate(examples.len()))?;
    let bytes_before = report::bytes(&graph);
    let callers = if let Cow::Borrowed(graph) = graph { Some(graph) } else { None };
    let float = simplified(graph.into_owned(), &mut progress)?;
    let limits = &options.limits;
    let constants = constants_of(callers.into_iter().chain([&float]));
    let mut stay_float = options.float.clone();
    if options.measure_speed && !examples.is_empty() {
        progress(Progress::Pass("measure_speed"));
        let example = examples.example(0)?;
        stay_float = slower_in_eight_bits(&float, &named(&float, &example)?, stay_float, constants, limits)?;
    }
    let roles = Roles::keeping_float(&float, &stay_float)?;
    // What has a size only when the graph runs cannot be compared part by part.
    let is_limited = options.accuracy_drop.is_some() || options.file_bytes.is_some();
    let is_judged = (options.effort > Effort::None || is_limited || !aids.is_empty())
        && tail::parts(&float)?.1.is_empty();
    let (split, channels) = if !is_judged {
        (Split::without_judges(examples.len()), BTreeMap::new())
    } else {
        (Split::new(examples.len()), wanted_channels(&float, &roles, options)?)
    };
    let journal = match &options.resume {
        Some(path) => {
            let key = tune::key(&float, examples, options, (aids, &stay_float)).map_err(Fault::into_error)?;
            Journal::open(path, key)?
        }
        None => Journal::default(),
    };
    progress(Progress::Pass("calibrate"));
    let observation = Observation::of(
        float,
        (&roles, &channels),
        (examples, &split.calibrating),
        (constants, limits),
        &mut progress,
    )
    .map_err(Fault::into_error)?;
    let tuned = tune::tune(
        observation,
        roles,
        (examples, &split),
        options,
        (aids, &stay_float, constants, &journal),
        &mut progress,
    )
    .map_err(Fault::into_error)?;
    let Tuned { observation, plan, calibration, aids: tried, accuracy, precisions, untried } = tuned;
    let Observation { graph: mut float, seen } = observation;
    let mut warnings = warnings::of_examples(seen.inputs(), seen.flat_inputs());
    warnings.extend(untried.map(|reason| Warning::NotTuned { reason }));
    warnings.extend(warnings::of_activations(&float, &seen.extremes())?);
    let activations = report::activations(&seen, &plan);
    // Its memory is needed for what follows.
    drop(seen);

    let (eight_bit, cut) = to_eight_bits(float.clone(), &plan, &mut progress)?;
    warnings.extend(cut);

    let mut report = QuantizeReport::new(bytes_before, &float, &eight_bit, plan.roles(), calibration)?;
    report.activations = activations;
    report.aids = tried;
    report.accuracy = accuracy;
    report.precisions = precisions;
    let measured = options.measured.min(examples.len());
    if measured > 0 {
        progress(Progress::Pass("measure"));
        let kept: Vec<Vec<Tensor>> =
            (0..measured).map(|index| examples.example(index)).collect::<Result<_, _>>()?;
        let bytes = kept.iter().map(|example| bytes_of_example(example));
        let constants = constants_of(callers.into_iter().chain([&float, &eight_bit]));
        let held = bytes.fold(constants, u64::saturating_add);
        fix_inputs(&mut float, &kept);
        let measured = Meter::new(&mut float, &eight_bit, &plan, held, limits).and_then(|mut meter| {
            for (index, example) in kept.iter().enumerate() {
                meter.observe(&named(&float, example)?)?;
                progress(Progress::Measured(index + 1));
            }
            Ok(meter.finish())
        });
        match measured {
            Ok(layers) => {
                warnings.extend(warnings::of_layers(&float, &layers));
                report.layers = layers;
            }
            // The eight-bit graph is complete without it.
            Err(Error::OverLimit { needs, limit, .. }) => {
                warnings.push(Warning::NotMeasured { needs, limit });
            }
            Err(error) => return Err(error.into()),
        }
    }
    report.warnings = warnings;
    Ok((eight_bit, report))
}

/// An error if the graph or the options cannot be right, before anything is computed.
pub(super) fn check(graph: &Graph, options: &QuantizeOptions) -> Result<(), Error> {
    options.method.validate()?;
    options.weight_precision.validate()?;
    if !(2..=8).contains(&options.activation_bits) {
        let reason = format!("{} bits: activations have 2 to 8", options.activation_bits);
        return Err(Error::argument("activations", reason));
    }
    if options.measure_speed && options.resume.is_some() {
        let why = "nodes that stay float by measured times differ from run to run: leave out one of both";
        return Err(Error::argument("resume", why));
    }
    if options.file_bytes.is_some() && options.weight_precision.stored_bits() == 8 {
        let why = "weights of five to eight bits take a byte each in a file: give them fewer";
        return Err(Error::argument("file size", why));
    }
    graph.validate()?;
    check_weights(graph)?;
    if let Ok(types) = infer_shapes(graph, &ShapeOptions::default()) {
        check_outputs(graph, |name| types.get(name).map(Cow::Borrowed))?;
    }
    Ok(())
}

/// The passes over a float graph that come before its calibration.
pub(crate) fn simplified(mut float: Graph, mut progress: impl FnMut(Progress)) -> Result<Graph, Error> {
    type Pass = fn(Graph) -> Result<Graph, Error>;
    const PASSES: [(&str, Pass); 8] = [
        ("strip_unused_nodes", passes::strip_unused_nodes),
        ("remove_nodes", passes::remove_nodes),
        ("fold_constants", passes::fold_constants),
        ("cancel_transposes", passes::cancel_transposes),
        ("fold_batch_norms", passes::fold_batch_norms),
        ("fold_scales", passes::fold_scales),
        // For the weights that were folded.
        ("strip_unused_nodes", passes::strip_unused_nodes),
        ("sort_by_execution_order", passes::sort_by_execution_order),
    ];
    for (name, pass) in PASSES {
        progress(Progress::Pass(name));
        float = pass(float)?;
    }
    Ok(float)
}

/// The eight-bit form of a float graph, and what its weights give reason to warn of.
pub(super) fn to_eight_bits(
    float: Graph,
    plan: &Plan,
    mut progress: impl FnMut(Progress),
) -> Result<(Graph, Vec<Warning>), Error> {
    progress(Progress::Pass("quantize_weights"));
    let (graph, warnings) = passes::quantize_weights_and_warn(float, plan)?;
    progress(Progress::Pass("quantize_nodes"));
    let graph = passes::quantize_nodes(graph, plan)?;
    progress(Progress::Pass("pin_float_layers"));
    let graph = passes::pin_float_layers(graph)?;
    progress(Progress::Pass("strip_unused_nodes"));
    let graph = passes::strip_unused_nodes(graph)?;
    progress(Progress::Pass("sort_by_execution_order"));
    Ok((passes::sort_by_execution_order(graph)?, warnings))
}

/// An error if the weights of a node are not finite. Checked before the passes change names and before the weights are
/// used.
fn check_weights(graph: &Graph) -> Result<(), Error> {
    for node in &graph.nodes {
        if weight_axis(node)?.is_none() && !node.is(&batch_normalization::OP) {
            continue;
        }
        for (name, tensor) in node.inputs.iter().filter_map(|name| Some((name, graph.constants.get(name)?))) {
            let Ok(values) = tensor.as_f32() else { continue };
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                return Err(Error::node(
                    node,
                    format!(
                        "weights {}: element {index} is {}: train or export the model again",
                        quoted(name),
                        values[index]
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Closes the dimensions of the inputs that all `examples` have in common: one plan then serves all, and the weights from which
/// it was made are not needed for others.
fn fix_inputs(graph: &mut Graph, examples: &[Vec<Tensor>]) {
    for (index, input) in graph.inputs.iter_mut().enumerate() {
        let mut shapes = examples.iter().filter_map(|example| example.get(index)).map(Tensor::shape);
        if let Some(first) = shapes.next()
            && shapes.all(|shape| shape == first)
        {
            input.shape = first.iter().copied().map(Some).collect();
        }
    }
}

/// The bytes of an example's tensors.
pub(super) fn bytes_of_example(example: &[Tensor]) -> u64 {
    example.iter().map(bytes_of_tensor).sum()
}

/// An example's tensors with the names of the graph's inputs.
pub(crate) fn named<'a>(
    graph: &'a Graph,
    example: &'a [Tensor],
) -> Result<Vec<(&'a str, &'a Tensor)>, Error> {
    if example.len() != graph.inputs.len() {
        return Err(Error::argument(
            "calibration set",
            format!("an example has {} tensors, the graph has {} inputs", example.len(), graph.inputs.len()),
        ));
    }
    Ok(graph.inputs.iter().map(|input| input.name.as_str()).zip(example).collect())
}
