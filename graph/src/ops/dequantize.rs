//! `Dequantize` of TensorFlow. Inputs: codes, the floats that the lowest and the highest code stand for.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::quantize_v2::Mode;
use super::shared::arguments::Arguments;
use super::shared::by_code::by_code;
use super::shared::code_range::{Code, CodeRange, Decoder};
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use super::shared::slices::Slices;
use crate::exec::integer::coded;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(&[Input::Bytes(&[2, 3, 4]), Input::Float(-1.5), Input::Float(1.0)], &[]),
        Example::new(
            &[Input::Bytes(&[2, 3, 4]), Input::Float(-1.5), Input::Float(1.0)],
            &[("mode", Value::Text("MIN_FIRST"))],
        ),
        Example::new(
            &[Input::Bytes(&[2, 2]), Input::FloatVector(&[-1.0, 0.0]), Input::FloatVector(&[1.0, 2.0])],
            &[("mode", Value::Text("SCALED")), ("axis", Value::Int(0))],
        ),
    ],
    eight_bit: EightBit::Bytes,
    lower: coded::bytes::dequantize,
    output_type: |_, _| Some(DataType::F32),
    ..Operator::new("Dequantize", "codes to the floats of a range that they stand for", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(DataType::F32, inputs.shape(0)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn floats<T: Code>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let codes = args.values::<T>(0)?;
        let shape = args.tensor(0)?.shape();
        let slices = Slices::new(args.node(), shape)?;
        let mode = Mode::of(args.node())?;
        let mut y = vec![0.0; codes.len()];
        if slices.count == 1 {
            Dequantizer::new(mode, CodeRange::of(args, 1)?).run(codes, &mut y);
        } else if matches!(mode, Mode::First) {
            return Err(args.unsupported("the mode MIN_FIRST with an axis"));
        } else {
            for (index, range) in slices.ranges(args)?.into_iter().enumerate() {
                let dequantizer = Dequantizer::new(mode, range);
                slices.for_each_run(index, |run| {
                    if let (Some(codes), Some(y)) = (codes.get(run.clone()), y.get_mut(run)) {
                        dequantizer.run(codes, y);
                    }
                });
            }
        }
        Ok(vec![Tensor::new(shape, y)?])
    }
    by_code!(T, args.tensor(0)?.data_type(), floats::<T>(args), other => Err(args.wrong_type(other)))
}

/// What the codes of type `T` stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dequantizer<T> {
    /// `(code + half) · scale + min`.
    Combined {
        half: f32,
        scale: f32,
        min: f32,
    },
    First(Decoder<T>),
    Scaled {
        scale: f32,
    },
}

impl<T: Code> Dequantizer<T> {
    pub(crate) fn new(mode: Mode, CodeRange { min, max }: CodeRange) -> Self {
        let (low, high) = (T::LOWEST as f32, T::HIGHEST as f32);
        match mode {
            Mode::First => Self::First(Decoder::new(CodeRange { min, max })),
            Mode::Combined => {
                let half = if low < 0.0 { (high - low + 1.0) / 2.0 } else { 0.0 };
                Self::Combined { half, scale: (max - min) / (high - low), min }
            }
            Mode::Scaled { .. } if low == 0.0 => Self::Scaled { scale: max / high },
            Mode::Scaled { narrow, .. } => {
                let low = (T::LOWEST + f64::from(u8::from(narrow))) as f32;
                Self::Scaled { scale: (min / low).max(max / high) }
            }
        }
    }

    pub(crate) fn run(&self, codes: &[T], y: &mut [f32]) {
        match *self {
            Self::Combined { half, scale, min } => map(codes, y, |code| (code.as_f32() + half) * scale + min),
            Self::First(decoder) => map(codes, y, |code| decoder.float(code)),
            Self::Scaled { scale } => map(codes, y, |code| code.as_f32() * scale),
        }
    }
}

fn map<T: Copy>(codes: &[T], y: &mut [f32], float: impl Fn(T) -> f32) {
    for (&code, y) in codes.iter().zip(y) {
        *y = float(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats<T: Code>(codes: &[T], mode: Mode, (min, max): (f32, f32)) -> Vec<f32> {
        let mut y = vec![0.0; codes.len()];
        Dequantizer::new(mode, CodeRange { min, max }).run(codes, &mut y);
        y
    }

    #[test]
    fn modes_have_their_zero() {
        assert_eq!(floats(&[0u8, 51, 255], Mode::Combined, (-1.0, 4.0)), [-1.0, 0.0, 4.0]);
        assert_eq!(floats(&[0u8, 51, 255], Mode::First, (-1.0, 4.0)), [-1.0, 0.0, 4.0]);
        let scaled = Mode::Scaled { to_even: false, narrow: false };
        let scaled = floats(&[-127i8, 0, 127], scaled, (-2.0, 2.54));
        assert!((scaled[2] - 2.54).abs() < 1e-6 && scaled[1] == 0.0, "{scaled:?}");
    }
}
