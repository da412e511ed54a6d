//! `Round`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 11,
    ..unary::operator("Round", "the nearest integer, ties to even", |args| {
        unary::floats(args, f64::round_ties_even)
    })
};
