//! `Abs`.

use super::operator::Operator;
use super::shared::unary::{self, Signed, signed_numbers};

pub(crate) static OP: Operator =
    unary::operator("Abs", "the magnitude", |args| signed_numbers!(args, Signed::magnitude));
