//! `QuantizeV2` of TensorFlow. Inputs: x, the least and the greatest float. Outputs: codes, and the floats that the lowest and the
//! highest code stand for.
//!
//! Formulas: <https://www.tensorflow.org/api_docs/python/tf/quantization/quantize>, whose rounding of each operation is that of
//! tensorflow/core/kernels/quantize_op.cc.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_code::by_code;
use super::shared::code_range::{Code, CodeRange, Encoder, outputs, rounded, types};
use super::shared::code_type;
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use super::shared::slices::Slices;
use crate::exec::integer::coded;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Float(-1.5), Input::Float(1.0)], &[]).outputs(3),
        Example::new(
            &[Input::Floats(&[2, 3, 4]), Input::Float(-1.5), Input::Float(1.0)],
            &[("mode", Value::Text("MIN_FIRST"))],
        )
        .outputs(3),
        Example::new(
            &[
                Input::Floats(&[2, 3]),
                Input::FloatVector(&[-1.0, 0.0, -2.0]),
                Input::FloatVector(&[1.0, 2.0, 2.0]),
            ],
            &[
                ("T", Value::Text("qint8")),
                ("mode", Value::Text("SCALED")),
                ("round_mode", Value::Text("HALF_TO_EVEN")),
                ("narrow_range", Value::Int(1)),
                ("axis", Value::Int(1)),
            ],
        )
        .outputs(3),
    ],
    eight_bit: EightBit::Bytes,
    lower: coded::bytes::quantize,
    output_type: |node, _| code_type::of(node, "T").ok(),
    ..Operator::new("QuantizeV2", "floats of a range to codes of eight or 32 bits", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.shape(0)?;
    let mut all = types(code_type::of(inputs.node, "T")?, x);
    let slices = Slices::new(inputs.node, x)?;
    if slices.count != 1 {
        all.iter_mut().skip(1).for_each(|of| of.shape = vec![slices.count]);
    }
    Ok(all)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn quantized<T: Code>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let x = args.values::<f32>(0)?;
        let shape = args.tensor(0)?.shape();
        let slices = Slices::new(args.node(), shape)?;
        let mode = Mode::of(args.node())?;
        let mut codes = vec![T::default(); x.len()];
        if slices.count == 1 {
            let quantizer = Quantizer::new(args.node(), mode, CodeRange::of(args, 1)?)?;
            quantizer.run(x, &mut codes);
            return outputs(shape, codes, quantizer.range);
        }
        if matches!(mode, Mode::First) {
            return Err(args.unsupported("the mode MIN_FIRST with an axis"));
        }
        let mut bounds = [Vec::new(), Vec::new()];
        for (index, range) in slices.ranges(args)?.into_iter().enumerate() {
            let quantizer = Quantizer::new(args.node(), mode, range)?;
            slices.for_each_run(index, |run| {
                if let (Some(x), Some(codes)) = (x.get(run.clone()), codes.get_mut(run)) {
                    quantizer.run(x, codes);
                }
            });
            bounds[0].push(quantizer.range.min);
            bounds[1].push(quantizer.range.max);
        }
        let [min, max] = bounds.map(Tensor::vector);
        Ok(vec![Tensor::new(shape, T::wrap(codes))?, min, max])
    }
    by_code!(T, code_type::of(args.node(), "T")?, quantized::<T>(args), other => Err(args.wrong_type(other)))
}

/// How codes are laid over a range.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// From its least float to its greatest.
    Combined,
    /// The same, and the code of 0 is a whole number.
    First,
    /// By a scale alone; whether ties go to even numbers, and whether the lowest code is left out.
    Scaled { to_even: bool, narrow: bool },
}

impl Mode {
    pub(crate) fn of(node: &Node) -> Result<Self, Error> {
        let to_even = match node.string("round_mode", "HALF_AWAY_FROM_ZERO")? {
            "HALF_AWAY_FROM_ZERO" => false,
            "HALF_TO_EVEN" => true,
            other => return Err(Error::attribute(node, "round_mode", format!("is {other}"))),
        };
        match node.string("mode", "MIN_COMBINED")? {
            "SCALED" => Ok(Self::Scaled { to_even, narrow: node.flag("narrow_range", false)? }),
            _ if to_even => Err(Error::attribute(node, "round_mode", "HALF_TO_EVEN is for the mode SCALED")),
            "MIN_COMBINED" => Ok(Self::Combined),
            "MIN_FIRST" => Ok(Self::First),
            other => Err(Error::attribute(node, "mode", format!("is {other}"))),
        }
    }
}

/// Quantizes to the codes of type `T`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantizer<T> {
    mode: Mode,
    /// What the lowest and the highest code stand for.
    pub(crate) range: CodeRange,
    scale: f32,
    encoder: Encoder<T>,
}

impl<T: Code> Quantizer<T> {
    /// A quantizer for floats of the range `given`, which is widened to hold 0, and a step if it is narrow.
    pub(crate) fn new(node: &Node, mode: Mode, given: CodeRange) -> Result<Self, Error> {
        if given.max < given.min {
            return Err(Error::node(
                node,
                format!("its range ends at {} before it begins at {}", given.max, given.min),
            ));
        }
        let least_width =
            given.min.abs().max(given.max.abs()).max(1.0) * node.float("ensure_minimum_range", 0.01)?;
        let min = given.min.min(0.0);
        let mut range = CodeRange { min, max: given.max.max(min + least_width).max(0.0) };
        let mut scale = ((T::HIGHEST - T::LOWEST) / f64::from(range.max - range.min)) as f32;
        if let Mode::Scaled { narrow, .. } = mode {
            let (low, high) = ((T::LOWEST + f64::from(u8::from(narrow))) as f32, T::HIGHEST as f32);
            let side = |code: f32, float: f32| if code * float > 0.0 { code / float } else { f32::MAX };
            scale = side(low, range.min).min(side(high, range.max));
            // TensorFlow computes without subnormal numbers.
            let min = Some(low / scale).filter(|min| min.is_normal());
            range = CodeRange { min: min.unwrap_or(0.0), max: high / scale };
        }
        Ok(Self { mode, range, scale, encoder: Encoder::new(range) })
    }

    /// See [`Encoder::steps`].
    pub(crate) fn steps(&self) -> Option<(f32, i32)> {
        if matches!(self.mode, Mode::First) { self.encoder.steps() } else { None }
    }

    pub(crate) fn run(&self, x: &[f32], codes: &mut [T]) {
        let Self { range: CodeRange { min, max }, scale, encoder, .. } = *self;
        let clamped = |x: f32| x.min(max).max(min);
        match self.mode {
            Mode::First => map(x, codes, |x| encoder.code(x)),
            Mode::Combined if T::LOWEST == 0.0 => {
                map(x, codes, |x| T::truncated((clamped(x) - min) * scale + 0.5));
            }
            Mode::Combined => {
                let half = ((T::HIGHEST - T::LOWEST + 1.0) / 2.0) as f32;
                map(x, codes, |x| T::truncated(rounded((clamped(x) - min) * scale - half)));
            }
            Mode::Scaled { to_even: true, .. } => {
                map(x, codes, |x| T::truncated((clamped(x) * scale).round_ties_even()));
            }
            Mode::Scaled { .. } => map(x, codes, |x| T::truncated(rounded(clamped(x) * scale))),
        }
    }
}

fn map<T: Copy>(x: &[f32], codes: &mut [T], code: impl Fn(f32) -> T) {
    for (&x, to) in x.iter().zip(codes) {
        *to = code(x);
    }
}
