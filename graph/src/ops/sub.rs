//! `Sub`.

use super::operator::Operator;
use super::shared::binary;

pub(crate) static OP: Operator = binary::two::<Sub>("Sub", "a − b");

binary::operation!(Sub, |a, b| a.sub(b));
