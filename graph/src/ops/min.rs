//! `Min`.

use super::operator::Operator;
use super::shared::binary;

pub(crate) static OP: Operator = binary::many::<Min>("Min", "the least of all inputs");

binary::operation!(Min, |a, b| a.min(b));
