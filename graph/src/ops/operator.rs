//! What is known of an operator: everything, in one place.

use std::fmt;

use super::eight_bit::EightBit;
use super::example::Example;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::upgrade::{Constants, Upgrade};
use crate::exec::builder::{Builder, ColumnSlices};
use crate::{DataType, Error, Node, Tensor, TensorType};

/// An operator: its names, what it means, how it is quantized and how it is run.
///
/// Each is a `static` in a file of its own under `ops/`; [`OPERATORS`](super::OPERATORS) lists them. Nothing about an
/// operator is known anywhere else, except in passes that are about that operator.
#[derive(Clone, Copy)]
pub struct Operator {
    /// The name, as ONNX writes it.
    pub name: &'static str,
    /// The domains in which the name means this operator; the first is the one that is written. Empty is ONNX's own.
    pub domains: &'static [&'static str],
    /// The version of the first domain's operator set that brought it.
    pub since: i64,
    /// What it computes, in a few words: a row of the documentation's table.
    pub summary: &'static str,
    /// Small nodes with inputs. The tests hold the rules and the kernels of the operator to them.
    pub examples: &'static [Example],
    /// The types of the outputs, in the operator's order; also of those that the node leaves out.
    pub(crate) infer: Infer,
    /// The plain meaning: the outputs, in the operator's order.
    pub(crate) evaluate: Evaluate,
    /// What becomes of it in an eight-bit graph.
    pub(crate) eight_bit: EightBit,
    /// Adds a step with a faster kernel to the executor's plan; `false` where it has none for the node.
    pub(crate) lower: fn(&mut Builder<'_>, &Node) -> Result<bool, Error>,
    /// Rewrites a node of an older operator set for operator set 13.
    pub(crate) upgrade: Upgrade,
    /// Whether it looks at one element of its first input at a time, so that the order of the elements does not matter.
    pub(crate) elementwise: bool,
    /// The type of its first output by the types of its inputs, for graphs whose shapes are open.
    pub(crate) output_type: fn(&Node, &[Option<DataType>]) -> Option<DataType>,
    /// The outputs of an operator that looks at nothing but the types of its inputs.
    pub(crate) from_types: Option<FromTypes>,
    /// Where in the output the inputs are kept as they are, for the steps that make them to write them there.
    pub(crate) column_slices: Option<FindColumnSlices>,
}

/// See [`Operator::infer`].
pub(crate) type Infer = fn(&Inputs<'_>) -> Result<Vec<TensorType>, Error>;

/// See [`Operator::evaluate`].
pub(crate) type Evaluate = fn(&Arguments<'_>) -> Result<Vec<Tensor>, Error>;

/// See [`Operator::from_types`].
pub(crate) type FromTypes = fn(&Inputs<'_>) -> Result<Vec<Tensor>, Error>;

/// See [`Operator::column_slices`].
pub(crate) type FindColumnSlices = for<'g> fn(&Builder<'g>, &'g Node) -> Result<ColumnSlices<'g>, Error>;

impl Operator {
    /// An operator of ONNX's own domain that stays float in eight-bit graphs, runs by its plain meaning, and has meant the
    /// same in every operator set. Its output is of the type of its first input. What differs is overwritten.
    pub(crate) const fn new(
        name: &'static str,
        summary: &'static str,
        infer: Infer,
        evaluate: Evaluate,
    ) -> Self {
        Self {
            name,
            domains: &[""],
            since: 1,
            summary,
            examples: &[],
            infer,
            evaluate,
            eight_bit: EightBit::Float,
            lower: |_, _| Ok(false),
            upgrade: |node, _, _: &mut Constants<'_>| Ok(vec![node]),
            elementwise: false,
            output_type: |_, inputs| inputs.first().copied().flatten(),
            from_types: None,
            column_slices: None,
        }
    }

    /// What becomes of it in an eight-bit graph, in a word: `computes`, `clamps`, `moves`, `table`, `float`, or `bytes` for
    /// an operator of eight-bit graphs.
    pub fn eight_bit(&self) -> &'static str {
        self.eight_bit.word()
    }

    /// Whether it reads or writes bytes itself: a graph that holds it is an eight-bit one already.
    pub fn is_eight_bit(&self) -> bool {
        matches!(self.eight_bit, EightBit::Bytes)
    }
}

/// The name says it all.
impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
