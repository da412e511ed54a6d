//! `QGemm`. Inputs: a, scale, zero point, b, scale, zero point, bias in steps of the accumulator, scale and zero point of the
//! output, without which the output is float.

use super::example::{Example, Input, Value};
use super::mul;
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::{product, qlinear};
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[
            Input::Quantized(&[3, 4], 0.05, 100),
            Input::QuantizedWeights(&[5, 4], 0.01),
            Input::Bias(&[5]),
            Input::Scale(0.2, 120),
        ],
        &[("transB", Value::Int(1))],
    )],
    multiplies: true,
    reads: product::depth,
    lower: integer::product::gemm,
    output_type: |_, inputs| Some(inputs.get(8).copied().flatten().unwrap_or(DataType::F32)),
    ..qlinear::operator("QGemm", "Gemm on bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let [m, _, n] = product::matrices(inputs.node, inputs.shape(0)?, inputs.shape(3)?)?;
    Ok(vec![TensorType::new(qlinear::output_type(inputs, 7)?, [m, n])])
}

/// `y = alpha · a_scale · b_scale[n] · (Σ (a − a_zero)·(b − b_zero) + C)`: the operator's specification gives C the scale
/// `alpha · a_scale · b_scale` (it has no `beta`). onnxruntime.quantization writes C with the scale `a_scale · b_scale`, whatever
/// `alpha` is; such files are read by the specification, too, as in ONNX Runtime.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let transposed = args.node().flag("transB", false)?;
    let (a, b) = (qlinear::real(args, 0, 1)?, qlinear::real(args, 3, i64::from(!transposed))?);
    let bias = match args.optional(6) {
        None => None,
        Some(bias) => {
            let step = args.node().float("alpha", 1.0)? * args.tensor(1)?.to_scalar::<f32>()?;
            let steps: Vec<f32> = args.values::<f32>(4)?.iter().map(|scale| step * scale).collect();
            let columns = b.shape().get(usize::from(!transposed)).copied().unwrap_or(0);
            let columns = if steps.len() == 1 { vec![1] } else { vec![1, columns] };
            // Decided by shape: C may be one number for all, per column, per row or per element.
            if bias.as_f32().is_ok() && args.optional(7).is_none() {
                Some(bias.clone())
            } else {
                let float =
                    Tensor::new(bias.shape(), bias.as_i32()?.iter().map(|&c| c as f32).collect::<Vec<_>>())?;
                let inputs = [Some(&float), Some(&Tensor::new(columns, steps)?)];
                Some(qlinear::float(args, mul::OP.evaluate, &inputs)?)
            }
        }
    };
    let y = qlinear::float(args, product::gemm, &[Some(&a), Some(&b), bias.as_ref()])?;
    Ok(vec![if args.optional(7).is_none() { y } else { qlinear::bytes(args, &y, 7)? }])
}
