//! `Softsign`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 1,
    ..unary::operator("Softsign", "x / (1 + |x|)", |args| unary::floats(args, |x| x / (1.0 + x.abs())))
};
