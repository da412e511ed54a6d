//! `SpaceToDepth`: blocks of pixels become groups of channels.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::blocks::{self, Order};
use super::shared::inputs::Inputs;
use crate::exec::{self, blocks::Blocks};
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 6])], &[("blocksize", Value::Int(2))]),
        Example::new(&[Input::Bytes(&[2, 1, 3, 3])], &[("blocksize", Value::Int(3))]),
    ],
    eight_bit: EightBit::MOVE,
    lower: |builder, node| exec::blocks::lower(builder, node, Blocks::ToChannels, blocks::size(node)?),
    ..Operator::new("SpaceToDepth", "blocks of pixels as groups of channels", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, order(inputs.node, inputs.shape(0)?)?.shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    order(args.node(), args.tensor(0)?.shape())?.apply(args)
}

fn order(node: &Node, from: &[usize]) -> Result<Order, Error> {
    let [n, channels, height, width] = blocks::image(node, from)?;
    let size = blocks::size(node)?;
    let deeper = channels.checked_mul(size * size);
    let Some(deeper) = deeper.filter(|_| height.is_multiple_of(size) && width.is_multiple_of(size)) else {
        return Err(Error::node(
            node,
            format!("an image of {height}×{width} has no blocks of {size}×{size}"),
        ));
    };
    let (rows, columns) = (height / size, width / size);
    Ok(Order {
        split: [n, channels, rows, size, columns, size],
        axes: [0, 3, 5, 1, 2, 4],
        shape: [n, deeper, rows, columns],
    })
}
