//! `ReduceL2`.

use super::operator::Operator;
use super::shared::reduction::{self, Fold};

pub(crate) static OP: Operator =
    reduction::operator("ReduceL2", "the root of the sum of squares along axes", |args| {
        reduction::fold(
            args,
            &Fold { step: |sum, x| sum + x * x, finish: |sum, _| sum.sqrt(), integers: None, ..Fold::SUM },
        )
    });
