//! Convolutions and matrix products of bytes with constant weights.

use eightbit::{
    Conv2d, Conv2dShape, Dequantize, Element, ElementType, Gemm, MatMut, MatRef, OutputElement,
    PackedWeights, Padding, Per, Precision, Requantize, Stage,
};

use super::batched::Batched;
use super::dynamic::Late;
use super::planned::{Failure, by_byte, planned, with_type};
use super::{clamp, constant_bytes, element_type, failed, input, output, scale, scales, zero_points};
use crate::exec::builder::Builder;
use crate::exec::signal::{Reordered, Signal};
use crate::exec::step::StepContext;
use crate::exec::value::Layout;
use crate::exec::workers::Threads;
use crate::ops::shared::convolution::Geometry;
use crate::{DataType, Error, Node, Tensor, TensorData};

/// Inputs: x, scale, zero point, w, scale, zero point, scale and zero point of the output, without which it is float, bias.
pub(crate) fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(x) = input(builder, node, 0)? else { return Ok(false) };
    let Some(stage) = stage(builder, node, x.scale(), [4, 6, 8])? else { return Ok(false) };
    let Some(plan) = planned_convolution(builder, node, [3, 5, 8], x.zero_point(), &stage)? else {
        return Ok(false);
    };
    let (layout, what) = (layout(builder, node)?, describe_convolution(&plan));
    let threads = Threads::new(builder.workers, plan.workspace_bytes());
    let kernel = by_byte!(I, x.element(), {
        with_type!(O, plan.output(), [ElementType::F32 => f32, ElementType::I8 => i8, _ => u8], {
            let signal = signal::<I, O>(builder, layout, plan.shape())?;
            planned(what, (threads, Reordered::<I, O>::default()), move |context, (threads, reordered)| {
                convolve(&plan, signal.map(|signal| (signal, reordered)), context, threads)
            })
        })
    });
    let define = match layout {
        Layout::ChannelsLast => Builder::define_pixels,
        Layout::Plain => |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::Plain),
    };
    builder.push_unary(node, layout, define, kernel)
}

/// Columns of a panel of packed weights.
const PANEL: usize = 16;

/// A convolution that reads the weights, their zero points and the bias in the inputs `weights`, `zeros_index` and `bias_input`; `None`
/// if there is no kernel for it.
pub(super) fn planned_convolution(
    builder: &Builder<'_>,
    node: &Node,
    [weights, zeros_index, bias_input]: [usize; 3],
    x_zero: i32,
    stage: &Stage,
) -> Result<Option<Conv2d>, Error> {
    let dims = builder.shape(node, 0)?;
    let is_signal = dims.len() == 3;
    let w = constant_bytes(builder, node, weights);
    let Some(w) = w.filter(|w| w.rank() == dims.len() && (is_signal || dims.len() == 4)) else {
        return Ok(None);
    };
    let mut geometry = Geometry::new(node, &dims, w.shape())?;
    if is_signal {
        geometry = geometry.of_one_row();
    }
    if geometry.window.is_huge() {
        return Ok(None);
    }
    let shape = conv_shape(&geometry);
    let channels = geometry.out_channels();
    let (Some(zeros), Some(bias)) = (
        per(zero_points(builder, node, zeros_index), channels),
        biases(builder, node, bias_input, channels, stage),
    ) else {
        return Ok(None);
    };
    // The bias of a convolution is always one number per channel.
    if builder.constant_input(node, bias_input).is_some_and(|bias| bias.len() != channels) {
        return Ok(None);
    }
    let x_type = builder.type_of(node.required_input(0)?)?.data_type;
    let Some(x_type) = element_type(x_type).filter(|_| shape.check().is_ok()) else { return Ok(None) };
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
        return Ok(None);
    };
    let plan = Conv2d::new(shape, packed, x_type, x_zero, bias.as_deref(), stage);
    plan.map(Some).map_err(|error| failed(node, &error))
}

/// Describes a convolution.
pub(super) fn describe_convolution(plan: &Conv2d) -> String {
    let [height, width] = plan.shape().kernel;
    format!("eight-bit convolution {height}×{width}: {}", plan.explain())
}

/// The layout in which a convolution reads and writes its values: signals stay in ONNX's order.
pub(super) fn layout(builder: &Builder<'_>, node: &Node) -> Result<Layout, Error> {
    Ok(if builder.shape(node, 0)?.len() == 3 { Layout::Plain } else { Layout::ChannelsLast })
}

/// What reorders the values of a convolution of signals of `I` to `O`; `None` for one of images.
pub(super) fn signal<I, O>(
    builder: &mut Builder<'_>,
    layout: Layout,
    shape: &Conv2dShape,
) -> Result<Option<Signal>, Error> {
    if layout == Layout::ChannelsLast {
        return Ok(None);
    }
    let [_, length] = shape.output();
    let signal =
        Signal::new(shape.batch, [[shape.in_channels, shape.input[1]], [shape.out_channels, length]]);
    builder.count_scratch(signal.scratch_bytes::<I, O>());
    Ok(Some(signal))
}

/// Runs a convolution on the values of a step.
pub(super) fn convolve<I, O>(
    plan: &Conv2d,
    signal: Option<(Signal, &mut Reordered<I, O>)>,
    context: &mut StepContext<'_>,
    threads: &mut Threads,
) -> Result<(), Failure>
where
    I: Element + crate::Element,
    O: OutputElement + crate::Element,
{
    let (x, channels) = (context.input::<I>(0)?, plan.shape().out_channels);
    let Some((signal, reordered)) = signal else {
        threads.run(plan.call_rows(x, context.output_matrix::<O>(0, channels)?)?);
        return Ok(());
    };
    signal.around(reordered, x, context.output::<O>(0)?, |x, y| {
        let pixels = y.len().checked_div(channels).unwrap_or(0);
        threads.run(plan.call_rows(x, MatMut::new(y, pixels, channels)?)?);
        Ok(())
    })
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
    if builder.constant_input(node, 3).is_some() {
        return product(builder, node, [3, 5, 8], false, a.zero_point(), &stage);
    }
    let Some(&[b_zero]) = zero_points(builder, node, 5).as_deref() else { return Ok(false) };
    let has_one_scale = scale(builder, node, 4).is_some();
    if !has_one_scale || node.input(8).is_some() {
        return Ok(false);
    }
    let zeros = [a.zero_point(), b_zero];
    let Some(batched) = Batched::new(builder, node, 3, zeros, &stage)? else { return Ok(false) };
    let kernel = batched.kernel(builder.workers, Late::default());
    let mut read = |index: usize| builder.read(node.required_input(index)?, Layout::Plain);
    let inputs = vec![Some(read(0)?), Some(read(3)?)];
    let output = builder.define(node.required_output(0)?, Layout::Plain)?;
    builder.push(node, inputs, vec![output], kernel);
    Ok(true)
}

/// The step of a product with the weights, zero points and bias in these inputs.
fn product(
    builder: &mut Builder<'_>,
    node: &Node,
    inputs: [usize; 3],
    transposed: bool,
    a_zero: i32,
    stage: &Stage,
) -> Result<bool, Error> {
    let Some((plan, rows)) = planned_product(builder, node, inputs, transposed, a_zero, stage)? else {
        return Ok(false);
    };
    let what = describe_product(&plan.explain(rows));
    let threads = Threads::new(builder.workers, plan.workspace_bytes());
    let (depth, columns) = (plan.weights().depth(), plan.weights().columns());
    let lhs = builder.type_of(node.required_input(0)?)?.data_type;
    let kernel = with_type!(I, lhs, [DataType::I8 => i8, _ => u8], {
        with_type!(O, plan.output(), [ElementType::F32 => f32, ElementType::I8 => i8, _ => u8], {
            planned(what, threads, move |context, threads| {
                let a = MatRef::new(context.input::<I>(0)?, rows, depth)?;
                let out = MatMut::new(context.output::<O>(0)?, rows, columns)?;
                threads.run(plan.call(a, out)?);
                Ok(())
            })
        })
    });
    builder.push_unary(node, Layout::Plain, |builder, name| builder.define(name, Layout::Plain), kernel)
}

/// Describes a product of which a plan says this.
pub(super) fn describe_product(explained: &str) -> String {
    format!("eight-bit matrix product: {explained}")
}

/// A product with the constant matrix in input `weights`, its zero points and a bias in the inputs `zeros_index` and `bias`, and the
/// number of rows; `None` if there is no kernel for it.
pub(super) fn planned_product(
    builder: &Builder<'_>,
    node: &Node,
    [weights, zeros_index, bias]: [usize; 3],
    transposed: bool,
    a_zero: i32,
    stage: &Stage,
) -> Result<Option<(Gemm, usize)>, Error> {
    let Some(b) = constant_bytes(builder, node, weights) else { return Ok(None) };
    let (depth, columns) = match *b.shape() {
        [n, k] if transposed => (k, n),
        [k, n] => (k, n),
        _ => return Ok(None),
    };
    let a = builder.type_of(node.required_input(0)?)?;
    let (Some(lhs), Some((&width, rows))) = (element_type(a.data_type), a.shape.split_last()) else {
        return Ok(None);
    };
    let rows = rows.iter().product();
    let (Some(zeros), Some(bias)) =
        (per(zero_points(builder, node, zeros_index), columns), biases(builder, node, bias, columns, stage))
    else {
        return Ok(None);
    };
    if width != depth {
        return Ok(None);
    }
    let pack = || pack(builder, b, transposed, [rows, depth, columns], zeros);
    let size = packed_size(1, depth, columns);
    let Some(packed) = builder.packed_bytes(node, &[weights, zeros_index], size, pack)? else {
        return Ok(None);
    };
    let plan = Gemm::new(packed, lhs, a_zero, bias.as_deref(), stage);
    plan.map(|plan| Some((plan, rows))).map_err(|error| failed(node, &error))
}

/// The weights `b` for products of so many rows. Few rows take as long as the weights take to be read: where these are integers of few bits, and
/// the backend has kernels that read them so, they are packed so, whatever type the file has for them.
pub(super) fn pack(
    builder: &Builder<'_>,
    b: &Tensor,
    transposed: bool,
    [rows, depth, columns]: [usize; 3],
    zeros: Per<i32>,
) -> Result<Option<PackedWeights>, eightbit::Error> {
    fn packed<T: Element>(
        builder: &Builder<'_>,
        b: &[T],
        transposed: bool,
        [rows, depth, columns]: [usize; 3],
        zeros: Per<i32>,
    ) -> Result<Option<PackedWeights>, eightbit::Error> {
        let view = if transposed {
            MatRef::new(b, columns, depth)?.transposed()
        } else {
            MatRef::new(b, depth, columns)?
        };
        if let Some(precision) = few_bits(b, &zeros)? {
            let packed = PackedWeights::pack_as(builder.backend, &view, precision, zeros.clone())?;
            if packed.are_read_folded(rows) {
                return Ok(Some(packed));
            }
        }
        PackedWeights::pack(builder.backend, &view, zeros).map(Some)
    }
    match b.data() {
        TensorData::I8(b) => packed(builder, b, transposed, [rows, depth, columns], zeros),
        TensorData::U8(b) => packed(builder, b, transposed, [rows, depth, columns], zeros),
        _ => Ok(None),
    }
}

/// The fewest bits, two or four, in which there are all of these weights and zero points.
fn few_bits<T: Element>(weights: &[T], zeros: &Per<i32>) -> Result<Option<Precision>, eightbit::Error> {
    let zeros = match zeros {
        Per::Tensor(zero) => std::slice::from_ref(zero),
        Per::Channel(zeros) => zeros,
        _ => return Ok(None),
    };
    for precision in [Precision::Bits(2), Precision::Bits(4)] {
        let (low, high) = precision.range(T::TYPE)?;
        let holds = |number: i32| (low..=high).contains(&number);
        if zeros.iter().all(|&zero| holds(zero)) && weights.iter().all(|&weight| holds(weight.into())) {
            return Ok(Some(precision));
        }
    }
    Ok(None)
}
