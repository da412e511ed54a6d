//! `PRelu`: the slope is broadcast to the input, not the reverse.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::indexing::{Offsets, broadcast, broadcast_strides};
use super::shared::inputs::Inputs;
use super::shared::upgrade::{ALIGNED_AXIS, Constants};
use crate::exec::float::{self, Binary};
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Weights(&[3, 1, 1])], &[])],
    lower: |builder, node| float::lower::binary(builder, node, Binary::Slope),
    upgrade,
    broadcasts: true,
    ..Operator::new("PRelu", "x where it is not negative, slope · x elsewhere", infer, evaluate)
};

fn check(node: &Node, x: &[usize], slope: &[usize]) -> Result<(), Error> {
    if broadcast(x, slope).as_deref() == Some(x) {
        return Ok(());
    }
    Err(Error::node(node, format!("a slope of shape {slope:?} for an input of shape {x:?}")))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    check(inputs.node, &x.shape, inputs.shape(1)?)?;
    Ok(vec![x.clone()])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (input, slope) = (args.tensor(0)?, args.tensor(1)?);
    check(args.node(), input.shape(), slope.shape())?;
    let offsets = Offsets::new(input.shape(), &broadcast_strides(slope.shape(), input.shape()));
    let (x, slope) = (input.as_f32()?, slope.as_f32()?);
    let y: Vec<f32> = x.iter().zip(offsets).map(|(&x, at)| if x < 0.0 { slope[at] * x } else { x }).collect();
    Ok(vec![Tensor::new(input.shape(), y)?])
}

/// Before operator set 7, a slope with several elements had one for each channel.
fn upgrade(node: Node, version: i64, _: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    Ok(vec![if version < 7 { node.with(ALIGNED_AXIS, 1i64) } else { node }])
}
