//! `GlobalAveragePool`.

use super::operator::Operator;
use super::qlinear_global_average_pool;
use super::shared::pool;
use crate::exec::float;

pub(crate) static OP: Operator = Operator {
    eight_bit: pool::eight_bit(|node, operands, to| {
        pool::on_bytes(&qlinear_global_average_pool::OP, node, operands, to)
    }),
    lower: float::lower::global_average_pool,
    ..pool::global_operator("GlobalAveragePool", "the mean of each channel", pool::global_average)
};
