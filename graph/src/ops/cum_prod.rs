//! `CumProd`.

use super::operator::Operator;
use super::shared::running::{self, Running};

pub(crate) static OP: Operator = Operator {
    since: 26,
    ..running::operator("CumProd", "running products along an axis", |args| {
        Running { floats: |a, b| a * b, integers: i64::wrapping_mul, start: 1 }.along_axis(args)
    })
};
