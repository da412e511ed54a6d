//! `ReduceSumSquare`.

use super::operator::Operator;
use super::shared::reduction::{self, Fold};

pub(crate) static OP: Operator =
    reduction::operator("ReduceSumSquare", "the sum of squares along axes", |args| {
        reduction::fold(
            args,
            &Fold {
                step: |sum, x| sum + x * x,
                integers: Some(|sum, x| sum.wrapping_add(x.wrapping_mul(x))),
                ..Fold::SUM
            },
        )
    });
