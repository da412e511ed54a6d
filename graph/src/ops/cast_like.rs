//! `CastLike`: `Cast` to the type of another tensor.

use super::cast;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::inputs::Inputs;
use crate::{Error, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 15,
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Integers(&[1])], &[]),
        Example::new(&[Input::Bytes(&[7]), Input::Float(1.0)], &[]),
    ],
    elementwise: true,
    output_type: |_, inputs| inputs.get(1).copied().flatten(),
    ..Operator::new("CastLike", "the elements as the type of another tensor", infer, |args| {
        Ok(vec![cast::converted(args.tensor(0)?, args.tensor(1)?.data_type())?])
    })
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(1, inputs.shape(0)?)
}
