//! `STFT`: the transforms of frames of a signal. Inputs: the signal, the step between frames, a window, the length of a frame.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, optional_doubles, rounded};
use super::shared::fourier::{Complex, Fourier, complex, one_sided, passing_bytes};
use super::shared::inputs::Inputs;
use super::shared::integers::size;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 17,
    examples: &[
        Example::new(&[Input::Floats(&[1, 12, 1]), Input::IntegersOf(&[], &[3]), Input::Weights(&[6])], &[]),
        Example::new(
            &[
                Input::Floats(&[2, 9, 2]),
                Input::IntegersOf(&[], &[2]),
                Input::Absent,
                Input::IntegersOf(&[], &[5]),
            ],
            &[("onesided", Value::Int(0))],
        ),
    ],
    reads: |inputs| {
        let frame = inputs.optional(2).and_then(|window| window.shape.first().copied());
        frame.or(inputs.optional(0).and_then(|signal| signal.shape.get(1).copied())).unwrap_or(1)
    },
    passing: |inputs| {
        let frames = inputs.shape(0).and_then(|signal| Ok((signal, from_types(inputs)?)));
        frames.map_or(0, |(signal, frames)| passing_bytes(signal, frames.length))
    },
    ..Operator::new("STFT", "the discrete Fourier transforms of frames of a signal", infer, evaluate)
};

/// The frames of a signal.
struct Frames {
    step: usize,
    length: usize,
    /// The output's shape: batch, frames, frequencies, parts.
    shape: [usize; 4],
}

impl Frames {
    fn new(args: &Arguments<'_>, signal: &[usize], window: Option<&[usize]>) -> Result<Self, Error> {
        let wrong = || args.error(format!("a signal of shape {signal:?} with a window of shape {window:?}"));
        let &[batch, samples, parts @ 1..=2] = signal else { return Err(wrong()) };
        let step = size(args, 1)?;
        let length = match (args.optional(3), window) {
            (Some(_), _) => size(args, 3)?,
            (None, Some(&[length])) => length,
            (None, None) => samples,
            (None, Some(_)) => return Err(wrong()),
        };
        if step == 0 || length == 0 || length > samples || window.is_some_and(|window| *window != [length]) {
            return Err(wrong());
        }
        let halved = args.node().flag("onesided", true)? && parts == 1;
        let frequencies = if halved { one_sided(length) } else { length };
        let shape = [batch, (samples - length) / step + 1, frequencies, 2];
        args.count(&shape)?;
        Ok(Self { step, length, shape })
    }
}

/// What is known without the elements of the signal.
fn from_types(inputs: &Inputs<'_>) -> Result<Frames, Error> {
    let known = [None, inputs.value(1)?, None, inputs.value(3)?];
    let window = inputs.optional(2).map(|window| window.shape.as_slice());
    Frames::new(&Arguments::new(inputs.node, &known), inputs.shape(0)?, window)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, from_types(inputs)?.shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let signal = args.tensor(0)?.shape();
    let frames = Frames::new(args, signal, args.optional(2).map(Tensor::shape))?;
    let x = complex(&doubles(args, 0)?, signal[2] == 1);
    let window = optional_doubles(args, 2)?.unwrap_or_else(|| vec![1.0; frames.length]);
    let fourier = Fourier::new(frames.length, false);
    let [batch, count, frequencies, _] = frames.shape;
    let mut y = Vec::with_capacity(batch * count * frequencies * 2);
    for index in 0..batch * count {
        let first = index / count * signal[1] + index % count * frames.step;
        let frame: Vec<Complex> = x[first..][..frames.length]
            .iter()
            .zip(&window)
            .map(|([real, imaginary], weight)| [real * weight, imaginary * weight])
            .collect();
        y.extend((0..frequencies).flat_map(|k| fourier.frequency(&frame, k)));
    }
    Ok(vec![rounded(args, frames.shape, y)?])
}
