//! `QuantizedRelu` of TensorFlow. Inputs: codes and their range.

use super::operator::Operator;
use super::shared::clamped_codes;
use crate::exec::integer::coded;

pub(crate) static OP: Operator = clamped_codes::operator(
    "QuantizedRelu",
    "codes of at least 0",
    |args| clamped_codes::evaluate(args, None),
    |builder, node| coded::bytes::clamp(builder, node, None),
);
