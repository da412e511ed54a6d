//! `And`.

use super::operator::Operator;
use super::shared::logical;

pub(crate) static OP: Operator =
    logical::operator("And", "whether both are true", |args| logical::booleans(args, |a, b| a && b));
