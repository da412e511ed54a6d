//! Elementwise operators.

use eightbit_kernels::float::Bounds;

use crate::Error;
use crate::exec::broadcast::{Broadcast, Repeated};
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};

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
    /// `a − b`
    Sub,
    /// `a · b`
    Mul,
    /// `a / b`
    Div,
    /// The greater one; NaN if one is NaN.
    Max,
    /// The smaller one; NaN if one is NaN.
    Min,
    /// `a` where it is not negative, `b · a` elsewhere.
    Slope,
}

impl Binary {
    /// Writes the operation of every two elements.
    fn apply(self, a: &[f32], b: &[f32], y: &mut [f32]) {
        fn each(a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32) {
            y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = f(a, b));
        }
        match self {
            Self::Add => each(a, b, y, |a, b| a + b),
            Self::Sub => each(a, b, y, |a, b| a - b),
            Self::Mul => each(a, b, y, |a, b| a * b),
            Self::Div => each(a, b, y, |a, b| a / b),
            Self::Max => each(a, b, y, |a, b| if a.is_nan() | (a > b) { a } else { b }),
            Self::Min => each(a, b, y, |a, b| if a.is_nan() | (a < b) { a } else { b }),
            Self::Slope => each(a, b, y, |a, b| if a < 0.0 { a * b } else { a }),
        }
    }
}

/// A clamp of each element.
#[derive(Debug)]
pub(crate) struct Clamping(pub(crate) Clamp);

impl StepKernel for Clamping {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let y = context.output::<f32>(0)?;
        y.copy_from_slice(x);
        self.0.apply(y);
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32{}", self.0.describe())
    }
}

/// Each element where it is not negative, and a multiple of it elsewhere.
#[derive(Debug)]
pub(crate) struct Leaky(pub(crate) f32);

impl StepKernel for Leaky {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let pairs = context.output::<f32>(0)?.iter_mut().zip(x);
        pairs.for_each(|(y, &x)| *y = if x < 0.0 { x * self.0 } else { x });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 LeakyRelu, slope {}", self.0)
    }
}

/// Elements that are computed and then clamped.
const BLOCK: usize = 2048;

/// An operation on two tensors, followed by a clamp.
#[derive(Debug)]
pub(crate) struct Elementwise {
    op: Binary,
    broadcast: Broadcast,
    clamp: Clamp,
}

impl Elementwise {
    pub(crate) fn new(op: Binary, broadcast: Broadcast, clamp: Clamp) -> Self {
        Self { op, broadcast, clamp }
    }
}

impl StepKernel for Elementwise {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let inputs = (context.input::<f32>(0)?, context.input::<f32>(1)?);
        let (Self { op, broadcast, clamp }, out) = (self, context.output(0)?);
        scratch.with(Repeated::default, |repeated| {
            broadcast.for_each_run(inputs, out, repeated, |a, b, y| {
                // The clamp finds the results of a block in the first-level cache.
                for ((a, b), y) in a.chunks(BLOCK).zip(b.chunks(BLOCK)).zip(y.chunks_mut(BLOCK)) {
                    op.apply(a, b, y);
                    clamp.apply(y);
                }
                Ok(())
            })
        })
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 {:?}{}", self.op, self.clamp.describe())
    }
}
