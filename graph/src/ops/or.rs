//! `Or`.

use super::operator::Operator;
use super::shared::logical;

pub(crate) static OP: Operator =
    logical::operator("Or", "whether one is true", |args| logical::booleans(args, |a, b| a || b));
