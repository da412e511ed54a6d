//! The role of an operator in an eight-bit graph, which the quantizer, the fusing pass and the executor read.

use super::shared::operands::Operands;
use super::shared::quantized_value::QuantizedValue;
use super::shared::values::Values;
use crate::{Error, Node, Tensor};

/// The role of an operator in an eight-bit graph.
#[derive(Clone, Copy)]
pub(crate) enum EightBit {
    /// It stays float.
    Float,
    /// It reads or writes bytes itself: a graph with it is already an eight-bit graph.
    Bytes,
    /// It computes on bytes: its output has a range of its own.
    Compute(Compute),
    /// It clamps its input: free when fused into the node before it, a table of 256 bytes elsewhere.
    Clamp(Bounds),
    /// Its first output, or all of them, are elements of its first input: bytes pass unchanged.
    Move(Move),
    /// It is elementwise and its other inputs are constants: a table of 256 bytes where its input and output are bytes.
    Table,
}

/// The reason why a node of an operator with an eight-bit role stays float; `None` if it does not.
pub(crate) type WhyFloat = fn(&Node, &Values<'_>) -> Result<Option<String>, Error>;

/// The axis of the output channels in the weights of a node, its input 1.
pub(crate) type WeightAxis = fn(&Node) -> Result<usize, Error>;

/// The bounds of a clamping node, lower one first, from the constants that the function finds; infinite where there is none,
/// `None` if they are not constant single floats in order.
pub(crate) type Bounds = for<'t> fn(&Node, &dyn Fn(&str) -> Option<&'t Tensor>) -> Option<(f32, f32)>;

/// Converts a node to one on bytes that writes the given quantized value, or floats if there is none: its operator, inputs and
/// attributes. `None` if it has no such form.
pub(crate) type OnBytes = fn(&Node, &mut Operands, Option<&QuantizedValue>) -> Result<Option<Node>, Error>;

/// See [`EightBit::Compute`].
#[derive(Clone, Copy)]
pub(crate) struct Compute {
    /// The number of leading inputs that are activations, or constants in the place of one. Weights are not counted.
    pub(crate) data_inputs: usize,
    /// For operators whose input 1 is weights, if it is constant.
    pub(crate) weight_axis: Option<WeightAxis>,
    pub(crate) why_float: WhyFloat,
    pub(crate) on_bytes: OnBytes,
}

/// See [`EightBit::Move`].
#[derive(Clone, Copy)]
pub(crate) struct Move {
    pub(crate) why_float: WhyFloat,
    /// Adapts the other inputs of a node to the quantized first input; `false` if that is impossible.
    pub(crate) on_bytes: fn(&mut Node, &QuantizedValue, &mut Operands) -> Result<bool, Error>,
    /// Whether all outputs are elements of the first input; otherwise the first output alone is.
    pub(crate) every_output: bool,
}

impl EightBit {
    /// A move to the first output; other inputs, if any, are independent of the elements.
    pub(crate) const MOVE: Self = Self::moves(false);

    /// A move to all outputs; other inputs, if any, are independent of the elements.
    pub(crate) const MOVE_TO_ALL: Self = Self::moves(true);

    const fn moves(every_output: bool) -> Self {
        Self::Move(Move { why_float: |_, _| Ok(None), on_bytes: |_, _, _| Ok(true), every_output })
    }

    /// See [`Operator::eight_bit`](super::Operator::eight_bit).
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Bytes => "bytes",
            Self::Compute(_) => "computes",
            Self::Clamp(_) => "clamps",
            Self::Move(_) => "moves",
            Self::Table => "table",
        }
    }
}

/// The axis of the output channels in the weights of a product, its input 1; `None` for nodes without weights.
pub(crate) fn weight_axis(node: &Node) -> Result<Option<usize>, Error> {
    let axis = node.operator().and_then(|operator| match operator.eight_bit {
        EightBit::Compute(compute) => compute.weight_axis,
        _ => None,
    });
    axis.map(|axis| axis(node)).transpose()
}
