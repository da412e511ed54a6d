//! Elementwise operators on tensors of equal shape.

use eightbit_kernels::float::Bounds;

use crate::Error;
use crate::exec::step::{StepContext, StepKernel};

/// The bounds of a fused activation: ReLU is 0 to ∞.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clamp {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl Clamp {
    /// No bounds.
    pub(crate) const NONE: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY };

    /// The bounds, as kernels take them.
    pub(crate) fn bounds(self) -> Bounds {
        Bounds { low: self.low, high: self.high }
    }

    /// Applies the bounds; NaN stays NaN.
    pub(crate) fn apply(self, elements: &mut [f32]) {
        if self != Self::NONE {
            for x in elements {
                *x = x.clamp(self.low, self.high);
            }
        }
    }

    /// Text for descriptions; empty without bounds.
    pub(crate) fn describe(self) -> String {
        match (self.low, self.high) {
            _ if self == Self::NONE => String::new(),
            (0.0, f32::INFINITY) => " + relu".to_owned(),
            (low, high) => format!(" + clamp to {low} … {high}"),
        }
    }
}

/// A binary operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    /// `a + b`
    Add,
    /// `a · b`
    Mul,
}

/// An operation on one or two tensors of equal shape and layout, followed by a clamp.
#[derive(Debug)]
pub(crate) struct Elementwise {
    pub(crate) op: Option<Binary>,
    pub(crate) clamp: Clamp,
}

impl StepKernel for Elementwise {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let a = context.input::<f32>(0)?;
        let b = if self.op.is_some() { context.input::<f32>(1)? } else { a };
        let y = context.output::<f32>(0)?;
        let pairs = y.iter_mut().zip(a.iter().zip(b));
        match self.op {
            None => pairs.for_each(|(y, (a, _))| *y = *a),
            Some(Binary::Add) => pairs.for_each(|(y, (a, b))| *y = a + b),
            Some(Binary::Mul) => pairs.for_each(|(y, (a, b))| *y = a * b),
        }
        self.clamp.apply(y);
        Ok(())
    }

    fn describe(&self) -> String {
        match self.op {
            None => format!("f32{}", self.clamp.describe()),
            Some(op) => format!("f32 {op:?}{}", self.clamp.describe()),
        }
    }
}
