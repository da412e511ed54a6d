//! `QGemm`. Inputs: a, scale, zero, b, scale, zero, bias in steps of the accumulator, scale and zero of the output, without
//! which it stays float.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::gemm;
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::{product, qlinear, scales};
use crate::exec::integer;
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[Example::new(
        &[
            Input::Bytes(&[3, 4]),
            Input::Float(0.05),
            Input::Byte(100),
            Input::SignedWeights(&[5, 4]),
            Input::Float(0.01),
            Input::SignedByte(0),
            Input::Bias(&[5]),
            Input::Float(0.2),
            Input::Byte(120),
        ],
        &[("transB", Value::Int(1))],
    )],
    eight_bit: EightBit::Bytes,
    lower: integer::product::gemm,
    output_type: |_, inputs| Some(inputs.get(8).copied().flatten().unwrap_or(DataType::F32)),
    ..Operator::new("QGemm", "Gemm on bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let [m, _, n] = product::matrices(inputs.node, inputs.shape(0)?, inputs.shape(3)?)?;
    let data_type = inputs.optional(8).map_or(DataType::F32, |zero| zero.data_type);
    Ok(vec![TensorType::new(data_type, [m, n])])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let columns = i64::from(!args.node().flag("transB", false)?);
    let (a, b) = (qlinear::real(args, 0, 1)?, qlinear::real(args, 3, columns)?);
    let bias = match args.optional(6) {
        None => None,
        Some(bias) => {
            let a_scale: f32 = args.tensor(1)?.to_scalar()?;
            let scales: Vec<f32> = args.values::<f32>(4)?.iter().map(|scale| scale * a_scale).collect();
            let scales = if scales.len() == 1 { Tensor::scalar(scales[0]) } else { Tensor::vector(scales) };
            let node = Node::new("bias", "DequantizeLinear", &["x", "s"], &["y"]).with("axis", 0);
            Some(scales::dequantize(&Arguments::new(&node, &[Some(bias), Some(&scales)]))?)
        }
    };
    let y = qlinear::float(args, &gemm::OP, &[Some(&a), Some(&b), bias.as_ref()])?;
    Ok(vec![if args.optional(7).is_none() { y } else { qlinear::bytes(args, &y, 7)? }])
}
