//! Nodes run by the plain evaluator: those that read constants alone, at once; those without a kernel, in a step.

use super::builder::Builder;
use super::scratch::Scratch;
use super::step::{StepContext, StepKernel, StepKind};
use super::value::Layout;
use crate::limits::bytes_of;
use crate::ops::evaluate::{evaluate, evaluate_known, is_known, work};
use crate::{DataType, Error, Node, Tensor, TensorType};

/// Arrays of doubles, as large as the largest value of a node, that the plain evaluator makes at most beside the outputs.
const PASSING_DOUBLES: u64 = 3;

/// Evaluates a node whose inputs are all constants, that depends on their types alone, or whose outputs have no elements;
/// `false` for all others, and for a product that a kernel computes much faster.
pub(crate) fn fold<'g>(builder: &mut Builder<'g>, node: &'g Node) -> Result<bool, Error> {
    if builder.is_folded(node) {
        return Ok(true);
    }
    let outputs = builder.output_types(node);
    let bytes = outputs.iter().fold(0u64, |sum, (_, of)| sum.saturating_add(bytes_of(of)));
    if bytes == 0 {
        // No element has to be computed, whatever the inputs are.
        for (name, of) in outputs {
            builder.fold(name, Tensor::zeros(of.shape, of.data_type)?);
        }
        return Ok(true);
    }
    let types: Vec<TensorType> = outputs.into_iter().map(|(_, of)| of).collect();
    let inputs = builder.inputs(node)?;
    if !is_known(&inputs) || !builder.count_work(work(&inputs, &types)) {
        return Ok(false);
    }
    builder.count_constants(bytes)?;
    let results = evaluate_known(&builder.inputs(node)?)?.unwrap_or_default();
    for (index, tensor) in results.into_iter().enumerate() {
        if let Some(name) = node.output(index) {
            builder.fold(name, tensor);
        }
    }
    Ok(true)
}

/// The longest chain of nodes that [`fold_sources`] follows: weights that are quantized and transposed have two.
const MAX_SOURCES: usize = 8;

/// Whether a value is a constant; folds the nodes that it comes from now, if they read constants alone, although their turn may come later.
pub(crate) fn fold_sources<'g>(builder: &mut Builder<'g>, value: &str) -> Result<bool, Error> {
    fn fold_chain<'g>(builder: &mut Builder<'g>, value: &str, left: usize) -> Result<bool, Error> {
        if builder.constant(value).is_some() {
            return Ok(true);
        }
        let Some(node) = builder.producer(value).filter(|_| left > 0) else { return Ok(false) };
        for input in node.inputs.iter().filter(|input| !input.is_empty()) {
            if !fold_chain(builder, input, left - 1)? {
                return Ok(false);
            }
        }
        Ok(fold(builder, node)? && builder.constant(value).is_some())
    }
    fold_chain(builder, value, MAX_SOURCES)
}

/// Adds a step that runs `node` by the plain evaluator, and records why. With `any_layout`, which is for elementwise
/// operators, the elements keep their present layout.
pub(crate) fn push(
    builder: &mut Builder<'_>,
    node: &Node,
    why: &'static str,
    any_layout: bool,
) -> Result<(), Error> {
    let layout = match node.input(0) {
        Some(input) if any_layout => builder.layout_of(input),
        _ => Layout::Plain,
    };
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for index in 0..node.inputs.len() {
        let layout = if index == 0 { layout } else { Layout::Plain };
        inputs.push(node.input(index).map(|name| builder.read(name, layout)).transpose()?);
    }
    let written: Vec<usize> = (0..node.outputs.len()).filter(|&at| node.output(at).is_some()).collect();
    let mut outputs = Vec::with_capacity(written.len());
    for &index in &written {
        outputs.push(builder.define(&node.outputs[index], layout)?);
    }
    // The step copies its inputs, and computes outputs before it stores them.
    let (mut bytes, mut largest) = (0u64, 0);
    for name in node.inputs.iter().chain(&node.outputs).filter(|name| !name.is_empty()) {
        let of = builder.type_of(name)?;
        bytes = bytes.saturating_add(bytes_of(of));
        largest = largest.max(bytes_of(&TensorType::new(DataType::F64, of.shape.as_slice())));
    }
    let own = match node.operator() {
        Some(operator) => (operator.passing)(&builder.inputs(node)?),
        None => 0,
    };
    bytes = bytes.saturating_add(PASSING_DOUBLES.saturating_mul(largest));
    builder.count_passing(bytes.saturating_add(own));
    let kernel = Fallback { node: node.clone(), written, why };
    builder.push(node, inputs, outputs, Box::new(kernel));
    Ok(())
}

/// Runs a node by [`ops::evaluate`]. Allocates.
#[derive(Debug)]
pub(crate) struct Fallback {
    pub(crate) node: Node,
    /// The node's outputs that have names.
    pub(crate) written: Vec<usize>,
    pub(crate) why: &'static str,
}

impl StepKernel for Fallback {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        self.compute(context)
    }

    fn kind(&self) -> StepKind {
        StepKind::Plain
    }

    fn describe(&self) -> String {
        format!("{}: plain loops: {}", self.node.op, self.why)
    }
}

impl Fallback {
    /// Computes the outputs of the step.
    pub(crate) fn compute(&self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let inputs = context.tensors()?;
        let inputs: Vec<Option<&Tensor>> = inputs.iter().map(Option::as_ref).collect();
        let results = evaluate(&self.node, &inputs)?;
        for (index, &output) in self.written.iter().enumerate() {
            let Some(tensor) = results.get(output) else {
                return Err(context.error(format!("has no output {output}")));
            };
            context.store(index, tensor)?;
        }
        Ok(())
    }
}
