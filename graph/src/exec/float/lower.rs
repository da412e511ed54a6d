//! Lowers float nodes to float steps, fused with the activations that follow.

use std::sync::Arc;

use eightbit_kernels::float::FloatWeights;

use super::batched;
use super::{
    AveragePool, Binary, Clamp, Clamping, Convolution, Depthwise, Elementwise, GlobalAverage, Leaky, MatMul,
    MaxPool, signal,
};
use crate::exec::broadcast;
use crate::exec::builder::Builder;
use crate::exec::shuffle::Join;
use crate::exec::step::StepKernel;
use crate::exec::value::Layout;
use crate::limits::bytes_of_tensor;
use crate::ops::eight_bit::EightBit;
use crate::ops::shared::convolution::Geometry;
use crate::ops::shared::indexing::{self, Offsets, broadcast_strides};
use crate::ops::shared::window::Window;
use crate::ops::{add, depthwise_conv2d_native};
use crate::{DataType, Error, Node, Tensor, element_count};

/// The bounds of a clamping node, if they are constant.
fn bounds(builder: &Builder<'_>, node: &Node) -> Option<Clamp> {
    let EightBit::Clamp(bounds) = node.operator()?.eight_bit else { return None };
    bounds(node, &|name| builder.constant(name)).map(|(low, high)| Clamp { low, high })
}

/// Fuses the activation that is the only reader of the node's output, if there is one; returns it and the name of the
/// result.
pub(super) fn fuse_activation(builder: &mut Builder<'_>, node: &Node) -> Result<(Clamp, String), Error> {
    let (index, clamp, result) = next_activation(builder, node)?;
    index.into_iter().for_each(|index| builder.fuse(index));
    Ok((clamp, result))
}

/// The activation that is the only reader of the node's output, if there is one: its index, its bounds and the name of the result,
/// which without one are those of the node itself.
pub(crate) fn next_activation(
    builder: &Builder<'_>,
    node: &Node,
) -> Result<(Option<usize>, Clamp, String), Error> {
    let output = node.required_output(0)?;
    if let Some((index, next)) = builder.only_consumer(output)
        && next.input(0) == Some(output)
        && let Some(clamp) = bounds(builder, next)
        && let Some(result) = next.output(0)
    {
        return Ok((Some(index), clamp, result.to_owned()));
    }
    Ok((None, Clamp::NONE, output.to_owned()))
}

/// What is added to the results of a step, and the bounds and the name of their sum.
struct Finish {
    addend: Option<usize>,
    clamp: Clamp,
    result: String,
}

/// Fuses the addition of a channels-last value of the same shape, if it is the only reader of the node's output and an earlier step writes
/// that value, and then the activation that follows.
fn fuse_addition(builder: &mut Builder<'_>, node: &Node) -> Result<Finish, Error> {
    let output = node.required_output(0)?;
    if let Some((index, next)) = builder.only_consumer(output)
        && next.is(&add::OP)
        && let [a, b] = &next.inputs[..]
        && let other = if a == output { b } else { a }
        && builder.type_of(other)? == builder.type_of(output)?
        && let Some((addend, _)) = builder.found(other, Layout::ChannelsLast)
    {
        builder.fuse(index);
        let (clamp, result) = fuse_activation(builder, next)?;
        return Ok(Finish { addend: Some(addend), clamp, result });
    }
    let (clamp, result) = fuse_activation(builder, node)?;
    Ok(Finish { addend: None, clamp, result })
}

/// A constant vector of `len` floats in input `index`; empty if the input is left out, `None` if it is anything else.
pub(super) fn bias(builder: &Builder<'_>, node: &Node, index: usize, len: usize) -> Option<Vec<f32>> {
    let Some(name) = node.input(index) else { return Some(Vec::new()) };
    let values = builder.constant(name)?.as_f32().ok()?;
    (values.len() == len).then(|| values.to_vec())
}

/// The weights of a convolution, in ONNX's order, as matrices with their bias.
pub(super) fn packed(
    builder: &mut Builder<'_>,
    node: &Node,
    geometry: &Geometry,
    oihw: &[f32],
    bias: &[f32],
) -> Result<Arc<Vec<FloatWeights>>, Error> {
    let (backend, (inputs, outputs)) = (builder.backend, geometry.group_channels());
    let depth = geometry.window.sizes.kernel.iter().product::<usize>() * inputs;
    let size = FloatWeights::size(backend, [depth, outputs]).saturating_mul(geometry.groups as u64);
    builder.packed_floats(node, &[1, 2], size, || Convolution::pack(backend, geometry, oihw, bias))
}

/// `Conv` with constant weights.
pub(crate) fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    if shape.len() == 3 {
        return signal::convolution(builder, node, &shape);
    }
    let Some(weights) =
        builder.constant_input(node, 1).filter(|w| shape.len() == 4 && w.rank() == 4).cloned()
    else {
        return Ok(false);
    };
    let geometry = Geometry::new(node, &shape, weights.shape())?;
    if geometry.window.is_huge() {
        return Ok(false);
    }
    let Some(bias) = bias(builder, node, 2, geometry.out_channels()) else { return Ok(false) };
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    let oihw = weights.as_f32()?;
    let (backend, workers) = (builder.backend, builder.workers.clone());
    let mut inputs = vec![Some(input)];
    let (kernel, result): (Box<dyn StepKernel>, _) = if geometry.is_depthwise() {
        let (clamp, result) = fuse_activation(builder, node)?;
        let weights = builder
            .packed_taps(node, &[1], bytes_of_tensor(&weights), || Depthwise::pack(&geometry, oihw))?;
        (Box::new(Depthwise::new(backend, geometry, weights, bias, clamp, workers)), result)
    } else {
        let Finish { addend, clamp, result } = fuse_addition(builder, node)?;
        inputs.extend(addend.map(Some));
        let weights = packed(builder, node, &geometry, oihw, &bias)?;
        let pixels = shape[0] * element_count(&geometry.window.sizes.output)?;
        builder.take_scratch(Convolution::description_bytes(&geometry))?;
        let convolution = Convolution::new(geometry, weights, clamp, workers);
        builder.count_scratch(convolution.scratch_bytes(pixels));
        (Box::new(convolution), result)
    };
    let output = builder.define(&result, Layout::ChannelsLast)?;
    builder.push(node, inputs, vec![output], kernel);
    Ok(true)
}

/// `DepthwiseConv2dNative` with constant weights, and one output for each channel.
pub(crate) fn depthwise(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(weights) = builder.constant_input(node, 1).cloned() else { return Ok(false) };
    let geometry = depthwise_conv2d_native::geometry(node, &shape, weights.shape())?;
    if geometry.window.is_huge() || !geometry.is_depthwise() {
        return Ok(false);
    }
    // In the order of the kernels already.
    let values = weights.as_f32()?;
    let taps = builder.packed_taps(node, &[1], bytes_of_tensor(&weights), || values.to_vec())?;
    let (backend, workers) = (builder.backend, builder.workers.clone());
    let kernel = Depthwise::new(backend, geometry, taps, Vec::new(), Clamp::NONE, workers).rounding_twice();
    let input = builder.read(node.required_input(0)?, Layout::Plain)?;
    let output = builder.define(node.required_output(0)?, Layout::Plain)?;
    builder.push(node, vec![Some(input)], vec![output], Box::new(kernel));
    Ok(true)
}

/// `Gemm` with constant weights.
pub(crate) fn gemm(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(weights) = builder.constant_input(node, 1).cloned() else { return Ok(false) };
    if node.flag("transA", false)? || shape.len() != 2 || weights.rank() != 2 {
        return Ok(false);
    }
    let transposed = node.flag("transB", false)?;
    let (k, n) = match *weights.shape() {
        [n, k] if transposed => (k, n),
        [k, n] => (k, n),
        _ => return Ok(false),
    };
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    let bias: Vec<f32> = match builder.constant_input(node, 2) {
        None if node.input(2).is_some() => return Ok(false),
        None => Vec::new(),
        Some(c) => {
            // By shape: one row for all, or as many as the output has.
            let rows = if matches!(*c.shape(), [rows, _] if rows > 1) { shape[0] } else { 1 };
            builder.count_constants((rows * n) as u64 * size_of::<f32>() as u64)?;
            let values = c.as_f32()?;
            let each = Offsets::new(&[rows, n], &broadcast_strides(c.shape(), &[rows, n]));
            each.map(|at| values[at] * beta).collect()
        }
    };
    if shape[1] != k {
        return Ok(false);
    }
    let b = weights.as_f32()?;
    let at = |row: usize, column: usize| if transposed { column * k + row } else { row * n + column };
    // One row for all is part of the weights.
    let (own, bias) = if bias.len() == n { (bias, Vec::new()) } else { (Vec::new(), bias) };
    let backend = builder.backend;
    let size = FloatWeights::size(backend, [k, n]);
    let weights = builder.packed_floats(node, &[1, 2], size, || {
        vec![FloatWeights::pack(backend, [k, n], |row, column| alpha * b[at(row, column)], &own)]
    })?;
    product(builder, node, weights, bias)
}

/// `MatMul`, with constant weights or of two activations.
pub(crate) fn matmul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    if builder.constant_input(node, 1).is_none() {
        return batched::matmul(builder, node);
    }
    let shape = builder.shape(node, 0)?;
    let Some(&[k, n]) = builder.constant_input(node, 1).map(Tensor::shape) else { return Ok(false) };
    if shape.last() != Some(&k) {
        return Ok(false);
    }
    let Some(weights) = builder.constant_input(node, 1) else { return Ok(false) };
    let floats = weights.as_f32()?;
    let backend = builder.backend;
    let size = FloatWeights::size(backend, [k, n]);
    let weights = builder.packed_floats(node, &[1], size, || {
        vec![FloatWeights::pack(backend, [k, n], |row, column| floats[row * n + column], &[])]
    })?;
    product(builder, node, weights, Vec::new())
}

fn product(
    builder: &mut Builder<'_>,
    node: &Node,
    weights: Arc<Vec<FloatWeights>>,
    bias: Vec<f32>,
) -> Result<bool, Error> {
    let input = builder.read(node.required_input(0)?, Layout::Plain)?;
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, Layout::Plain)?;
    let kernel = Box::new(MatMul { weights, bias, clamp, workers: builder.workers.clone() });
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
}

/// Whether the first input of a node is of `f32`.
pub(super) fn is_float(builder: &Builder<'_>, node: &Node) -> Result<bool, Error> {
    Ok(builder.type_of(node.required_input(0)?)?.data_type == DataType::F32)
}

/// A clamping activation.
pub(crate) fn clamp(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(clamp) = bounds(builder, node).filter(|_| is_float(builder, node).unwrap_or(false)) else {
        return Ok(false);
    };
    builder.push_elementwise(node, Box::new(Clamping(clamp)))
}

/// `LeakyRelu`.
pub(crate) fn leaky(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    if !is_float(builder, node)? {
        return Ok(false);
    }
    builder.push_elementwise(node, Box::new(Leaky(node.float("alpha", 0.01)?)))
}

/// Two tensors, broadcast to a common shape.
pub(crate) fn binary(builder: &mut Builder<'_>, node: &Node, op: Binary) -> Result<bool, Error> {
    if node.inputs.len() != 2 || !is_float(builder, node)? {
        return Ok(false);
    }
    let Some(pair) = broadcast::pair(builder, node, [0, 1])? else { return Ok(false) };
    let inputs = pair.read(builder, node, [0, 1])?;
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, pair.layout)?;
    builder.push(node, inputs, vec![output], Box::new(Elementwise::new(op, pair.broadcast, clamp)));
    Ok(true)
}

/// The number of images and channels of an image tensor, and its window.
fn pool(builder: &Builder<'_>, node: &Node) -> Result<Option<(usize, usize, Window)>, Error> {
    match builder.shape(node, 0)?[..] {
        [images, channels, height, width] => {
            Ok(Some((images, channels, Window::new(node, &[height, width], None)?)))
        }
        _ => Ok(None),
    }
}

/// `MaxPool` of images.
pub(crate) fn max_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let data_type = builder.type_of(node.required_input(0)?)?.data_type;
    let supported = matches!(data_type, DataType::F32 | DataType::U8 | DataType::I8);
    let Some((images, channels, window)) =
        pool(builder, node)?.filter(|_| supported && node.output(1).is_none())
    else {
        return Ok(false);
    };
    image_to_image(builder, node, MaxPool { window, images, channels })
}

/// `AveragePool` of images.
pub(crate) fn average_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some((images, channels, window)) = pool(builder, node)? else { return Ok(false) };
    let count_padding = node.flag("count_include_pad", false)?;
    image_to_image(builder, node, AveragePool::new(window, images, channels, count_padding))
}

/// A step that reads an image and writes its first output, which is an image, too.
fn image_to_image(
    builder: &mut Builder<'_>,
    node: &Node,
    kernel: impl StepKernel + 'static,
) -> Result<bool, Error> {
    let define = |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::ChannelsLast);
    builder.push_unary(node, Layout::ChannelsLast, define, Box::new(kernel))
}

/// `GlobalAveragePool` of images.
pub(crate) fn global_average_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let [_, channels, height, width] = builder.shape(node, 0)?[..] else { return Ok(false) };
    image_to_image(builder, node, GlobalAverage::new(height * width, channels))
}

/// A mean over the axes 2 and 3, the pixels of an image: a global pool.
pub(crate) fn mean_over_pixels(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let [_, channels, height, width] = builder.shape(node, 0)?[..] else { return Ok(false) };
    if !is_float(builder, node)? {
        return Ok(false);
    }
    // With one pixel per image both layouts are the same.
    let define = |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::Plain);
    let kernel = GlobalAverage::new(height * width, channels);
    builder.push_unary(node, Layout::ChannelsLast, define, Box::new(kernel))
}

/// `Concat`.
pub(crate) fn concat(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let output = node.required_output(0)?;
    let images = builder.is_image(output);
    let layout = if images { Layout::ChannelsLast } else { Layout::Plain };
    let (mut inputs, mut shapes) = (Vec::new(), Vec::new());
    for index in 0..node.inputs.len() {
        let mut shape = builder.shape(node, index)?;
        if images {
            shape[1..].rotate_left(1);
        }
        shapes.push(shape);
        inputs.push(Some(builder.read(node.required_input(index)?, layout)?));
    }
    let axis = node.int("axis", 0)?;
    let Some(axis) = shapes.first().and_then(|shape| indexing::axis(axis, shape.len())) else {
        return Ok(false);
    };
    let axis = if images { [0, 3, 1, 2][axis] } else { axis };
    let output = builder.define(output, layout)?;
    builder.push(node, inputs, vec![output], Box::new(Join::new(&shapes, axis)));
    Ok(true)
}

/// Operators that only change the name or shape of a value: they need no step.
pub(crate) fn rename(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    builder.alias(node.required_input(0)?, node.required_output(0)?)?;
    Ok(true)
}
