//! `Max`.

use super::operator::Operator;
use super::shared::binary;
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| float::lower::binary(builder, node, Binary::Max),
    ..binary::many::<Max>("Max", "the greatest of all inputs")
};

binary::operation!(Max, |a, b| a.max(b));
