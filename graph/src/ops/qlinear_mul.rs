//! `QLinearMul`. Inputs: a, scale, zero point, b, scale, zero point, scale and zero point of the output. The results are those of
//! ONNX Runtime, as the crate `eightbit` defines them.

use eightbit::reference::mul_elements;

use super::operator::Operator;
use super::shared::qlinear;
use crate::exec::integer;

pub(crate) static OP: Operator = Operator {
    lower: integer::elementwise::mul,
    ..qlinear::binary_operator("QLinearMul", "Mul on bytes", |args| qlinear::binary(args, mul_elements))
};
