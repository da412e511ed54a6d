//! `QuantizedRelu6` of TensorFlow. Inputs: codes and their range.

use super::operator::Operator;
use super::shared::clamped_codes;
use crate::exec::integer::coded;

pub(crate) static OP: Operator = clamped_codes::operator(
    "QuantizedRelu6",
    "codes from 0 to 6",
    |args| clamped_codes::evaluate(args, Some(6.0)),
    |builder, node| coded::bytes::clamp(builder, node, Some(6.0)),
);
