//! Pools on bytes.

use eightbit::pool::{AveragePool2d, MaxPool2d, Pool2dShape};
use eightbit::{Element, Padding};

use super::{by_bytes, clamp, failed, input, output};
use crate::exec::builder::Builder;
use crate::exec::parallel::Threads;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::value::Layout;
use crate::ops::shared::window::Window;
use crate::{DataType, Error, Node};

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

#[derive(Debug)]
struct Maximum(MaxPool2d, Threads);

impl StepKernel for Maximum {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        fn run<T>(step: &mut Maximum, context: &mut StepContext<'_>) -> Result<(), Error>
        where
            T: Element + crate::Element,
        {
            let x = context.input::<T>(0)?;
            let out = context.output_matrix::<T>(0, step.0.shape().channels)?;
            let result = step.0.call_rows(x, out).and_then(|call| step.1.run(call));
            result.map_err(|error| context.error(error.to_string()))
        }
        match context.output_type(0) {
            DataType::I8 => run::<i8>(self, context),
            _ => run::<u8>(self, context),
        }
    }

    fn describe(&self) -> String {
        "eight-bit maximum of each window".to_owned()
    }
}

pub(crate) fn max_pool(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let data_type = builder.type_of(node.required_input(0)?)?.data_type;
    if !matches!(data_type, DataType::U8 | DataType::I8) || node.output(1).is_some() {
        return Ok(false);
    }
    let Some(shape) = shape(builder, node)? else { return Ok(false) };
    let plan = MaxPool2d::new(builder.backend, shape).map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.threads, plan.workspace_bytes());
    image_to_image(builder, node, Maximum(plan, threads))
}

#[derive(Debug)]
struct Average(AveragePool2d, Threads);

impl StepKernel for Average {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        fn run<I, O>(step: &mut Average, context: &mut StepContext<'_>) -> Result<(), Error>
        where
            I: Element + crate::Element,
            O: Element + crate::Element,
        {
            let x = context.input::<I>(0)?;
            let out = context.output_matrix::<O>(0, step.0.shape().channels)?;
            let result = step.0.call_rows(x, out).and_then(|call| step.1.run(call));
            result.map_err(|error| context.error(error.to_string()))
        }
        by_bytes!(context, run(self, context))
    }

    fn describe(&self) -> String {
        "eight-bit mean of each window".to_owned()
    }
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
    let Some(shape) = whole_image(builder, node)? else { return Ok(false) };
    let Some(kernel) = average_kernel(builder, node, shape, false)? else { return Ok(false) };
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    // With one pixel per image both layouts are the same.
    let name = node.required_output(0)?;
    let output = if builder.is_image(name) {
        builder.define_pixels(name)?
    } else {
        builder.define(name, Layout::Plain)?
    };
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
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
    match average_kernel(builder, node, shape, count_padding)? {
        Some(kernel) => image_to_image(builder, node, kernel),
        None => Ok(false),
    }
}

fn average_kernel(
    builder: &Builder<'_>,
    node: &Node,
    shape: Pool2dShape,
    count_padding: bool,
) -> Result<Option<Average>, Error> {
    let (Some(from), Some(to)) = (input(builder, node, 0)?, output(builder, node, 3)?) else {
        return Ok(None);
    };
    let (low, high) = clamp(node, &to)?;
    let plan = AveragePool2d::new(builder.backend, shape, from, to)
        .and_then(|plan| plan.count_padding(count_padding).clamped(low, high))
        .map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.threads, plan.workspace_bytes());
    Ok(Some(Average(plan, threads)))
}

fn image_to_image(
    builder: &mut Builder<'_>,
    node: &Node,
    kernel: impl StepKernel + 'static,
) -> Result<bool, Error> {
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    let output = builder.define_pixels(node.required_output(0)?)?;
    builder.push(node, vec![Some(input)], vec![output], kernel);
    Ok(true)
}
