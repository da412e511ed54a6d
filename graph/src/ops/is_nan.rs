//! `IsNaN`.

use super::operator::Operator;
use super::shared::float_test;

pub(crate) static OP: Operator = Operator {
    since: 9,
    ..float_test::operator("IsNaN", "whether it is not a number", |args| float_test::test(args, f64::is_nan))
};
