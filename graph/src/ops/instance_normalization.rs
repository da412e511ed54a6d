//! `InstanceNormalization`: each channel of each image has a mean and a variance of its own.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::channel_normalization;
use super::shared::normalization::epsilon;
use crate::exec::float::normalize;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4, 5]), Input::Weights(&[3]), Input::Weights(&[3])], &[]),
        Example::new(&[Input::Floats(&[1, 2, 7]), Input::Weights(&[2]), Input::Weights(&[2])], &[]),
    ],
    lower: |builder, node| normalize::instances(builder, node, epsilon(node, 1e-5)?),
    ..Operator::new(
        "InstanceNormalization",
        "scale · (x − mean) / √(variance + epsilon) + bias by image and channel",
        channel_normalization::infer,
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let channels = channel_normalization::channels(args.node(), args.tensor(0)?.shape())?;
    channel_normalization::evaluate(args, channels)
}
