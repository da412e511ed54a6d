//! QONNX's quantization in floats: a tensor is divided by a scale, moved by a zero point, clamped to the integers of a number of bits,
//! rounded, and taken back. Each step is rounded to `f32`, in QONNX's order, so that the results are those of its own evaluation.
//!
//! Formulas: QONNX 1.0, `qonnx.custom_op.general` (Pappalardo and others, "QONNX: Representing Arbitrary-Precision Quantized Neural
//! Networks", 2022).

use std::borrow::Cow;

use super::arguments::Arguments;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use super::inputs::Inputs;
use crate::{Error, Node, Tensor, TensorData, TensorType};

/// How a number becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// To the nearest; ties to the even one, away from zero, or towards zero.
    HalfEven,
    HalfUp,
    HalfDown,
    /// Always in one direction: towards +∞, towards −∞, away from zero, towards zero.
    Ceil,
    Floor,
    Up,
    Down,
}

impl Rounding {
    /// That of a node's attribute `rounding_mode`, in any case.
    pub(crate) fn of(node: &Node, default: &str) -> Result<Rounding, Error> {
        let mode = node.string("rounding_mode", default)?;
        Ok(match mode.to_ascii_uppercase().as_str() {
            "ROUND" | "HALF_EVEN" => Rounding::HalfEven,
            "HALF_UP" => Rounding::HalfUp,
            "HALF_DOWN" => Rounding::HalfDown,
            "CEIL" => Rounding::Ceil,
            "FLOOR" => Rounding::Floor,
            "UP" => Rounding::Up,
            "DOWN" => Rounding::Down,
            _ => {
                let known = "ROUND, HALF_EVEN, HALF_UP, HALF_DOWN, CEIL, FLOOR, UP, DOWN";
                return Err(Error::node(node, format!("the rounding mode {mode:?}: there are {known}")));
            }
        })
    }

    pub(crate) fn apply(self, x: f32) -> f32 {
        let away = |magnitude: f32| if x.is_nan() || x == 0.0 { x } else { magnitude.copysign(x) };
        match self {
            Rounding::HalfEven => x.round_ties_even(),
            // The sum is rounded, as QONNX's is: just below a half, it is the next integer.
            Rounding::HalfUp => away((x.abs() + 0.5).floor()),
            // Below a half that is −0, whose sign changes with that of `x`.
            Rounding::HalfDown => (x.abs() - 0.5).ceil() * if x == 0.0 { 0.0 } else { 1f32.copysign(x) },
            Rounding::Ceil => x.ceil(),
            Rounding::Floor => x.floor(),
            Rounding::Up => away(x.abs().ceil()),
            Rounding::Down => x.trunc(),
        }
    }
}

/// The integers of a number of bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integers {
    pub(crate) signed: bool,
    /// Without the least of signed integers, and without the greatest of unsigned ones.
    pub(crate) narrow: bool,
}

impl Integers {
    /// Those of a node's attributes.
    pub(crate) fn of(node: &Node) -> Result<Integers, Error> {
        Ok(Integers { signed: node.flag("signed", true)?, narrow: node.flag("narrow", false)? })
    }

    /// The least and the greatest one of `bits` bits.
    pub(crate) fn range(self, bits: f32) -> [f32; 2] {
        let narrow = if self.narrow { 1.0 } else { 0.0 };
        if self.signed {
            let half = (bits - 1.0).exp2();
            [narrow - half, half - 1.0]
        } else {
            [0.0, bits.exp2() - 1.0 - narrow]
        }
    }

    /// `x`, no less than the least and no more than the greatest of `bits` bits. NaN stays.
    pub(crate) fn clamp(self, x: f32, bits: f32) -> f32 {
        clamp(x, self.range(bits))
    }

    /// The integer that `x` becomes: of one signed bit 1 or −1.
    pub(crate) fn of_bits(self, x: f32, bits: f32, rounding: Rounding) -> f32 {
        if self.signed && bits == 1.0 { bipolar(x) } else { rounding.apply(self.clamp(x, bits)) }
    }
}

/// `x`, no less than the least and no more than the greatest. NaN stays.
#[inline]
pub(crate) fn clamp(x: f32, [least, greatest]: [f32; 2]) -> f32 {
    // A single signed bit in narrow range has one integer, and the greatest is taken first.
    let x = if x > greatest { greatest } else { x };
    if x < least { least } else { x }
}

/// 1 for what is not negative, −1 for the rest.
pub(crate) fn bipolar(x: f32) -> f32 {
    if x >= 0.0 { 1.0 } else { -1.0 }
}

/// The type of the first input, to which the others are broadcast.
pub(crate) fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    for index in 1..inputs.len() {
        check(inputs.node, &x.shape, inputs.shape(index)?)?;
    }
    Ok(vec![x.clone()])
}

/// `f` of each element of the first input and of the `N` inputs after it, which are broadcast to it.
pub(crate) fn map<const N: usize>(
    args: &Arguments<'_>,
    f: impl Fn(f32, [f32; N]) -> f32,
) -> Result<Vec<Tensor>, Error> {
    let x = args.tensor(0)?;
    let shape = x.shape();
    let mut others = Vec::with_capacity(N);
    for index in 1..=N {
        let tensor = args.tensor(index)?;
        check(args.node(), shape, tensor.shape())?;
        let offsets = Offsets::new(shape, &broadcast_strides(tensor.shape(), shape));
        others.push((numbers(args, tensor)?, offsets));
    }
    let of_each = x.as_f32()?.iter().map(|&x| {
        let mut own = [0.0; N];
        for (own, (numbers, offsets)) in own.iter_mut().zip(&mut others) {
            *own = offsets.next().map_or(0.0, |at| numbers[at]);
        }
        f(x, own)
    });
    let y: Vec<f32> = of_each.collect();
    Ok(vec![Tensor::new(shape, y)?])
}

/// Numbers as floats: exporters write zero points and numbers of bits as integers, too.
fn numbers<'a>(args: &Arguments<'_>, tensor: &'a Tensor) -> Result<Cow<'a, [f32]>, Error> {
    Ok(match tensor.data() {
        TensorData::F32(x) => Cow::Borrowed(x),
        TensorData::F64(x) => x.iter().map(|&x| x as f32).collect(),
        TensorData::I64(x) => x.iter().map(|&x| x as f32).collect(),
        TensorData::I32(x) => x.iter().map(|&x| x as f32).collect(),
        TensorData::I8(x) => x.iter().map(|&x| x.into()).collect(),
        TensorData::U8(x) => x.iter().map(|&x| x.into()).collect(),
        other => return Err(args.wrong_type(other.data_type())),
    })
}

fn check(node: &Node, x: &[usize], other: &[usize]) -> Result<(), Error> {
    if broadcast(x, other).as_deref() == Some(x) {
        return Ok(());
    }
    Err(Error::node(
        node,
        format!("a scale, zero point or number of bits of shape {other:?} for an input of shape {x:?}"),
    ))
}
