//! `QGemm`. Inputs: a, scale, zero point, b, scale, zero point, bias in steps of the accumulator, scale and zero point of the
//! output, without which the output is float.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::broadcast_of;
use super::shared::indexing::{Offsets, broadcast_strides};
use super::shared::inputs::Inputs;
use super::shared::product::{self, Product, accumulate};
use super::shared::qlinear;
use super::shared::scales::{Scales, ZeroPoints};
use super::{mul, transpose};
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
    Ok(vec![if args.optional(7).is_none() { floats(args)? } else { bytes(args)? }])
}

/// The sums and C, exact and scaled once, in `f32`. A float C is added after that.
fn floats(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let matrix = |index: usize, transposed: &str| -> Result<Tensor, Error> {
        let matrix = args.tensor(index)?;
        let is_transposed = args.node().flag(transposed, false)?;
        if is_transposed {
            qlinear::float(args, transpose::OP.evaluate, &[Some(matrix)])
        } else {
            Ok(matrix.clone())
        }
    };
    let (a, b) = (matrix(0, "transA")?, matrix(3, "transB")?);
    let product = Product::of(args, &a, &b)?;
    let (a_zero, b_zero) = (ZeroPoints::new(args, 2)?, ZeroPoints::new(args, 5)?);
    let mut sums = accumulate(args, &product, (&a, &a_zero), (&b, &b_zero))?;
    let added = match args.optional(6) {
        None => None,
        // C may be one number for all, per column, per row or per element.
        Some(bias) if broadcast_of(args.node(), bias.shape(), &product.shape)? == product.shape => {
            let strides = broadcast_strides(bias.shape(), &product.shape);
            Some((bias, Offsets::new(&product.shape, &strides)))
        }
        Some(bias) => {
            return Err(args.error(format!("C of shape {:?} has more axes than the product", bias.shape())));
        }
    };
    let mut floats = None;
    if let Some((bias, offsets)) = added {
        match bias.as_f32() {
            Ok(bias) => floats = Some((bias, offsets)),
            Err(_) => {
                let bias = bias.as_i32()?;
                sums.iter_mut().zip(offsets).for_each(|(sum, at)| *sum = sum.wrapping_add(bias[at]));
            }
        }
    }
    let step = args.node().float("alpha", 1.0)? * args.tensor(1)?.to_scalar::<f32>()?;
    let scales = Scales::new(args, 4, product.n)?;
    let columns = product.n.max(1);
    let mut y: Vec<f32> =
        sums.iter().enumerate().map(|(at, &sum)| sum as f32 * (step * scales.of(at % columns))).collect();
    if let Some((bias, offsets)) = floats {
        y.iter_mut().zip(offsets).for_each(|(y, at)| *y += bias[at]);
    }
    Tensor::new(product.shape, y)
}

/// What the float operator makes of the real numbers, in bytes.
fn bytes(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let transposed = args.node().flag("transB", false)?;
    let (a, b) = (qlinear::real(args, 0, 1)?, qlinear::real(args, 3, i64::from(!transposed))?);
    let bias = match args.optional(6) {
        None => None,
        Some(bias) => {
            let step = args.node().float("alpha", 1.0)? * args.tensor(1)?.to_scalar::<f32>()?;
            let steps: Vec<f32> = args.values::<f32>(4)?.iter().map(|scale| step * scale).collect();
            let columns = b.shape().get(usize::from(!transposed)).copied().unwrap_or(0);
            let columns = if steps.len() == 1 { vec![1] } else { vec![1, columns] };
            let float =
                Tensor::new(bias.shape(), bias.as_i32()?.iter().map(|&c| c as f32).collect::<Vec<_>>())?;
            // Decided by shape, as above.
            let inputs = [Some(&float), Some(&Tensor::new(columns, steps)?)];
            Some(qlinear::float(args, mul::OP.evaluate, &inputs)?)
        }
    };
    let y = qlinear::float(args, product::gemm, &[Some(&a), Some(&b), bias.as_ref()])?;
    qlinear::bytes(args, &y, 7)
}
