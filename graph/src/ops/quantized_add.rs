//! `QuantizedAdd` of TensorFlow. Inputs: two tensors of codes, the range of each.

use super::operator::Operator;
use super::shared::byte_pair::{self, BytePair};
use crate::exec::integer::coded;

pub(crate) static OP: Operator = byte_pair::operator(
    "QuantizedAdd",
    "sums of bytes, as 32-bit codes",
    |args| byte_pair::evaluate(args, BytePair::sum),
    |builder, node| coded::pairs::lower(builder, node, BytePair::sum),
);
