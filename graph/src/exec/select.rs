//! Which step a node becomes.

use std::sync::Arc;

use super::float::{
    AveragePool, Binary, Clamp, Convolution, Depthwise, Elementwise, GlobalAverage, MatMul, MaxPool,
};
use super::integer;
use super::lower::Builder;
use super::memory::Layout;
use super::shuffle::Join;
use crate::ops::conv::Geometry;
use crate::ops::indexing;
use crate::ops::window::Window;
use crate::{DataType, Error, Node, Tensor};

/// Adds the step for node `index`, and takes in the nodes behind it that can be fused.
pub(super) fn lower(builder: &mut Builder<'_>, index: usize) -> Result<(), Error> {
    let node = &builder.graph.nodes[index];
    if integer::lower(builder, node)? {
        return Ok(());
    }
    let done = match node.op.as_str() {
        _ if !node.domain.is_empty() => false,
        "Conv" => convolution(builder, node)?,
        "Gemm" => gemm(builder, node)?,
        "MatMul" => matmul(builder, node)?,
        "Relu" | "Clip" => activation(builder, node)?,
        "Add" => binary(builder, node, Binary::Add)?,
        "Mul" => binary(builder, node, Binary::Mul)?,
        "MaxPool" => max_pool(builder, node)?,
        "AveragePool" => average_pool(builder, node)?,
        "GlobalAveragePool" => global_average(builder, node)?,
        "ReduceMean" => reduce_mean(builder, node)?,
        "Concat" => concat(builder, node)?,
        "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => rename(builder, node)?,
        "Dropout" if node.output(1).is_none() => rename(builder, node)?,
        _ => false,
    };
    if done {
        return Ok(());
    }
    let any_layout = node.domain.is_empty()
        && matches!(
            node.op.as_str(),
            "Relu"
                | "Clip"
                | "LeakyRelu"
                | "Sigmoid"
                | "HardSigmoid"
                | "HardSwish"
                | "Elu"
                | "Tanh"
                | "Abs"
                | "Neg"
                | "Exp"
                | "Log"
                | "Sqrt"
                | "Reciprocal"
                | "Floor"
                | "Ceil"
                | "Round"
                | "Cast"
        );
    builder.push_fallback(node, "no kernel for this operator, type or shape", any_layout)
}

/// The bounds of a `Relu` or `Clip` with constant bounds that are the right way round.
fn bounds(builder: &Builder<'_>, node: &Node) -> Option<Clamp> {
    if node.is("Relu") {
        return Some(Clamp { low: 0.0, ..Clamp::NONE });
    }
    if !node.is("Clip") {
        return None;
    }
    let bound = |index: usize, open: f32| match node.input(index) {
        None => Some(open),
        Some(name) => builder.constant(name)?.to_scalar::<f32>().ok(),
    };
    let clamp = Clamp { low: bound(1, f32::NEG_INFINITY)?, high: bound(2, f32::INFINITY)? };
    (clamp.low <= clamp.high).then_some(clamp)
}

/// Fuses the activation that alone reads the node's output, if there is one; gives it and the name of the result.
fn fuse_activation(builder: &mut Builder<'_>, node: &Node) -> Result<(Clamp, String), Error> {
    let output = node.required_output(0)?;
    if let Some((index, next)) = builder.only_consumer(output)
        && next.input(0) == Some(output)
        && let Some(clamp) = bounds(builder, next)
        && let Some(result) = next.output(0)
    {
        builder.fuse(index);
        return Ok((clamp, result.to_owned()));
    }
    Ok((Clamp::NONE, output.to_owned()))
}

/// A constant vector of `len` floats in input `index`; empty if it is left out, `None` if it is anything else.
fn bias(builder: &Builder<'_>, node: &Node, index: usize, len: usize) -> Option<Vec<f32>> {
    let Some(name) = node.input(index) else { return Some(Vec::new()) };
    let values = builder.constant(name)?.as_f32().ok()?;
    (values.len() == len).then(|| values.to_vec())
}

fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(weights) =
        builder.constant_input(node, 1).filter(|w| shape.len() == 4 && w.rank() == 4).cloned()
    else {
        return Ok(false);
    };
    let geometry = Geometry::new(node, &shape, weights.shape())?;
    let Some(bias) = bias(builder, node, 2, geometry.out_channels) else { return Ok(false) };
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, Layout::ChannelsLast)?;
    let oihw = weights.as_f32()?;
    if geometry.is_depthwise() {
        let weights = builder.packed_floats(node, &[1], || Depthwise::pack(&geometry, oihw));
        let kernel = Depthwise::new(geometry, weights, bias, clamp, builder.threads);
        builder.push(node, vec![Some(input)], vec![output], kernel);
    } else {
        let weights = builder.packed_floats(node, &[1], || Convolution::pack(&geometry, oihw));
        let kernel = Convolution::new(geometry, weights, bias, clamp, builder.threads);
        builder.push(node, vec![Some(input)], vec![output], kernel);
    }
    Ok(true)
}

fn gemm(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
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
    let Some(mut bias) = bias(builder, node, 2, n) else { return Ok(false) };
    // A bias of `n` elements might also be a column; as one per row it is not fused.
    if builder.constant_input(node, 2).is_some_and(|c| c.shape().last() != Some(&n)) || shape[1] != k {
        return Ok(false);
    }
    bias.iter_mut().for_each(|bias| *bias *= beta);
    let b = weights.as_f32()?;
    let at = |row: usize, column: usize| if transposed { column * k + row } else { row * n + column };
    let weights = builder.packed_floats(node, &[1], || {
        (0..k).flat_map(|row| (0..n).map(move |column| alpha * b[at(row, column)])).collect()
    });
    product(builder, node, k, n, weights, bias)
}

fn matmul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(&[k, n]) = builder.constant_input(node, 1).map(Tensor::shape) else { return Ok(false) };
    if shape.last() != Some(&k) {
        return Ok(false);
    }
    let Some(weights) = builder.constant_input(node, 1) else { return Ok(false) };
    let floats = weights.as_f32()?;
    let weights = builder.packed_floats(node, &[1], || floats.to_vec());
    product(builder, node, k, n, weights, Vec::new())
}

fn product(
    builder: &mut Builder<'_>,
    node: &Node,
    k: usize,
    n: usize,
    weights: Arc<Vec<f32>>,
    bias: Vec<f32>,
) -> Result<bool, Error> {
    let input = builder.read(node.required_input(0)?, Layout::Plain)?;
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, Layout::Plain)?;
    builder.push(node, vec![Some(input)], vec![output], MatMul { k, n, weights, bias, clamp });
    Ok(true)
}

fn is_float(builder: &Builder<'_>, node: &Node) -> Result<bool, Error> {
    Ok(builder.type_of(node.required_input(0)?)?.data_type == DataType::F32)
}

fn activation(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(clamp) = bounds(builder, node).filter(|_| is_float(builder, node).unwrap_or(false)) else {
        return Ok(false);
    };
    let name = node.required_input(0)?;
    let layout = builder.layout_of(name);
    let input = builder.read(name, layout)?;
    let output = builder.define(node.required_output(0)?, layout)?;
    builder.push(node, vec![Some(input)], vec![output], Elementwise { op: None, clamp });
    Ok(true)
}

fn binary(builder: &mut Builder<'_>, node: &Node, op: Binary) -> Result<bool, Error> {
    if !is_float(builder, node)? || builder.shape(node, 0)? != builder.shape(node, 1)? {
        return Ok(false);
    }
    let (a, b) = (node.required_input(0)?, node.required_input(1)?);
    let layout = if builder.layout_of(b) == Layout::ChannelsLast {
        Layout::ChannelsLast
    } else {
        builder.layout_of(a)
    };
    let inputs = vec![Some(builder.read(a, layout)?), Some(builder.read(b, layout)?)];
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, layout)?;
    builder.push(node, inputs, vec![output], Elementwise { op: Some(op), clamp });
    Ok(true)
}

/// Images and channels of an image, and its window.
fn pool(builder: &Builder<'_>, node: &Node) -> Result<Option<(usize, usize, Window)>, Error> {
    match builder.shape(node, 0)?[..] {
        [images, channels, height, width] => {
            Ok(Some((images, channels, Window::new(node, &[height, width], None)?)))
        }
        _ => Ok(None),
    }
}

fn max_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let data_type = builder.type_of(node.required_input(0)?)?.data_type;
    let supported = matches!(data_type, DataType::F32 | DataType::U8 | DataType::I8);
    let Some((images, channels, window)) =
        pool(builder, node)?.filter(|_| supported && node.output(1).is_none())
    else {
        return Ok(false);
    };
    image_to_image(builder, node, MaxPool { window, images, channels })
}

fn average_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some((images, channels, window)) = pool(builder, node)? else { return Ok(false) };
    let count_padding = node.flag("count_include_pad", false)?;
    image_to_image(builder, node, AveragePool::new(window, images, channels, count_padding))
}

/// A step that reads one image and writes one.
fn image_to_image(
    builder: &mut Builder<'_>,
    node: &Node,
    kernel: impl super::step::Kernel + 'static,
) -> Result<bool, Error> {
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    let output = builder.define(node.required_output(0)?, Layout::ChannelsLast)?;
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
}

fn global_average(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let [_, channels, height, width] = builder.shape(node, 0)?[..] else { return Ok(false) };
    image_to_image(builder, node, GlobalAverage { pixels: height * width, channels })
}

/// The mean over height and width is that of a global pool.
fn reduce_mean(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let [_, channels, height, width] = builder.shape(node, 0)?[..] else { return Ok(false) };
    let axes = match node.input(1) {
        Some(name) => builder.constant(name).map(|axes| axes.as_i64().map(<[i64]>::to_vec)).transpose()?,
        None => node.ints("axes")?.map(<[i64]>::to_vec),
    };
    let mut axes: Vec<usize> =
        axes.unwrap_or_default().into_iter().filter_map(|axis| indexing::axis(axis, 4)).collect();
    axes.sort_unstable();
    if axes != [2, 3] || !is_float(builder, node)? {
        return Ok(false);
    }
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    // One pixel per image: both layouts are the same.
    let output = builder.define(node.required_output(0)?, Layout::Plain)?;
    let kernel = GlobalAverage { pixels: height * width, channels };
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
}

fn concat(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
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
    builder.push(node, inputs, vec![output], Join::new(&shapes, axis));
    Ok(true)
}

/// Operators after which the same elements have another name or shape: no step at all.
fn rename(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    builder.alias(node.required_input(0)?, node.required_output(0)?)?;
    Ok(true)
}
