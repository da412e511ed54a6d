//! `LogSoftmax`: `log(exp(x) / Σ exp(x))` along an axis.

use super::operator::Operator;
use super::shared::softmax;
use crate::exec::float;

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| float::softmax::lower(builder, node, true),
    ..softmax::operator("LogSoftmax", "the logarithm of eˣ / Σ eˣ along an axis", |args| {
        softmax::along_axis(args, |x, sum| x - sum.ln())
    })
};
