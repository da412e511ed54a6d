//! `Min`.

use super::operator::Operator;
use super::shared::binary;
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| float::lower::binary(builder, node, Binary::Min),
    ..binary::many::<Min>("Min", "the least of all inputs")
};

binary::operation!(Min, |a, b| a.min(b));
