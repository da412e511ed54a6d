//! Shared by operators that give the elements of their input another shape.

use super::super::eight_bit::EightBit;
use super::super::operator::Operator;
use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType};

/// The shape of an operator's output, named by a type because a function cannot be an argument of a constant.
pub(crate) trait Reshaping {
    /// The shape that `node` gives a tensor of shape `from`; `given` are the integers in input 1, if it is present.
    fn shape(node: &Node, from: &[usize], given: Option<&[i64]>) -> Result<Vec<usize>, Error>;
}

/// The operator that gives its input the shape of `R`.
pub(crate) const fn operator<R: Reshaping>(name: &'static str, summary: &'static str) -> Operator {
    Operator {
        eight_bit: EightBit::MOVE,
        lower: float::lower::rename,
        ..Operator::new(name, summary, infer::<R>, evaluate::<R>)
    }
}

fn infer<R: Reshaping>(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, R::shape(inputs.node, inputs.shape(0)?, inputs.integers(1)?)?)
}

fn evaluate<R: Reshaping>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (input, given) = (args.tensor(0)?, args.optional(1).map(Tensor::as_i64).transpose()?);
    Ok(vec![input.clone().reshape(R::shape(args.node(), input.shape(), given)?)?])
}
