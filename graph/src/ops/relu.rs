//! `Relu`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::shared::unary::{self, Signed, signed_numbers};
use crate::exec::float;

pub(crate) static OP: Operator = Operator {
    eight_bit: EightBit::Clamp(|_, _| Some((0.0, f32::INFINITY))),
    lower: float::lower::clamp,
    ..unary::operator("Relu", "max(x, 0)", |args| signed_numbers!(args, positive))
};

/// A comparison, not `max`: NaN stays NaN.
fn positive<T: Signed>(x: T) -> T {
    if x < T::default() { T::default() } else { x }
}
