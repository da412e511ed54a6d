//! `ReduceProd`.

use super::operator::Operator;
use super::shared::reduction::{self, Fold};

pub(crate) static OP: Operator = reduction::operator("ReduceProd", "the product along axes", |args| {
    reduction::fold(
        args,
        &Fold { start: 1.0, step: |product, x| product * x, integers: Some(i64::wrapping_mul), ..Fold::SUM },
    )
});
