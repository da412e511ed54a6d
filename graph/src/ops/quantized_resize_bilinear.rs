//! `QuantizedResizeBilinear` of TensorFlow, in fixed-point arithmetic. Inputs: images NHWC, height and width of the output, the range, which
//! stays.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::code_range::{Code, CodeRange, outputs, types};
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use crate::{DataType, Error, Node, Tensor, TensorType};

const X: [Input; 3] = [Input::Bytes(&[1, 3, 4, 2]), Input::Float(-3.2), Input::Float(5.1)];

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(&[X[0], Input::Integers(&[5, 3]), X[1], X[2]], &[]).outputs(3),
        Example::new(&[X[0], Input::Integers(&[5, 3]), X[1], X[2]], &[("align_corners", Value::Int(1))])
            .outputs(3),
        Example::new(&[X[0], Input::Integers(&[2, 7]), X[1], X[2]], &[("half_pixel_centers", Value::Int(1))])
            .outputs(3),
    ],
    eight_bit: EightBit::Bytes,
    ..Operator::new(
        "QuantizedResizeBilinear",
        "images of another size, between the nearest pixels",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let sides = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the size, is missing"))?;
    Ok(types(x.data_type, shape(inputs.node, &x.shape, sides)?))
}

fn shape(node: &Node, x: &[usize], sides: &[i64]) -> Result<Vec<usize>, Error> {
    let side = |side: i64| usize::try_from(side).ok().filter(|&side| side > 0);
    match (x, sides) {
        (&[batch, from_height, from_width, channels], &[height, width]) if from_height * from_width > 0 => {
            let sides = side(height).zip(side(width));
            let (height, width) = sides.ok_or_else(|| Error::node(node, format!("a size of {sides:?}")))?;
            Ok(vec![batch, height, width, channels])
        }
        _ => Err(Error::node(node, format!("images of shape {x:?} in the size {sides:?}"))),
    }
}

/// A pixel of the output along one axis: the pixels of the input beside it, and its place between them in steps of 2⁻ⁿ, where `n` is the
/// number of fraction bits.
struct Place {
    lower: usize,
    upper: usize,
    weight: i64,
}

fn places(node: &Node, from: usize, to: usize, fraction: u32) -> Result<Vec<Place>, Error> {
    let scale = if node.flag("align_corners", false)? && to > 1 {
        (from - 1) as f32 / (to - 1) as f32
    } else {
        from as f32 / to as f32
    };
    let centers = node.flag("half_pixel_centers", false)?;
    let place = |index: usize| {
        let at = if centers { (index as f32 + 0.5) * scale - 0.5 } else { index as f32 * scale };
        let upper = (at.ceil() as usize).min(from - 1);
        let weight = ((at - at.floor()) * (1u64 << fraction) as f32) as i64;
        Place { lower: (at.floor() as usize).min(upper), upper, weight }
    };
    Ok((0..to).map(place).collect())
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn resized<T: Code>(args: &Arguments<'_>, fraction: u32) -> Result<Vec<Tensor>, Error> {
        let (x, from) = (args.values::<T>(0)?, args.tensor(0)?.shape());
        let range = CodeRange::of(args, 2)?;
        let shape = shape(args.node(), from, &args.integers(1)?)?;
        let count = args.count(&shape)?;
        if from == shape {
            return outputs(&shape, x.to_vec(), range);
        }
        let mut codes = Vec::with_capacity(count);
        let rows = places(args.node(), from[1], shape[1], fraction)?;
        let columns = places(args.node(), from[2], shape[2], fraction)?;
        let one = 1i64 << fraction;
        for image in 0..from[0] {
            for row in &rows {
                for column in &columns {
                    for channel in 0..from[3] {
                        // Codes of 32 bits are rounded to floats first, unless the size stays.
                        let at = |row: usize, column: usize| -> i64 {
                            x[((image * from[1] + row) * from[2] + column) * from[3] + channel].as_f32()
                                as i64
                        };
                        let between = |row: usize| {
                            let (left, right) = (at(row, column.lower), at(row, column.upper));
                            left * one + (right - left) * column.weight
                        };
                        let (top, bottom) = (between(row.lower), between(row.upper));
                        let sum = top + (bottom - top) / one * row.weight;
                        codes.push(T::saturated((sum + one / 2) / one));
                    }
                }
            }
        }
        outputs(&shape, codes, range)
    }
    match args.tensor(0)?.data_type() {
        DataType::U8 => resized::<u8>(args, 7),
        DataType::I32 => resized::<i32>(args, 30),
        other => Err(args.wrong_type(other)),
    }
}
