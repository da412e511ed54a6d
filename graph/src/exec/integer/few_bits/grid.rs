//! The numbers that a quantizer gives.

use crate::exec::builder::Builder;
use crate::ops::bipolar_quant;
use crate::ops::shared::few_bits::{Integers, Rounding, bipolar};
use crate::{Error, Node, Tensor, TensorData};

/// The integers `low..=high`, times a step: what a `Quant` or `BipolarQuant` with scalar constants gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) step: f32,
    pub(super) low: i32,
    pub(super) high: i32,
    pub(super) rule: Rule,
}

/// How a number becomes one of the integers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// 1 where it is not negative, else −1.
    Sign,
    /// As `Quant` says: the integer less the zero point.
    Quant { zero_point: f32, bits: f32, integers: Integers, rounding: Rounding },
}

impl Grid {
    /// That of a quantizer; `None` if its integers are not whole numbers within a byte.
    pub(super) fn of(rule: Rule, step: f32) -> Option<Grid> {
        let Rule::Quant { zero_point, .. } = rule else {
            return Some(Grid { step, low: -1, high: 1, rule });
        };
        let [low, high] = [f32::NEG_INFINITY, f32::INFINITY].map(|x| rule.integer(x, step));
        // Only whole numbers stay whole when the integer is clamped, rounded and moved back.
        let is_whole = [zero_point, low, high].iter().all(|x| x.fract() == 0.0);
        let is_byte =
            (-128.0..=127.0).contains(&low) && high <= 127.0 || (0.0..=255.0).contains(&low) && high <= 255.0;
        (is_whole && is_byte && low <= high).then_some(Grid {
            step,
            low: low as i32,
            high: high as i32,
            rule,
        })
    }

    /// Whether there are only 1 and −1.
    pub(super) fn is_bipolar(&self) -> bool {
        matches!(self.rule, Rule::Sign)
    }

    /// The greatest magnitude of the integers.
    pub(super) fn reach(&self) -> u64 {
        self.low.unsigned_abs().max(self.high.unsigned_abs()).into()
    }
}

impl Rule {
    /// That of a quantizer, and its step; `None` if its parameters are not scalar constants.
    pub(super) fn of(builder: &Builder<'_>, node: &Node) -> Result<Option<(Rule, f32)>, Error> {
        let scalar = |index: usize| builder.constant_input(node, index).and_then(scalar);
        let Some(step) = scalar(1).filter(|step| step.is_normal() && *step > 0.0) else { return Ok(None) };
        if node.is(&bipolar_quant::OP) {
            return Ok(Some((Rule::Sign, step)));
        }
        let (Some(zero_point), Some(bits)) = (scalar(2), scalar(3)) else { return Ok(None) };
        let (integers, rounding) = (Integers::of(node)?, Rounding::of(node, "ROUND")?);
        Ok(Some((Rule::Quant { zero_point, bits, integers, rounding }, step)))
    }

    /// Whether NaN becomes an integer, too: where signs are taken, it is −1, as QONNX says.
    pub(super) fn takes_nan(self) -> bool {
        match self {
            Rule::Sign => true,
            Rule::Quant { bits, integers, .. } => integers.signed && bits == 1.0,
        }
    }

    /// The integer of a number, NaN of NaN unless it [takes NaN](Self::takes_nan).
    pub(super) fn integer(self, x: f32, step: f32) -> f32 {
        match self {
            Rule::Sign => bipolar(x),
            Rule::Quant { zero_point, bits, integers, rounding } => {
                integers.of_bits(x / step + zero_point, bits, rounding) - zero_point
            }
        }
    }
}

/// The only element of a tensor, as a float.
fn scalar(tensor: &Tensor) -> Option<f32> {
    match tensor.data() {
        TensorData::F32(x) => <[f32; 1]>::try_from(x.as_slice()).ok().map(|[x]| x),
        TensorData::F64(x) => <[f64; 1]>::try_from(x.as_slice()).ok().map(|[x]| x as f32),
        TensorData::I64(x) => <[i64; 1]>::try_from(x.as_slice()).ok().map(|[x]| x as f32),
        TensorData::I32(x) => <[i32; 1]>::try_from(x.as_slice()).ok().map(|[x]| x as f32),
        TensorData::I8(x) => <[i8; 1]>::try_from(x.as_slice()).ok().map(|[x]| x.into()),
        TensorData::U8(x) => <[u8; 1]>::try_from(x.as_slice()).ok().map(|[x]| x.into()),
        _ => None,
    }
}
