//! Products of numbers of few bits, as QONNX writes them: a `Quant` or `BipolarQuant` before a product whose weights are multiples of one
//! number by channel. They run in integers, of one or of eight bits, where that gives the sums of the floats, bit for bit, in whatever order
//! these are added: see [`Columns`].

mod codes;
mod columns;
mod floats;
mod grid;

use eightbit::binary::{BinaryConv2d, BinaryGemm, BinaryWeights, Outside, row_bytes};
use eightbit::{Conv2d, Dequantize, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Stage};

use super::planned::{Failure, planned};
use super::product::{conv_shape, describe_convolution, describe_product, packed_size};
use crate::exec::builder::Builder;
use crate::exec::fallback;
use crate::exec::step::StepKernel;
use crate::exec::value::Layout;
use crate::exec::workers::Threads;
use crate::ops::shared::convolution::Geometry;
use crate::ops::{conv, gemm, matmul};
use crate::{DataType, Error, Node};

use codes::{Coder, Codes};
use columns::Columns;
use floats::Quantized;
use grid::{Grid, Rule};

/// A quantizer, with the product that alone reads it if both run in integers.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let is_float = builder.type_of(node.required_input(0)?)?.data_type == DataType::F32;
    let Some((rule, step)) = Rule::of(builder, node)?.filter(|_| is_float) else { return Ok(false) };
    if let Some(grid) = Grid::of(rule, step)
        && with_product(builder, node, &grid)?
    {
        return Ok(true);
    }
    let kernel = Quantized { step, rule, workers: builder.workers.clone() };
    builder.push_elementwise(node, Box::new(kernel))
}

fn with_product(builder: &mut Builder<'_>, node: &Node, grid: &Grid) -> Result<bool, Error> {
    let output = node.required_output(0)?;
    let Some((index, product)) = builder.only_consumer(output) else { return Ok(false) };
    if product.input(0) != Some(output) || product.input(1) == Some(output) {
        return Ok(false);
    }
    let Some(weights) = product.input(1) else { return Ok(false) };
    let kind = if product.is(&conv::OP) {
        Product::Convolution
    } else if product.is(&matmul::OP) || product.is(&gemm::OP) {
        Product::Matrix
    } else {
        return Ok(false);
    };
    if !fallback::fold_sources(builder, weights)? {
        return Ok(false);
    }
    let found = match kind {
        Product::Matrix => matrix(builder, product, grid)?,
        Product::Convolution => convolution(builder, product, grid)?,
    };
    let Some((kernel, layout)) = found else { return Ok(false) };
    builder.fuse(index);
    let input = builder.read(node.required_input(0)?, layout)?;
    let output = match layout {
        Layout::ChannelsLast => builder.define_pixels(product.required_output(0)?)?,
        Layout::Plain => builder.define(product.required_output(0)?, layout)?,
    };
    builder.push(product, vec![Some(input)], vec![output], kernel);
    Ok(true)
}

#[derive(Clone, Copy)]
enum Product {
    Matrix,
    Convolution,
}

/// What a step computes, and in which layout.
type Found = Option<(Box<dyn StepKernel>, Layout)>;

/// A matrix product, of rows of the grid: `MatMul`, or a `Gemm` with a bias by column.
fn matrix(builder: &mut Builder<'_>, node: &Node, grid: &Grid) -> Result<Found, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(weights) = builder.constant_input(node, 1) else { return Ok(None) };
    let is_plain = node.float("alpha", 1.0)? == 1.0 && node.float("beta", 1.0)? == 1.0;
    if !is_plain || node.flag("transA", false)? {
        return Ok(None);
    }
    let transposed = node.flag("transB", false)?;
    let (depth, columns) = match *weights.shape() {
        [n, k] if transposed => (k, n),
        [k, n] => (k, n),
        _ => return Ok(None),
    };
    let Some((&width, rows)) = shape.split_last() else { return Ok(None) };
    if width != depth || rows.is_empty() {
        return Ok(None);
    }
    let rows: usize = rows.iter().product();
    let Some(bias) = bias(builder, node, columns) else { return Ok(None) };
    let floats = weights.as_f32()?;
    builder.count_constants(packed_size(1, depth, columns))?;
    let found = Columns::new(grid, columns, depth, |column, k| {
        floats[if transposed { column * depth + k } else { k * columns + column }]
    });
    let Some(found) = found else { return Ok(None) };
    let (backend, coder) = (builder.backend, Coder::new(grid, builder.backend)?);
    let stage = Stage::Dequantize(Dequantize::new(Per::Channel(found.scales.clone())).with_bias(bias));
    let wrong = |error: eightbit::Error| Error::node(node, error.to_string());
    if grid.is_bipolar() && found.are_signs() {
        let weights = BinaryWeights::pack(backend, &found.bits(depth), columns, depth).map_err(wrong)?;
        let gemm = BinaryGemm::new(weights, None, stage).map_err(wrong)?;
        builder.count_scratch((rows * row_bytes(depth)) as u64);
        let what = format!("binary matrix product: {}", gemm.explain());
        let memory = (Vec::new(), Threads::new(builder.workers, 0));
        let kernel = planned(what, memory, move |context, (bits, threads)| {
            codes::pack_bits(backend, context.input::<f32>(0)?, depth, bits);
            let out = MatMut::new(context.output::<f32>(0)?, rows, columns)?;
            threads.run(gemm.call(bits, out)?);
            Ok(())
        });
        return Ok(Some((kernel, Layout::Plain)));
    }
    let integers = MatRef::new(&found.integers, columns, depth).map_err(wrong)?.transposed();
    let weights = PackedWeights::pack(backend, &integers, 0).map_err(wrong)?;
    let gemm = Gemm::new(weights, coder.element(), 0, None, &stage).map_err(wrong)?;
    builder.count_scratch((rows * depth) as u64);
    let what = format!("{}, of {}", describe_product(&gemm.explain(rows)), coder.describe());
    let memory = (Codes::default(), Threads::new(builder.workers, gemm.workspace_bytes()));
    let kernel = planned(what, memory, move |context, (codes, threads)| {
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
    });
    Ok(Some((kernel, Layout::Plain)))
}

/// The constant vector of biases in input 2; `Some(None)` if there are none, `None` if it is anything else.
fn bias(builder: &Builder<'_>, node: &Node, channels: usize) -> Option<Option<Vec<f32>>> {
    let Some(name) = node.input(2) else { return Some(None) };
    let bias = builder.constant(name)?;
    let is_vector = bias.len() == channels && bias.shape().last() == Some(&channels);
    is_vector.then(|| bias.as_f32().ok()).flatten().map(|bias| Some(bias.to_vec()))
}

/// A convolution of an image of the grid, whose padding is 0.
fn convolution(builder: &mut Builder<'_>, node: &Node, grid: &Grid) -> Result<Found, Error> {
    let dims = builder.shape(node, 0)?;
    let Some(weights) = builder.constant_input(node, 1) else { return Ok(None) };
    if dims.len() != 4 || weights.rank() != 4 {
        return Ok(None);
    }
    let geometry = Geometry::new(node, &dims, weights.shape())?;
    let shape = conv_shape(&geometry);
    if geometry.window.is_huge() || shape.check().is_err() {
        return Ok(None);
    }
    let (taps, channels) = (shape.kernel[0] * shape.kernel[1], shape.out_channels);
    let inputs = shape.in_channels / shape.groups;
    let Some(bias) = bias(builder, node, channels) else { return Ok(None) };
    let oihw = weights.as_f32()?;
    builder.count_constants(packed_size(shape.groups, taps * inputs, channels / shape.groups))?;
    let depth = taps * inputs;
    let found = Columns::new(grid, channels, depth, |channel, k| {
        oihw[(channel * inputs + k % inputs) * taps + k / inputs]
    });
    let Some(found) = found else { return Ok(None) };
    let stage = Dequantize::new(Per::Channel(found.scales.clone())).with_bias(bias);
    let (stage, backend) = (Stage::Dequantize(stage), builder.backend);
    let wrong = |error: eightbit::Error| Error::node(node, error.to_string());
    let pixels = (dims[0] * dims[2] * dims[3]) as u64;
    if grid.is_bipolar() && found.are_signs() && shape.groups == 1 {
        let weights = BinaryWeights::pack_convolution(backend, &shape, &found.bits(inputs)).map_err(wrong)?;
        // Too large ones run as bytes.
        if let Ok(conv) = BinaryConv2d::new(shape, weights, Outside::Nothing, None, stage.clone()) {
            builder.count_scratch(pixels.saturating_mul(row_bytes(inputs) as u64));
            let [height, width] = shape.kernel;
            let what = format!("binary convolution {height}×{width}: {}", conv.explain());
            let memory = (Vec::new(), Threads::new(builder.workers, conv.workspace_bytes()));
            let kernel = planned(what, memory, move |context, (bits, threads)| {
                codes::pack_bits(backend, context.input::<f32>(0)?, inputs, bits);
                threads.run(conv.call_rows(bits, context.output_matrix::<f32>(0, channels)?)?);
                Ok(())
            });
            return Ok(Some((kernel, Layout::ChannelsLast)));
        }
    }
    let coder = Coder::new(grid, backend)?;
    let weights = Conv2d::pack(backend, &shape, &found.integers, 0).map_err(wrong)?;
    let conv = Conv2d::new(shape, weights, coder.element(), 0, None, &stage).map_err(wrong)?;
    builder.count_scratch(pixels.saturating_mul(shape.in_channels as u64));
    let what = format!("{}, of {}", describe_convolution(&conv), coder.describe());
    let memory = (Codes::default(), Threads::new(builder.workers, conv.workspace_bytes()));
    let kernel = planned(what, memory, move |context, (codes, threads)| {
        if coder.encode(context.input::<f32>(0)?, codes)? {
            let why = "its input is not a number somewhere: a convolution in integers has no NaN";
            return Err(Failure::Value(context.error(why)));
        }
        let out = context.output_matrix::<f32>(0, channels)?;
        match coder.element() {
            ElementType::I8 => threads.run(conv.call_rows(&codes.signed, out)?),
            _ => threads.run(conv.call_rows(&codes.unsigned, out)?),
        }
        Ok(())
    });
    Ok(Some((kernel, Layout::ChannelsLast)))
}
