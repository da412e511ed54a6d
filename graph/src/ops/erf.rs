//! `Erf`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 9,
    ..unary::operator("Erf", "the error function", |args| unary::floats(args, libm::erf))
};
