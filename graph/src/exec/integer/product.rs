//! Convolutions and matrix products of bytes with constant weights.

use eightbit::{
    Conv2d, Conv2dShape, Dequantize, Element, Gemm, MatMut, MatRef, OutputElement, PackedWeights, Padding,
    Per, Requantize, Stage,
};

use super::planned::{by_byte, planned, with_type};
use super::{clamp, constant_bytes, element_type, failed, input, output, scales, zero_points};
use crate::exec::builder::Builder;
use crate::exec::parallel::Threads;
use crate::exec::step::StepKernel;
use crate::exec::value::Layout;
use crate::ops::shared::convolution::Geometry;
use crate::{DataType, Error, Node, Tensor, TensorData};

/// Inputs: x, scale, zero point, w, scale, zero point, scale and zero point of the output, without which it is float, bias.
pub(crate) fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(x) = input(builder, node, 0)? else { return Ok(false) };
    let Some(stage) = stage(builder, node, x.scale(), [4, 6, 8])? else { return Ok(false) };
    planned_convolution(builder, node, [3, 5, 8], x.zero_point(), &stage)
}

/// Columns of a panel of packed weights.
const PANEL: usize = 16;

/// Inputs: x, w, zero point of x, zero point of w.
pub(crate) fn conv_integer(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(&[zero]) = zero_points(builder, node, 2).as_deref() else { return Ok(false) };
    planned_convolution(builder, node, [1, 3, usize::MAX], zero, &Stage::ACCUMULATORS)
}

/// `weights`, `zeros_index`, `bias_input` are indices of inputs.
fn planned_convolution(
    builder: &mut Builder<'_>,
    node: &Node,
    [weights, zeros_index, bias_input]: [usize; 3],
    x_zero: i32,
    stage: &Stage,
) -> Result<bool, Error> {
    let dims = builder.shape(node, 0)?;
    let Some(w) = constant_bytes(builder, node, weights).filter(|w| w.rank() == 4 && dims.len() == 4) else {
        return Ok(false);
    };
    let geometry = Geometry::new(node, &dims, w.shape())?;
    if geometry.window.is_huge() {
        return Ok(false);
    }
    let shape = conv_shape(&geometry);
    let channels = geometry.out_channels();
    let (Some(zeros), Some(bias)) = (
        per(zero_points(builder, node, zeros_index), channels),
        biases(builder, node, bias_input, channels, stage),
    ) else {
        return Ok(false);
    };
    // The bias of a convolution is always one number per channel.
    if builder.constant_input(node, bias_input).is_some_and(|bias| bias.len() != channels) {
        return Ok(false);
    }
    let x_type = builder.type_of(node.required_input(0)?)?.data_type;
    let Some(x_type) = element_type(x_type).filter(|_| shape.check().is_ok()) else { return Ok(false) };
    let taps = shape.kernel[0] * shape.kernel[1];
    let pack = || match w.data() {
        TensorData::I8(w) => Conv2d::pack(builder.backend, &shape, &ohwi(w, taps, channels), zeros).map(Some),
        TensorData::U8(w) => Conv2d::pack(builder.backend, &shape, &ohwi(w, taps, channels), zeros).map(Some),
        _ => Ok(None),
    };
    let size = match geometry.group_channels() {
        // Depthwise kernels have no panels.
        (1, _) => packed_size(1, taps, channels),
        (inputs, outputs) => packed_size(geometry.groups, taps.saturating_mul(inputs), outputs),
    };
    let Some(packed) = builder.packed_bytes(node, &[weights, zeros_index], size, pack)? else {
        return Ok(false);
    };
    let plan = Conv2d::new(shape, packed, x_type, x_zero, bias.as_deref(), stage)
        .map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.threads, plan.workspace_bytes());
    let [height, width] = shape.kernel;
    let what = format!("eight-bit convolution {height}×{width}: {}", plan.explain());
    let to = builder.type_of(node.required_output(0)?)?.data_type;
    let kernel = by_byte!(I, x_type, {
        with_type!(O, to, [DataType::F32 => f32, DataType::I32 => i32, DataType::I8 => i8, _ => u8], {
            planned(what, threads, move |context, threads| {
                let x = context.input::<I>(0)?;
                Ok(threads.run(plan.call_rows(x, context.output_matrix::<O>(0, channels)?)?)?)
            })
        })
    });
    builder.push_unary(node, Layout::ChannelsLast, Builder::define_pixels, kernel)
}

/// About the bytes of packed weights: whole panels of columns, each with its sums.
pub(super) fn packed_size(groups: usize, depth: usize, columns: usize) -> u64 {
    let panels = columns.div_ceil(PANEL).saturating_mul(groups) as u64;
    panels.saturating_mul(PANEL as u64).saturating_mul(depth as u64 + size_of::<i32>() as u64)
}

pub(super) fn conv_shape(geometry: &Geometry) -> Conv2dShape {
    let (window, sizes) = (&geometry.window, &geometry.window.sizes);
    let &Geometry { batch, channels: [in_channels, out_channels], groups, .. } = geometry;
    let pad = Padding {
        top: sizes.pads_begin[0],
        left: sizes.pads_begin[1],
        bottom: sizes.pads_end[0],
        right: sizes.pads_end[1],
    };
    let (input, kernel) = ([window.input[0], window.input[1]], [sizes.kernel[0], sizes.kernel[1]]);
    Conv2dShape::new(input, in_channels, out_channels, kernel)
        .with_batch(batch)
        .with_stride([sizes.strides[0], sizes.strides[1]])
        .with_dilation([sizes.dilations[0], sizes.dilations[1]])
        .with_pad(pad)
        .with_groups(groups)
}

/// Converts weights from OIHW to OHWI.
fn ohwi<T: Copy>(oihw: &[T], taps: usize, outputs: usize) -> Vec<T> {
    let inputs = oihw.len().checked_div(taps * outputs).unwrap_or(0);
    let mut result = Vec::with_capacity(oihw.len());
    for output in 0..outputs {
        for tap in 0..taps {
            result.extend((0..inputs).map(|input| oihw[(output * inputs + input) * taps + tap]));
        }
    }
    result
}

/// One value for all channels, or one for each of `channels`.
pub(super) fn per<T: Copy>(values: Option<Vec<T>>, channels: usize) -> Option<Per<T>> {
    match values?.as_slice() {
        &[value] => Some(Per::Tensor(value)),
        values if values.len() == channels => Some(Per::Channel(values.to_vec())),
        _ => None,
    }
}

/// Constant biases in input `index`, one per channel, which is the last axis, in steps of the sums; `Some(None)` if there are none,
/// or if they are floats that `stage` adds.
fn biases(
    builder: &Builder<'_>,
    node: &Node,
    index: usize,
    channels: usize,
    stage: &Stage,
) -> Option<Option<Vec<i32>>> {
    if node.input(index).is_none() {
        return Some(None);
    }
    let bias = builder.constant_input(node, index)?;
    // Decided by shape: the same count could also be one bias per row.
    if bias.rank() > 2 || bias.shape().iter().rev().skip(1).any(|&dim| dim != 1) {
        return None;
    }
    if let Ok(floats) = bias.as_f32() {
        return (matches!(stage, Stage::Dequantize(_)) && floats.len() == channels).then_some(None);
    }
    match bias.as_i32().ok()? {
        &[bias] => Some(Some(vec![bias; channels])),
        bias if bias.len() == channels => Some(Some(bias.to_vec())),
        _ => None,
    }
}

/// What happens to sums in steps of `x_scale · w_scale[c]`, of which input `w_scale` has the second factors: requantization from
/// `x_scale · w_scale[c] / y_scale` if input `to` is the scale of the output, every operation in `f32`, as ONNX Runtime
/// computes it; else dequantization, to which a bias of floats in input `bias` is added.
fn stage(
    builder: &Builder<'_>,
    node: &Node,
    x_scale: f32,
    [w_scale, to, bias]: [usize; 3],
) -> Result<Option<Stage>, Error> {
    let Some(scales) = scales(builder, node, w_scale) else { return Ok(None) };
    let factors = |divisor: f32| {
        let factors: Vec<f32> = scales.iter().map(|scale| x_scale * scale / divisor).collect();
        if let [factor] = factors[..] { Per::Tensor(factor) } else { Per::Channel(factors) }
    };
    if node.input(to).is_none() {
        let bias = builder.constant_input(node, bias).and_then(|bias| bias.as_f32().ok());
        let bias = bias.map(<[f32]>::to_vec);
        return Ok(Some(Stage::Dequantize(Dequantize::new(factors(1.0)).with_bias(bias))));
    }
    let Some(to) = output(builder, node, to)? else { return Ok(None) };
    let (low, high) = clamp(node, &to)?;
    let requantize = Requantize::new(factors(to.scale()), to.zero_point(), to.element()).clamped(low, high);
    Ok(Some(Stage::Requantize(requantize)))
}

/// Inputs: a, scale, zero point, b, scale, zero point, bias, scale and zero point of the output; without the last two the
/// output is float.
pub(crate) fn gemm(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(a) = input(builder, node, 0)? else { return Ok(false) };
    // The scale of the bias includes alpha, too.
    let a_scale = node.float("alpha", 1.0)? * a.scale();
    if node.flag("transA", false)? || !(a_scale.is_normal() && a_scale > 0.0) {
        return Ok(false);
    }
    let Some(stage) = stage(builder, node, a_scale, [4, 7, 6])? else { return Ok(false) };
    let transposed = node.flag("transB", false)?;
    product(builder, node, [3, 5, 6], transposed, a.zero_point(), &stage)
}

/// Inputs: a, scale, zero point, b, scale, zero point, scale and zero point of the output, without which it is float, bias.
pub(crate) fn matmul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(a) = input(builder, node, 0)? else { return Ok(false) };
    let Some(stage) = stage(builder, node, a.scale(), [4, 6, 8])? else { return Ok(false) };
    product(builder, node, [3, 5, 8], false, a.zero_point(), &stage)
}

/// Inputs: a, b, zero point of a, zero point of b.
pub(crate) fn matmul_integer(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(&[zero]) = zero_points(builder, node, 2).as_deref() else { return Ok(false) };
    product(builder, node, [1, 3, usize::MAX], false, zero, &Stage::ACCUMULATORS)
}

/// `weights`, `zeros`, `bias` are indices of inputs.
fn product(
    builder: &mut Builder<'_>,
    node: &Node,
    [weights, zeros_index, bias]: [usize; 3],
    transposed: bool,
    a_zero: i32,
    stage: &Stage,
) -> Result<bool, Error> {
    let Some(b) = constant_bytes(builder, node, weights) else { return Ok(false) };
    let (depth, columns) = match *b.shape() {
        [n, k] if transposed => (k, n),
        [k, n] => (k, n),
        _ => return Ok(false),
    };
    let a = builder.type_of(node.required_input(0)?)?;
    let (Some(lhs), Some(&width)) = (element_type(a.data_type), a.shape.last()) else { return Ok(false) };
    let rows = a.shape[..a.shape.len() - 1].iter().product();
    let (Some(zeros), Some(bias)) =
        (per(zero_points(builder, node, zeros_index), columns), biases(builder, node, bias, columns, stage))
    else {
        return Ok(false);
    };
    if width != depth {
        return Ok(false);
    }
    let pack = || pack(builder, b, transposed, [depth, columns], zeros);
    let size = packed_size(1, depth, columns);
    let Some(packed) = builder.packed_bytes(node, &[weights, zeros_index], size, pack)? else {
        return Ok(false);
    };
    let plan =
        Gemm::new(packed, lhs, a_zero, bias.as_deref(), stage).map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.threads, plan.workspace_bytes());
    let to = builder.type_of(node.required_output(0)?)?.data_type;
    let sizes = [rows, depth, columns];
    let kernel = by_byte!(I, lhs, {
        with_type!(O, to, [DataType::F32 => f32, DataType::I32 => i32, DataType::I8 => i8, _ => u8], {
            multiply::<I, O>(plan, sizes, threads)
        })
    });
    builder.push_unary(node, Layout::Plain, |builder, name| builder.define(name, Layout::Plain), kernel)
}

/// A step that multiplies `rows × depth` by `depth × columns`.
fn multiply<I, O>(plan: Gemm, [rows, depth, columns]: [usize; 3], threads: Threads) -> Box<dyn StepKernel>
where
    I: Element + crate::Element,
    O: OutputElement + crate::Element,
{
    let what = format!("eight-bit matrix product: {}", plan.explain(rows));
    planned(what, threads, move |context, threads| {
        let a = MatRef::new(context.input::<I>(0)?, rows, depth)?;
        let out = MatMut::new(context.output::<O>(0)?, rows, columns)?;
        Ok(threads.run(plan.call(a, out)?)?)
    })
}

pub(super) fn pack(
    builder: &Builder<'_>,
    b: &Tensor,
    transposed: bool,
    [depth, columns]: [usize; 2],
    zeros: Per<i32>,
) -> Result<Option<PackedWeights>, eightbit::Error> {
    fn packed<T: Element>(
        builder: &Builder<'_>,
        b: &[T],
        transposed: bool,
        [depth, columns]: [usize; 2],
        zeros: Per<i32>,
    ) -> Result<Option<PackedWeights>, eightbit::Error> {
        let view = if transposed {
            MatRef::new(b, columns, depth)?.transposed()
        } else {
            MatRef::new(b, depth, columns)?
        };
        PackedWeights::pack(builder.backend, &view, zeros).map(Some)
    }
    match b.data() {
        TensorData::I8(b) => packed(builder, b, transposed, [depth, columns], zeros),
        TensorData::U8(b) => packed(builder, b, transposed, [depth, columns], zeros),
        _ => Ok(None),
    }
}
