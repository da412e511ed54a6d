//! `Xor`.

use super::operator::Operator;
use super::shared::logical;

pub(crate) static OP: Operator =
    logical::operator("Xor", "whether one is true and the other is not", |args| {
        logical::booleans(args, |a, b| a != b)
    });
