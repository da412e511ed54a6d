//! `Clip`: `min(max(x, low), high)`. If the bounds are reversed, the upper one wins.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::unary;
use super::shared::upgrade::Constants;
use crate::exec::{float, integer};
use crate::{Element, Error, Node, Tensor, TensorData};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Float(-0.5), Input::Float(1.0)], &[]),
        Example::new(&[Input::Floats(&[6]), Input::Absent, Input::Float(1.0)], &[]),
    ],
    eight_bit: EightBit::Clamp(bounds),
    lower: |builder, node| {
        Ok(float::lower::clamp(builder, node)? || integer::elementwise::clip(builder, node)?)
    },
    upgrade,
    ..unary::operator("Clip", "min(max(x, low), high)", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn bounded<T: Element + PartialOrd>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let (low, high) = (args.optional_scalar::<T>(1)?, args.optional_scalar::<T>(2)?);
        unary::map(args.tensor(0)?, x, |x| {
            let x = low.filter(|&low| x < low).unwrap_or(x);
            high.filter(|&high| x > high).unwrap_or(x)
        })
    }
    by_number!(args, args.tensor(0)?, bounded)
}

fn bounds<'t>(node: &Node, constant: &dyn Fn(&str) -> Option<&'t Tensor>) -> Option<(f32, f32)> {
    let bound = |index: usize, open: f32| match node.input(index) {
        None => Some(open),
        Some(name) => constant(name)?.to_scalar::<f32>().ok(),
    };
    let (low, high) = (bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?);
    (low <= high).then_some((low, high))
}

/// The constant bounds of a `Clip` of bytes.
pub(crate) fn byte_bounds<'t>(
    node: &Node,
    constant: &dyn Fn(&str) -> Option<&'t Tensor>,
) -> Option<(i32, i32)> {
    let bound = |index: usize, open: i32| match node.input(index) {
        None => Some(open),
        Some(name) => match constant(name)?.data() {
            TensorData::U8(bound) if bound.len() == 1 => Some(bound[0].into()),
            TensorData::I8(bound) if bound.len() == 1 => Some(bound[0].into()),
            _ => None,
        },
    };
    Some((bound(1, i32::MIN)?, bound(2, i32::MAX)?))
}

/// `min` and `max` became inputs with operator set 11.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 11 {
        let (min, max) = (node.float("min", f32::MIN)?, node.float("max", f32::MAX)?);
        for (what, value) in [("min", min), ("max", max)] {
            let name = constants.add(&node, what, Tensor::scalar(value));
            node.attributes.remove(what);
            node.inputs.push(name);
        }
    }
    Ok(vec![node])
}
