//! `ReduceL1`.

use super::operator::Operator;
use super::shared::reduction::{self, Fold};

pub(crate) static OP: Operator =
    reduction::operator("ReduceL1", "the sum of magnitudes along axes", |args| {
        reduction::fold(
            args,
            &Fold {
                step: |sum, x| sum + x.abs(),
                integers: Some(|sum, x| sum.wrapping_add(x.wrapping_abs())),
                ..Fold::SUM
            },
        )
    });
