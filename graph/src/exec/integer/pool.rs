//! Pools on bytes.

use eightbit::Padding;
use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};

use super::planned::{by_byte, by_bytes, planned};
use super::{clamp, element_type, failed, input, output};
use crate::exec::builder::Builder;
use crate::exec::value::Layout;
use crate::exec::workers::Threads;
use crate::ops::shared::window::Window;
use crate::{Error, Node};

/// The shape of a pool; `None` if the input is not an image. Shape inference has counted the windows already; rounding up
/// finds those that `ceil_mode` adds.
fn shape(builder: &Builder<'_>, node: &Node) -> Result<Option<Pool2dShape>, Error> {
    let [batch, channels, height, width] = builder.shape(node, 0)?[..] else { return Ok(None) };
    let window = Window::new(node, &[height, width], None)?;
    let sizes = &window.sizes;
    let pad = Padding {
        top: sizes.pads_begin[0],
        left: sizes.pads_begin[1],
        bottom: sizes.pads_end[0],
        right: sizes.pads_end[1],
    };
    let shape = Pool2dShape::new([height, width], channels, [sizes.kernel[0], sizes.kernel[1]])
        .with_batch(batch)
        .with_stride([sizes.strides[0], sizes.strides[1]])
        .with_dilation([sizes.dilations[0], sizes.dilations[1]])
        .with_pad(pad)
        .with_round_up(node.flag("ceil_mode", false)?);
    // Windows without a tap inside the image: only this crate's plain loops define their result.
    let fits = !window.is_huge() && shape.check().is_ok() && shape.output()[..] == sizes.output[..];
    Ok(fits.then_some(shape))
}

pub(crate) fn max_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let data_type = builder.type_of(node.required_input(0)?)?.data_type;
    let Some(element) = element_type(data_type).filter(|_| node.output(1).is_none()) else {
        return Ok(false);
    };
    let Some(shape) = shape(builder, node)? else { return Ok(false) };
    let plan = MaxPool2d::new(builder.backend, shape).map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.workers, plan.workspace_bytes());
    let what = "eight-bit maximum of each window";
    let kernel = by_byte!(T, element, {
        planned(what, threads, move |context, threads| {
            let x = context.input::<T>(0)?;
            threads.run(plan.call_rows(x, context.output_matrix::<T>(0, shape.channels)?)?);
            Ok(())
        })
    });
    builder.push_unary(node, Layout::ChannelsLast, Builder::define_pixels, kernel)
}

pub(crate) fn average_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    if node.flag("channels_last", false)? {
        return Ok(false);
    }
    let Some(shape) = shape(builder, node)? else { return Ok(false) };
    average(builder, node, shape, node.flag("count_include_pad", false)?)
}

pub(crate) fn global_average(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    if node.flag("channels_last", false)? {
        return Ok(false);
    }
    match whole_image(builder, node)? {
        Some(shape) => average(builder, node, shape, false),
        None => Ok(false),
    }
}

/// A mean over the axes 2 and 3, the pixels of an image: a global pool.
pub(crate) fn mean_over_pixels(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    match whole_image(builder, node)? {
        Some(shape) => average(builder, node, shape, false),
        None => Ok(false),
    }
}

/// One window that covers the whole image.
fn whole_image(builder: &Builder<'_>, node: &Node) -> Result<Option<Pool2dShape>, Error> {
    let [batch, channels, height, width] = builder.shape(node, 0)?[..] else { return Ok(None) };
    let size = [height, width];
    let shape = Pool2dShape::new(size, channels, size).with_batch(batch);
    Ok(Some(shape).filter(|shape| shape.check().is_ok()))
}

fn average(
    builder: &mut Builder<'_>,
    node: &Node,
    shape: Pool2dShape,
    count_padding: bool,
) -> Result<bool, Error> {
    let (Some(from), Some(to)) = (input(builder, node, 0)?, output(builder, node, 3)?) else {
        return Ok(false);
    };
    let (low, high) = clamp(node, &to)?;
    let plan = AveragePool2d::new(builder.backend, shape, from, to)
        .and_then(|plan| plan.count_padding(count_padding).clamped(low, high))
        .map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.workers, plan.workspace_bytes());
    let what = "eight-bit mean of each window";
    let kernel = by_bytes!([I, O], [from.element(), to.element()], {
        planned(what, threads, move |context, threads| {
            let x = context.input::<I>(0)?;
            threads.run(plan.call_rows(x, context.output_matrix::<O>(0, shape.channels)?)?);
            Ok(())
        })
    });
    builder.push_unary(node, Layout::ChannelsLast, define, kernel)
}

/// Defines the mean of an image's pixels, which may not be an image itself: with one pixel both layouts are the same.
fn define(builder: &mut Builder<'_>, name: &str) -> Result<usize, Error> {
    if builder.is_image(name) { builder.define_pixels(name) } else { builder.define(name, Layout::Plain) }
}
