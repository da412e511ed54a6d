//! How an operator takes part in an eight-bit graph. The quantizer, the fusing pass and the executor read it here.

use super::shared::operands::Operands;
use super::shared::quantized_value::QuantizedValue;
use super::shared::values::Values;
use crate::{Error, Node, Tensor};

/// What becomes of an operator in an eight-bit graph.
#[derive(Clone, Copy)]
pub(crate) enum EightBit {
    /// It stays float.
    Float,
    /// It reads or writes bytes itself: a graph that holds it is an eight-bit one already.
    Bytes,
    /// It computes on bytes: its output gets a range of its own.
    Compute(Compute),
    /// It cuts its input off at bounds: free inside the node before it, a table of 256 bytes elsewhere.
    Clamp(Bounds),
    /// Its outputs are elements of its first input: bytes go through unchanged.
    Move(Move),
    /// It looks at one element at a time, its other inputs being constants: a table of 256 bytes where bytes come in and
    /// go out.
    Table,
}

/// Why a node, of an operator that could take part, stays float; `None` if it does not.
pub(crate) type WhyFloat = fn(&Node, &Values<'_>) -> Result<Option<String>, Error>;

/// The axis of the output channels in the weights of a node, its input 1.
pub(crate) type WeightAxis = fn(&Node) -> Result<usize, Error>;

/// The bounds of a node that clamps, by the constants that the function finds; infinite where there is none, `None` if they
/// are not constant single floats, the lower one first.
pub(crate) type Bounds = for<'t> fn(&Node, &dyn Fn(&str) -> Option<&'t Tensor>) -> Option<(f32, f32)>;

/// Makes of a node one on bytes, which writes the bytes given: its operator, inputs and attributes. `None` if it has no such
/// form.
pub(crate) type OnBytes = fn(&Node, &mut Operands, &QuantizedValue) -> Result<Option<Node>, Error>;

/// See [`EightBit::Compute`].
#[derive(Clone, Copy)]
pub(crate) struct Compute {
    /// How many of the inputs, from the first on, are activations, or constants that stand in for one.
    pub(crate) data_inputs: usize,
    /// For operators whose input 1 is weights.
    pub(crate) weight_axis: Option<WeightAxis>,
    pub(crate) why_float: WhyFloat,
    pub(crate) on_bytes: OnBytes,
}

/// See [`EightBit::Move`].
#[derive(Clone, Copy)]
pub(crate) struct Move {
    pub(crate) why_float: WhyFloat,
    /// Makes the other inputs of a node fit the bytes that its first input has become; `false` if they cannot.
    pub(crate) on_bytes: fn(&mut Node, &QuantizedValue, &mut Operands) -> Result<bool, Error>,
}

impl EightBit {
    /// A move whose other inputs, if there are any, have nothing to do with the elements.
    pub(crate) const MOVE: Self =
        Self::Move(Move { why_float: |_, _| Ok(None), on_bytes: |_, _, _| Ok(true) });

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
