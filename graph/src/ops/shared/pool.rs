//! Shared by pools over spatial axes: activations NCHW.

use super::super::eight_bit::{EightBit, OnBytes};
use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Infer, Operator};
use super::arguments::Arguments;
use super::indexing::for_each_index;
use super::inputs::Inputs;
use super::operands::Operands;
use super::qlinear;
use super::quantized_value::QuantizedValue;
use super::window::Window;
use super::window_sizes::{WindowSizes, kernel_shape};
use crate::{Error, Node, Tensor, TensorType};

/// The most elements that a window covers.
pub(crate) fn taps(inputs: &Inputs<'_>) -> usize {
    let kernel = kernel_shape(inputs.node).ok().flatten().unwrap_or_default();
    let plane = inputs.optional(0).and_then(|x| x.shape.get(2..)).unwrap_or_default();
    kernel.iter().zip(plane).fold(1, |taps, (&kernel, &size)| taps.saturating_mul(kernel.min(size)))
}

/// The shape of a pool's output, and the number of planes (images × channels).
pub(crate) fn output(args: &Arguments<'_>, window: &Window) -> Result<(Vec<usize>, usize), Error> {
    let shape = [&args.tensor(0)?.shape()[..2], window.sizes.output.as_slice()].concat();
    args.count(&shape)?;
    let planes = shape[0] * shape[1];
    Ok((shape, planes))
}

/// The window of a pool.
pub(crate) fn window(args: &Arguments<'_>) -> Result<Window, Error> {
    let shape = args.tensor(0)?.shape();
    if shape.len() < 3 {
        return Err(args.error(format!("an input of shape {shape:?} has no spatial dimensions")));
    }
    Window::new(args.node(), &shape[2..], None)
}

/// The output type of a pool.
pub(crate) fn infer(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let [batch, channels, spatial @ ..] = x.shape.as_slice() else {
        return Err(inputs.error(format!("an input of shape {:?}", x.shape)));
    };
    let kernel = kernel_shape(inputs.node)?
        .ok_or_else(|| Error::attribute(inputs.node, "kernel_shape", "is missing"))?;
    let window = WindowSizes::resolve(inputs.node, spatial, &kernel)?;
    Ok(TensorType::new(x.data_type, [&[*batch, *channels], window.output.as_slice()].concat()))
}

/// An operator that applies a function to each plane.
pub(crate) const fn global_operator(
    name: &'static str,
    summary: &'static str,
    evaluate: Evaluate,
) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[1, 3, 5, 6])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 5])], &[]),
    ];
    let infer: Infer = |inputs| Ok(vec![infer_global(inputs)?]);
    Operator { examples: EXAMPLES, ..Operator::new(name, summary, infer, evaluate) }
}

/// The output type of a pool over whole planes: the spatial axes stay, with size 1.
pub(crate) fn infer_global(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    if x.shape.len() < 3 {
        return Err(inputs.error(format!("an input of shape {:?}", x.shape)));
    }
    let keep = |(axis, &size): (usize, &usize)| if axis < 2 { size } else { 1 };
    Ok(TensorType::new(x.data_type, x.shape.iter().enumerate().map(keep).collect::<Vec<_>>()))
}

/// Applies a function to each plane of the first input; the spatial axes stay, with size 1.
pub(crate) fn global(args: &Arguments<'_>, of_plane: impl Fn(&[f32]) -> f32) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    if input.rank() < 2 {
        return Err(args.error(format!("an input of shape {:?} has no channels", input.shape())));
    }
    let mut shape = input.shape().to_vec();
    shape[2..].fill(1);
    let (x, plane) = (input.as_f32()?, input.shape()[2..].iter().product::<usize>());
    let planes = args.count(&shape)?;
    let pooled: Vec<f32> = (0..planes).map(|index| of_plane(&x[index * plane..][..plane])).collect();
    Ok(vec![Tensor::new(shape, pooled)?])
}

/// A function of each window: of its index, and of the elements that it covers.
pub(crate) fn windows(
    args: &Arguments<'_>,
    of_window: impl Fn(&Covered<'_>, &mut dyn ExactSizeIterator<Item = f64>) -> f64,
) -> Result<Vec<Tensor>, Error> {
    let x = args.values::<f32>(0)?;
    let window = window(args)?;
    let (shape, planes) = output(args, &window)?;
    let plane: usize = window.input.iter().product();
    let mut results = Vec::new();
    let mut taps = Vec::new();
    for plane in (0..planes).map(|index| &x[index * plane..][..plane]) {
        for_each_index(&window.sizes.output, |index| {
            window.taps(index, &mut taps);
            let mut elements = taps.iter().map(|&(_, at)| f64::from(plane[at]));
            results.push(of_window(&Covered { window: &window, index }, &mut elements) as f32);
        });
    }
    Ok(vec![Tensor::new(shape, results)?])
}

/// What a window covers.
pub(crate) struct Covered<'w> {
    window: &'w Window,
    index: &'w [usize],
}

/// The mean of each window; `count_include_pad` counts the padding as zeros.
pub(crate) fn average(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let count_padding = args.node().flag("count_include_pad", false)?;
    windows(args, |covered, elements| {
        let inside = elements.len();
        let count = if count_padding { covered.window.padded_taps(covered.index) } else { inside };
        elements.sum::<f64>() / count.max(1) as f64
    })
}

/// The mean of each plane.
pub(crate) fn global_average(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    global(args, |plane| (plane.iter().map(|&x| f64::from(x)).sum::<f64>() / plane.len() as f64) as f32)
}

/// The eight-bit role of a pool with a form on bytes.
pub(crate) const fn eight_bit(on_bytes: OnBytes) -> EightBit {
    EightBit::Compute(qlinear::compute(1, on_bytes))
}

/// A pool on bytes, if its output is quantized: `operator`, with the attributes of `node`.
pub(crate) fn on_bytes(
    operator: &'static Operator,
    node: &Node,
    operands: &Operands,
    to: Option<&QuantizedValue>,
) -> Result<Option<Node>, Error> {
    let Some(to) = to else { return Ok(None) };
    let bytes = operands.bytes(node.required_input(0)?).filter(QuantizedValue::per_tensor);
    let Some(bytes) = bytes.filter(|bytes| bytes.data_type == to.data_type) else { return Ok(None) };
    if !qlinear::multipliers_exist([bytes.scales[0] / to.scales[0]].into_iter()) {
        return Ok(None);
    }
    let inputs = qlinear::operand(&bytes).into_iter().chain(qlinear::output(to)).collect();
    Ok(Some(qlinear::node(operator, inputs, node)))
}

/// A pool on bytes, by the evaluation of the float one. Inputs: x, scale, zero point, scale and zero point of the output.
pub(crate) fn of_bytes(args: &Arguments<'_>, float: Evaluate) -> Result<Vec<Tensor>, Error> {
    if args.node().flag("channels_last", false)? {
        return Err(args.unsupported("channels_last"));
    }
    let x = qlinear::real(args, 0, 1)?;
    let y = qlinear::float(args, float, &[Some(&x)])?;
    Ok(vec![qlinear::bytes(args, &y, 3)?])
}
