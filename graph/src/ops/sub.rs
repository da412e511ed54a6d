//! `Sub`.

use super::operator::Operator;
use super::shared::binary;
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| float::lower::binary(builder, node, Binary::Sub),
    ..binary::two::<Sub>("Sub", "a − b")
};

binary::operation!(Sub, |a, b| a.sub(b));
