//! The steps of products in integers.

use eightbit::binary::{
    BinaryConv2d, BinaryGemm, BinaryStage, BinaryWeights, Outside, Thresholds, row_bytes,
};
use eightbit::{
    Conv2d, Conv2dShape, Dequantize, ElementType, Gemm, MatMut, MatRef, OutputElement, PackedWeights, Per,
    Stage,
};

use super::codes::{self, Coder, Codes};
use super::product::{Kind, Product};
use crate::Error;
use crate::exec::builder::Builder;
use crate::exec::integer::planned::{Failure, planned};
use crate::exec::integer::product::{describe_convolution, describe_product};
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::workers::Threads;

/// The sums of the floats.
fn floats(product: &Product<'_>) -> Stage {
    let scales = Per::Channel(product.weights.scales.clone());
    Stage::Dequantize(Dequantize::new(scales).with_bias(product.bias.clone()))
}

/// A plan for signs.
#[derive(Debug)]
enum Binary {
    Matrix(BinaryGemm),
    Convolution(Box<BinaryConv2d>),
}

impl Binary {
    fn run<T: OutputElement + crate::Element>(
        &self,
        bits: &[u8],
        context: &mut StepContext<'_>,
        rows: usize,
        threads: &mut Threads,
    ) -> Result<(), Failure> {
        match self {
            Binary::Matrix(gemm) => {
                let out = MatMut::new(context.output::<T>(0)?, rows, gemm.output_columns())?;
                threads.run(gemm.call(bits, out)?);
            }
            Binary::Convolution(conv) => {
                let out = if conv.output() == ElementType::U8 {
                    MatMut::new(context.output::<T>(0)?, rows, conv.output_columns())?
                } else {
                    context.output_matrix::<T>(0, conv.output_columns())?
                };
                threads.run(conv.call_rows(bits, out)?);
            }
        }
        Ok(())
    }
}

/// A product of signs, which the step packs if `packs`, else they are bits already; to bits if there are thresholds, else to floats.
pub(super) fn in_bits(
    builder: &mut Builder<'_>,
    product: &Product<'_>,
    packs: bool,
    thresholds: Option<Thresholds>,
) -> Result<Box<dyn StepKernel>, Error> {
    let backend = builder.backend;
    let wrong = |error: eightbit::Error| Error::node(product.node, error.to_string());
    let to_bits = thresholds.is_some();
    let stage: BinaryStage = thresholds.map_or_else(|| floats(product).into(), Into::into);
    // Rows of the input: those of a matrix, or pixels.
    let (plan, input_rows, channels, bytes, what) = match product.kind {
        Kind::Matrix { rows, depth, columns } => {
            let bits = product.weights.bits(depth);
            let weights = BinaryWeights::pack(backend, &bits, columns, depth).map_err(wrong)?;
            let gemm = BinaryGemm::new(weights, None, stage).map_err(wrong)?;
            let what = format!("binary matrix product: {}", gemm.explain());
            (Binary::Matrix(gemm), rows, depth, 0, what)
        }
        Kind::Convolution(shape) => {
            let bits = product.weights.bits(shape.in_channels);
            let weights = BinaryWeights::pack_convolution(backend, &shape, &bits).map_err(wrong)?;
            let conv = BinaryConv2d::new(shape, weights, Outside::Nothing, None, stage).map_err(wrong)?;
            let [height, width] = shape.kernel;
            let what = format!("binary convolution {height}×{width}: {}", conv.explain());
            let (pixels, bytes) = (shape.batch * shape.input[0] * shape.input[1], conv.workspace_bytes());
            (Binary::Convolution(Box::new(conv)), pixels, shape.in_channels, bytes, what)
        }
    };
    if packs {
        builder.count_scratch((input_rows as u64).saturating_mul(row_bytes(channels) as u64));
    }
    let (rows, memory) = (product.rows(), (Vec::new(), Threads::new(builder.workers, bytes)));
    Ok(planned(what, memory, move |context, (bits, threads)| {
        let bits = if packs {
            codes::pack_bits(backend, context.input::<f32>(0)?, channels, bits);
            &bits[..]
        } else {
            context.input::<u8>(0)?
        };
        if to_bits {
            plan.run::<u8>(bits, context, rows, threads)
        } else {
            plan.run::<f32>(bits, context, rows, threads)
        }
    }))
}

/// A product of integers that `coder` makes of floats, to floats.
pub(super) fn in_bytes(
    builder: &mut Builder<'_>,
    product: &Product<'_>,
    coder: Coder,
) -> Result<Box<dyn StepKernel>, Error> {
    let (backend, stage) = (builder.backend, floats(product));
    let wrong = |error: eightbit::Error| Error::node(product.node, error.to_string());
    match product.kind {
        Kind::Matrix { rows, depth, columns } => {
            let integers =
                MatRef::new(&product.weights.integers, columns, depth).map_err(wrong)?.transposed();
            let weights = PackedWeights::pack(backend, &integers, 0).map_err(wrong)?;
            let gemm = Gemm::new(weights, coder.element(), 0, None, &stage).map_err(wrong)?;
            builder.count_scratch((rows as u64).saturating_mul(depth as u64));
            let what = format!("{}, of {}", describe_product(&gemm.explain(rows)), coder.describe());
            let memory = (Codes::default(), Threads::new(builder.workers, gemm.workspace_bytes()));
            Ok(planned(what, memory, move |context, (codes, threads)| {
                let x = context.input::<f32>(0)?;
                let has_nan = coder.encode(x, codes)?;
                let out = MatMut::new(context.output::<f32>(0)?, rows, columns)?;
                match coder.element() {
                    ElementType::I8 => threads.run(gemm.call(MatRef::new(&codes.signed, rows, depth)?, out)?),
                    _ => threads.run(gemm.call(MatRef::new(&codes.unsigned, rows, depth)?, out)?),
                }
                if has_nan {
                    // A sum with NaN is NaN, whatever the weight.
                    let out = context.output::<f32>(0)?;
                    for (x, out) in x.chunks_exact(depth).zip(out.chunks_exact_mut(columns)) {
                        if x.iter().any(|x| x.is_nan()) {
                            out.fill(f32::NAN);
                        }
                    }
                }
                Ok(())
            }))
        }
        Kind::Convolution(shape) => {
            let weights = Conv2d::pack(backend, &shape, &product.weights.integers, 0).map_err(wrong)?;
            let conv = Conv2d::new(shape, weights, coder.element(), 0, None, &stage).map_err(wrong)?;
            let elements = shape.batch * shape.input[0] * shape.input[1] * shape.in_channels;
            builder.count_scratch(elements as u64);
            let what = format!("{}, of {}", describe_convolution(&conv), coder.describe());
            let memory = (Codes::default(), Threads::new(builder.workers, conv.workspace_bytes()));
            Ok(planned(what, memory, move |context, (codes, threads)| {
                let x = context.input::<f32>(0)?;
                let has_nan = coder.encode(x, codes)?;
                let out = context.output_matrix::<f32>(0, shape.out_channels)?;
                match coder.element() {
                    ElementType::I8 => threads.run(conv.call_rows(&codes.signed, out)?),
                    _ => threads.run(conv.call_rows(&codes.unsigned, out)?),
                }
                if has_nan {
                    spread_nan(&shape, x, context.output::<f32>(0)?);
                }
                Ok(())
            }))
        }
    }
}

/// Makes every output of a group NaN whose window has a pixel with a NaN among the channels of the group.
fn spread_nan(shape: &Conv2dShape, x: &[f32], out: &mut [f32]) {
    let ([height, width], [out_height, out_width]) = (shape.input, shape.output());
    let (inputs, outputs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    // The output whose tap `k` is at position `at` of the image, if there is one.
    let output = |axis: usize, at: usize, k: usize| {
        let pad = [shape.pad.top, shape.pad.left][axis];
        let from = (at + pad).checked_sub(k * shape.dilation[axis])?;
        let position = from / shape.stride[axis];
        (from % shape.stride[axis] == 0 && position < [out_height, out_width][axis]).then_some(position)
    };
    let groups = x.chunks_exact(inputs).enumerate();
    for (index, _) in groups.filter(|(_, channels)| channels.iter().any(|x| x.is_nan())) {
        let (pixel, group) = (index / shape.groups, index % shape.groups);
        let (image, y, x) = (pixel / width / height, pixel / width % height, pixel % width);
        for y in (0..shape.kernel[0]).filter_map(|k| output(0, y, k)) {
            for x in (0..shape.kernel[1]).filter_map(|k| output(1, x, k)) {
                let pixel = (image * out_height + y) * out_width + x;
                out[pixel * shape.out_channels + group * outputs..][..outputs].fill(f32::NAN);
            }
        }
    }
}
