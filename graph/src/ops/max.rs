//! `Max`.

use super::operator::Operator;
use super::shared::binary;

pub(crate) static OP: Operator = binary::many::<Max>("Max", "the greatest of all inputs");

binary::operation!(Max, |a, b| a.max(b));
