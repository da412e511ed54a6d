//! `DepthToSpace`: groups of channels become blocks of pixels. The channels of a block's pixels are apart (`DCR`), or beside each
//! other (`CRD`).

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::blocks::{self, Order};
use super::shared::inputs::Inputs;
use crate::exec::builder::Builder;
use crate::exec::{self, blocks::Blocks};
use crate::{Error, Node, Tensor, TensorType, quoted};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 8, 2, 3])], &[("blocksize", Value::Int(2))]),
        Example::new(
            &[Input::Bytes(&[2, 8, 3, 1])],
            &[("blocksize", Value::Int(2)), ("mode", Value::Text("CRD"))],
        ),
    ],
    eight_bit: EightBit::MOVE,
    lower,
    ..Operator::new("DepthToSpace", "groups of channels as blocks of pixels", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, order(inputs.node, inputs.shape(0)?)?.shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    order(args.node(), args.tensor(0)?.shape())?.apply(args)
}

/// The channels of a pixel are neighbours in NHWC, unless they are beside each other.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    if node.string("mode", "DCR")? != "DCR" {
        return Ok(false);
    }
    exec::blocks::lower(builder, node, Blocks::ToPixels, blocks::size(node)?)
}

fn order(node: &Node, from: &[usize]) -> Result<Order, Error> {
    let [n, channels, height, width] = blocks::image(node, from)?;
    let size = blocks::size(node)?;
    if !channels.is_multiple_of(size * size) {
        return Err(Error::node(node, format!("{channels} channels do not make blocks of {size}×{size}")));
    }
    let rest = channels / (size * size);
    let (split, axes) = match node.string("mode", "DCR")? {
        "DCR" => ([n, size, size, rest, height, width], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, rest, size, size, height, width], [0, 1, 4, 2, 5, 3]),
        other => {
            return Err(Error::attribute(node, "mode", format!("{} is not DCR or CRD", quoted(other))));
        }
    };
    let too_large = || Error::node(node, format!("blocks of {size}×{size} make the output too large"));
    let larger = |side: usize| side.checked_mul(size).ok_or_else(too_large);
    Ok(Order { split, axes, shape: [n, rest, larger(height)?, larger(width)?] })
}
