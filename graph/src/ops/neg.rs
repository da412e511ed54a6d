//! `Neg`.

use super::operator::Operator;
use super::shared::unary::{self, Signed, signed_numbers};

pub(crate) static OP: Operator =
    unary::operator("Neg", "−x", |args| signed_numbers!(args, Signed::negative));
