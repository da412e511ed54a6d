//! A quantizer whose result stays a float, because no product in integers reads it.

use super::grid::Rule;
use crate::Error;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::workers::Workers;
use crate::ops::shared::few_bits::{Rounding, clamp};

/// A rule for each element.
#[derive(Debug)]
pub(super) struct Quantized {
    pub(super) step: f32,
    pub(super) rule: Rule,
    pub(super) workers: Workers,
}

/// Sums with it are integers: what is less than 2²² is rounded to the nearest, ties to even.
const MAGIC: f32 = 12_582_912.0;

/// Integers of more bits are not all less than 2²².
const FEW: f32 = 16.0;

impl Quantized {
    fn map(&self, x: &[f32], y: &mut [f32]) {
        let step = self.step;
        match self.rule {
            // Vectors compute this, and not `round_ties_even` of a CPU without the instruction.
            Rule::Quant { zero_point, bits, integers, rounding: Rounding::HalfEven }
                if bits <= FEW && !(integers.signed && bits == 1.0) =>
            {
                let range = integers.range(bits);
                y.iter_mut().zip(x).for_each(|(y, &x)| {
                    let x = clamp(x / step + zero_point, range);
                    let integer = ((x.abs() + MAGIC) - MAGIC).copysign(x);
                    *y = (integer - zero_point) * step;
                });
            }
            rule => y.iter_mut().zip(x).for_each(|(y, &x)| *y = rule.integer(x, step) * step),
        }
    }
}

impl StepKernel for Quantized {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        self.workers.by_rows(context.output(0)?, 1, |first, y| self.map(&x[first..][..y.len()], y));
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        match self.rule {
            Rule::Sign => format!("f32 signs, times {}", self.step),
            Rule::Quant { bits, .. } => format!("f32 integers of {bits} bits, times {}", self.step),
        }
    }
}
