//! `ReduceSum`.

use super::operator::Operator;
use super::shared::{reduction, upgrade};

pub(crate) static OP: Operator = Operator {
    upgrade: upgrade::axes,
    ..reduction::operator("ReduceSum", "the sum along axes", |args| reduction::sums(args, |sum, _| sum))
};
