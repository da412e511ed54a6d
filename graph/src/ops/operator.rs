//! The definition of an operator, complete in one place.

use std::fmt;

use super::eight_bit::EightBit;
use super::example::Example;
use super::shared::arguments::Arguments;
use super::shared::expansion::Expand;
use super::shared::inputs::Inputs;
use super::shared::upgrade::{Constants, Upgrade};
use crate::exec::builder::{Builder, ColumnSlices};
use crate::{DataType, Error, Node, Tensor, TensorType};

/// An operator: its names, its meaning, its quantization and its lowering.
///
/// Each is a `static` in a file of its own under `ops/`; [`OPERATORS`](super::OPERATORS) lists them. No other code depends on an
/// operator, except passes about that operator.
#[derive(Clone, Copy)]
pub struct Operator {
    /// The name in ONNX.
    pub name: &'static str,
    /// The domains in which the name means this operator; the first is the one written to files. Empty is ONNX's own.
    pub domains: &'static [&'static str],
    /// The version of the first domain's operator set that introduced it.
    pub since: i64,
    /// What it computes, in a few words, for the documentation's table.
    pub summary: &'static str,
    /// Small nodes with inputs, on which the tests check the rules and kernels of the operator.
    pub examples: &'static [Example],
    /// The types of the outputs, in the operator's order, including those that the node leaves out.
    pub(crate) infer: Infer,
    /// The plain evaluation: the outputs, in the operator's order.
    pub(crate) evaluate: Evaluate,
    /// Its role in an eight-bit graph.
    pub(crate) eight_bit: EightBit,
    /// About how many numbers the plain evaluation reads for each element of the output, for operators that read many.
    pub(crate) reads: fn(&Inputs<'_>) -> usize,
    /// Whether each of these numbers is a factor of a product, as in convolutions and products of matrices.
    pub(crate) multiplies: bool,
    /// About the bytes that the plain evaluation takes for a while, beside copies of its inputs and outputs and three arrays of doubles
    /// as large as the largest of them, for operators that take more.
    pub(crate) passing: fn(&Inputs<'_>) -> u64,
    /// Adds a step with a kernel to the executor's plan; `false` where there is no kernel for the node.
    pub(crate) lower: fn(&mut Builder<'_>, &Node) -> Result<bool, Error>,
    /// Rewrites a node of an older operator set for operator set 13.
    pub(crate) upgrade: Upgrade,
    /// The nodes of other operators that a node means, which replace it when a file is read.
    pub(crate) expand: Option<Expand>,
    /// Whether each output element depends on one element of the first input, so that the layout does not matter.
    pub(crate) elementwise: bool,
    /// Whether each output element depends on one element of each input, which are broadcast.
    pub(crate) broadcasts: bool,
    /// The type of its first output by the types of its inputs, for graphs whose shapes are open.
    pub(crate) output_type: fn(&Node, &[Option<DataType>]) -> Option<DataType>,
    /// The outputs of an operator that depends on the types and shapes of its inputs alone.
    pub(crate) from_types: Option<FromTypes>,
    /// The inputs whose elements decide the sizes of the outputs, for operators that count elements: unless these inputs are known,
    /// the executor's plan ends before the node.
    pub(crate) sizes_from: &'static [usize],
    /// The column slices of the output that equal inputs, so that the steps that compute the inputs can write there.
    pub(crate) column_slices: Option<FindColumnSlices>,
    /// Whether the only output of a node is its first input, so that no step computes it.
    pub(crate) copies: fn(&Node) -> bool,
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
    /// An operator of ONNX's own domain that stays float in eight-bit graphs, runs by the plain evaluator, and has the same
    /// meaning in every operator set. Its output has the type of its first input. Other fields override these defaults.
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
            reads: |_| 1,
            multiplies: false,
            passing: |_| 0,
            lower: |_, _| Ok(false),
            upgrade: |node, _, _: &mut Constants<'_>| Ok(vec![node]),
            expand: None,
            elementwise: false,
            broadcasts: false,
            output_type: |_, inputs| inputs.first().copied().flatten(),
            from_types: None,
            sizes_from: &[],
            column_slices: None,
            copies: |_| false,
        }
    }

    /// Its role in an eight-bit graph, in a word: `computes`, `clamps`, `moves`, `table`, `float`, `bytes` for
    /// an operator of eight-bit graphs, or `replaced` for one that means other operators.
    pub fn eight_bit(&self) -> &'static str {
        if self.expand.is_some() { "replaced" } else { self.eight_bit.word() }
    }

    /// The outputs of `node`, a node of this operator, that can become bytes: the first, or all where all are elements of the first
    /// input.
    pub(crate) fn data_outputs<'n>(&self, node: &'n Node) -> impl Iterator<Item = &'n str> + use<'n> {
        let count = match self.eight_bit {
            EightBit::Move(how) if how.every_output => node.outputs.len(),
            _ => 1,
        };
        (0..count).filter_map(|index| node.output(index))
    }

    /// Whether it reads or writes bytes itself: a graph with it is already an eight-bit graph.
    pub fn is_eight_bit(&self) -> bool {
        matches!(self.eight_bit, EightBit::Bytes)
    }
}

/// Formats the name.
impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
