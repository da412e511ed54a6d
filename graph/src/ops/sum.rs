//! `Sum`.

use super::operator::Operator;
use super::shared::binary;

pub(crate) static OP: Operator = binary::many::<Sum>("Sum", "the sum of all inputs");

binary::operation!(Sum, |a, b| a.add(b));
