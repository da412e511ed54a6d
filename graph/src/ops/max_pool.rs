//! `MaxPool`: the greatest element of each window and, as an optional output, its index in the whole input.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::indexing::for_each_index;
use super::shared::inputs::Inputs;
use super::shared::pool;
use crate::exec::{float, integer};
use crate::{DataType, Element, Error, Tensor, TensorData, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 5, 6])],
            &[("kernel_shape", Value::Ints(&[3, 2])), ("pads", Value::Ints(&[1, 0, 1, 1]))],
        ),
        Example::new(&[Input::Bytes(&[1, 3, 5, 6])], &[("kernel_shape", Value::Ints(&[2, 2]))]),
        Example::new(&[Input::Floats(&[1, 3, 5])], &[("kernel_shape", Value::Ints(&[2]))]).outputs(2),
    ],
    eight_bit: EightBit::MOVE,
    reads: pool::taps,
    lower: |builder, node| {
        Ok(integer::pool::max_pool(builder, node)? || float::lower::max_pool(builder, node)?)
    },
    ..Operator::new("MaxPool", "the greatest element of each window, and its place", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let output = pool::infer(inputs)?;
    let indices = TensorType::new(DataType::I64, output.shape.as_slice());
    Ok(vec![output, indices])
}

/// ONNX does not define the result for NaN. Here NaN is never the greatest, wherever it is in the window: a window of NaN
/// alone gives the result of a window in the padding, the least number (−∞ for floats), and the index of its first
/// element. `GlobalMaxPool` does the same.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn pooled<T: Element + PartialOrd>(
        args: &Arguments<'_>,
        x: &[T],
        lowest: T,
    ) -> Result<Vec<Tensor>, Error> {
        let window = pool::window(args)?;
        let (shape, planes) = pool::output(args, &window)?;
        let plane: usize = window.input.iter().product();
        let column_major = args.node().flag("storage_order", false)?;
        let (mut greatest, mut places) = (Vec::new(), Vec::new());
        let mut taps = Vec::new();
        for first in (0..planes).map(|index| index * plane) {
            for_each_index(&window.sizes.output, |index| {
                window.taps(index, &mut taps);
                let (mut value, mut at) = (lowest, taps.first().map_or(0, |&(_, at)| at));
                for &(_, tap) in &taps {
                    if x[first + tap] > value {
                        (value, at) = (x[first + tap], tap);
                    }
                }
                let at = if column_major { column_major_offset(at, &window.input) } else { at };
                greatest.push(value);
                places.push((first + at) as i64);
            });
        }
        let mut outputs = vec![Tensor::new(shape.clone(), T::wrap(greatest))?];
        if args.node().output(1).is_some() {
            outputs.push(Tensor::new(shape, places)?);
        }
        Ok(outputs)
    }
    match args.tensor(0)?.data() {
        TensorData::F32(x) => pooled(args, x, f32::NEG_INFINITY),
        TensorData::F64(x) => pooled(args, x, f64::NEG_INFINITY),
        TensorData::U8(x) => pooled(args, x, u8::MIN),
        TensorData::I8(x) => pooled(args, x, i8::MIN),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// Converts a row-major offset to the column-major one of the same element.
fn column_major_offset(mut offset: usize, shape: &[usize]) -> usize {
    let mut result = 0;
    for (axis, &dim) in shape.iter().enumerate().rev() {
        let stride: usize = shape[..axis].iter().product();
        result += offset % dim * stride;
        offset /= dim;
    }
    result
}
