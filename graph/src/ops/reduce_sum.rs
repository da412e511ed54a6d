//! `ReduceSum`.

use super::operator::Operator;
use super::shared::reduction::{self, Fold};
use super::shared::upgrade;

pub(crate) static OP: Operator = Operator {
    upgrade: upgrade::axes,
    ..reduction::operator("ReduceSum", "the sum along axes", |args| reduction::fold(args, &Fold::SUM))
};
