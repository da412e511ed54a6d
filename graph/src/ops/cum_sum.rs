//! `CumSum`.

use super::operator::Operator;
use super::shared::running::{self, Running};

pub(crate) static OP: Operator = Operator {
    since: 11,
    ..running::operator("CumSum", "running sums along an axis", |args| {
        Running { floats: |a, b| a + b, integers: i64::wrapping_add, start: 0 }.along_axis(args)
    })
};
