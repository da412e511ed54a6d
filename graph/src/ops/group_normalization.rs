//! `GroupNormalization`: each group of channels of each image has a mean and a variance of its own. Operator set 18 has a scale
//! for each group, 21 one for each channel.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::channel_normalization;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 18,
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 4, 3, 2]), Input::Weights(&[4]), Input::Weights(&[4])],
            &[("num_groups", Value::Int(2))],
        ),
        Example::new(
            &[Input::Floats(&[1, 6, 5]), Input::Weights(&[3]), Input::Weights(&[3])],
            &[("num_groups", Value::Int(3))],
        ),
    ],
    ..Operator::new(
        "GroupNormalization",
        "scale · (x − mean) / √(variance + epsilon) + bias by image and group of channels",
        channel_normalization::infer,
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let groups = args.node().optional_int("num_groups")?;
    let groups = groups.and_then(|groups| usize::try_from(groups).ok());
    let groups =
        groups.ok_or_else(|| Error::attribute(args.node(), "num_groups", "is no number of groups"))?;
    channel_normalization::evaluate(args, groups)
}
