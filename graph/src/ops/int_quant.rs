//! `IntQuant` of QONNX: the newer name of [`Quant`](super::quant).

use super::operator::Operator;
use super::quant;

pub(crate) static OP: Operator = quant::operator("IntQuant");
