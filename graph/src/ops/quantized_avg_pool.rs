//! `QuantizedAvgPool` of TensorFlow: the mean of the codes in each window inside the image, its fraction cut off. Inputs: images NHWC and their
//! range. Attributes are those of `AveragePool`.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::code_range::{Code, CodeRange, outputs, types};
use super::shared::domains::TENSORFLOW;
use super::shared::indexing::for_each_index;
use super::shared::inputs::Inputs;
use super::shared::window::Window;
use super::shared::window_sizes::kernel_shape;
use crate::exec::integer::coded;
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[Example::new(
        &[Input::Bytes(&[2, 5, 6, 3]), Input::Float(-3.2), Input::Float(5.1)],
        &[
            ("kernel_shape", Value::Ints(&[3, 2])),
            ("strides", Value::Ints(&[2, 1])),
            ("auto_pad", Value::Text("SAME_UPPER")),
        ],
    )
    .outputs(3)],
    eight_bit: EightBit::Bytes,
    reads: |inputs| {
        let kernel = kernel_shape(inputs.node).ok().flatten().unwrap_or_default();
        let sides = inputs.optional(0).and_then(|x| x.shape.get(1..3)).unwrap_or_default();
        kernel.iter().zip(sides).fold(1, |taps, (&kernel, &size)| taps.saturating_mul(kernel.min(size)))
    },
    lower: coded::pool::average,
    ..Operator::new(
        "QuantizedAvgPool",
        "the mean of each window's bytes, its fraction cut off",
        infer,
        evaluate,
    )
};

/// The window on images of shape `x`, NHWC, and the output's shape.
pub(crate) fn window(node: &Node, x: &[usize]) -> Result<(Window, Vec<usize>), Error> {
    let &[batch, height, width, channels] = x else {
        return Err(Error::node(node, format!("images of shape {x:?}")));
    };
    let window = Window::new(node, &[height, width], None)?;
    let shape = [&[batch], window.sizes.output.as_slice(), &[channels]].concat();
    Ok((window, shape))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    Ok(types(x.data_type, window(inputs.node, &x.shape)?.1))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn means<T: Code>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let (x, from) = (args.values::<T>(0)?, args.tensor(0)?.shape());
        let (window, shape) = window(args.node(), from)?;
        let mut y = Vec::with_capacity(args.count(&shape)?);
        let channels = shape.last().copied().unwrap_or_default();
        let plane = from.iter().skip(1).product::<usize>();
        let (mut taps, mut sums) = (Vec::new(), vec![0i64; channels]);
        for image in 0..from.first().copied().unwrap_or_default() {
            for_each_index(&window.sizes.output, |index| {
                window.taps(index, &mut taps);
                sums.fill(0);
                for &(_, tap) in &taps {
                    for (sum, &code) in sums.iter_mut().zip(x.iter().skip(image * plane + tap * channels)) {
                        *sum += code.into() as i64;
                    }
                }
                let count = taps.len().max(1) as i64;
                y.extend(sums.iter().map(|sum| T::saturated(sum / count)));
            });
        }
        outputs(&shape, y, CodeRange::of(args, 1)?)
    }
    match args.tensor(0)?.data_type() {
        DataType::U8 => means::<u8>(args),
        DataType::I8 => means::<i8>(args),
        other => Err(args.wrong_type(other)),
    }
}
