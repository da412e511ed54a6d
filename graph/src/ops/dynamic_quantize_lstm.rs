//! `DynamicQuantizeLSTM`: an `LSTM` whose products are of bytes. The weights are bytes, with a row for each input; the range of the
//! input, and at each step that of the hidden state, is laid over all bytes. Inputs: those of `LSTM`, then scale and zero point of
//! the weights of the input, and of those of the hidden state.
//!
//! ONNX Runtime lays the range of all sequences' hidden states over the bytes, or of those that a thread has; here each has its own.

use super::example::{Example, Input, Value};
use super::lstm;
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::recurrent::{self, Cell, Direction, Step};
use super::shared::scales::{DynamicRange, dequantized_columns};
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[Example::new(
        &[
            Input::Floats(&[3, 1, 4]),
            Input::SignedWeights(&[2, 4, 20]),
            Input::SignedWeights(&[2, 5, 20]),
            Input::Weights(&[2, 40]),
            Input::Absent,
            Input::Absent,
            Input::Absent,
            Input::Absent,
            Input::FloatVector(&[0.01, 0.02]),
            Input::SignedByte(0),
            Input::FloatVector(&[0.02, 0.01]),
            Input::SignedByte(3),
        ],
        &[("direction", Value::Text("bidirectional"))],
    )
    .outputs(3)],
    reads: |inputs| recurrent::reads(inputs, 4),
    ..Operator::new("DynamicQuantizeLSTM", "LSTM, its products in eight bits", infer, evaluate)
};

static CELL: Cell = Cell { step, ..lstm::FORGETS };

/// The number of inputs that `LSTM` has.
const LSTM_INPUTS: usize = 8;

/// A step whose hidden state is rounded to bytes.
fn step(direction: &Direction<'_>, step: Step<'_>) {
    // What is not finite stays, for the outputs to show.
    let floats: Vec<f32> = step.h.iter().map(|&h| h as f32).collect();
    if let Some(range) = DynamicRange::of(&floats) {
        step.h.iter_mut().for_each(|h| *h = range.rounded(*h as f32).into());
    }
    lstm::forgets(direction, step);
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let swapped = |index: usize| match *inputs.shape(index)? {
        [directions, columns, rows] => Ok([directions, rows, columns]),
        ref other => Err(inputs.error(format!("weights of shape {other:?}"))),
    };
    let (w, r) = (swapped(1)?, swapped(2)?);
    recurrent::types(inputs.node, &CELL, |index| match index {
        1 => Some(&w),
        2 => Some(&r),
        _ => inputs.optional(index).map(|of| of.shape.as_slice()),
    })
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    if args.node().flag("input_forget", false)? {
        return Err(args.unsupported("a coupled input gate (input_forget) is not supported"));
    }
    let x = args.values::<f32>(0)?;
    let range = DynamicRange::of(x).ok_or_else(|| args.error(DynamicRange::NOT_FINITE))?;
    let x = Tensor::new(args.tensor(0)?.shape(), x.iter().map(|&x| range.rounded(x)).collect::<Vec<f32>>())?;
    let (w, r) = (dequantized_columns(args, 1, 8)?, dequantized_columns(args, 2, 10)?);
    let mut inputs: Vec<Option<&Tensor>> = (0..LSTM_INPUTS).map(|index| args.optional(index)).collect();
    inputs[..3].copy_from_slice(&[Some(&x), Some(&w), Some(&r)]);
    recurrent::evaluate(&Arguments::new(args.node(), &inputs), &CELL)
}
