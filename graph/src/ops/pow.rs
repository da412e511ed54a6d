//! `Pow`: the exponents may be of another type than the result.

use super::cast;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::{self, broadcast_of};
use super::shared::inputs::Inputs;
use super::shared::upgrade;
use crate::exec::builder::Builder;
use crate::exec::float::mapped::{self, Mapped};
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Positive(&[1, 3, 4, 5]), Input::Floats(&[1, 3, 4, 5])], &[]),
        Example::new(&[Input::Positive(&[2, 1, 4]), Input::Float(2.0)], &[]),
        Example::new(&[Input::Positive(&[2, 3]), Input::Integers(&[3, 2, 1])], &[]),
    ],
    upgrade: upgrade::broadcast,
    broadcasts: true,
    lower,
    ..Operator::new("Pow", "aᵇ", infer, evaluate)
};

/// Squares, whose exponent is one constant.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let exponent = builder.constant_input(node, 1).filter(|exponent| exponent.rank() == 0);
    let is_square = exponent.is_some_and(|exponent| matches!(exponent.as_f32(), Ok([2.0])));
    Ok(is_square && mapped::lower(builder, node, Mapped::Square)?)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    if a.data_type == b.data_type {
        return binary::infer_two(inputs);
    }
    inputs.like(0, broadcast_of(inputs.node, &a.shape, &b.shape)?)
}

/// Numbers of different types are raised as `f64`.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (args.tensor(0)?, args.tensor(1)?);
    let types = [a.data_type(), b.data_type()];
    if types[0] == types[1] || types.contains(&DataType::Bool) {
        return binary::evaluate_two::<Pow>(args);
    }
    let [a, b] = [cast::converted(a, DataType::F64)?, cast::converted(b, DataType::F64)?];
    let powers = binary::evaluate_two::<Pow>(&Arguments::new(args.node(), &[Some(&a), Some(&b)]))?;
    powers.iter().map(|powers| cast::converted(powers, types[0])).collect()
}

binary::operation!(Pow, |a, b| a.pow(b));
