//! Products with a constant matrix.

use std::sync::Arc;

use eightbit_kernels::float::{FloatWeights, ProductCall, multiply};

use super::elementwise::Clamp;
use crate::Error;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::workers::Workers;

/// `out = clamp(a · weights + bias)`.
#[derive(Debug)]
pub(crate) struct MatMul {
    /// One matrix, with a bias for each column if all rows have the same.
    pub(crate) weights: Arc<Vec<FloatWeights>>,
    /// Biases that differ from row to row: as many rows as the output has, or none.
    pub(crate) bias: Vec<f32>,
    pub(crate) clamp: Clamp,
    pub(crate) workers: Workers,
}

impl MatMul {
    /// Computes the rows of the output starting at `first` that fit `out`.
    fn rows(&self, a: &[f32], first: usize, out: &mut [f32]) {
        let weights = &self.weights[0];
        let (depth, columns) = (weights.depth(), weights.columns());
        let rows = out.len() / columns.max(1);
        let a = &a[first * depth..][..rows * depth];
        let clamp = if self.bias.is_empty() { self.clamp } else { Clamp::NONE };
        multiply(&ProductCall::new(a, weights, clamp.bounds()), rows, out, columns);
        if !self.bias.is_empty() {
            let bias = self.bias.iter().skip(first * columns);
            out.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
            self.clamp.apply(out);
        }
    }
}

impl StepKernel for MatMul {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let a = context.input::<f32>(0)?;
        let out = context.output::<f32>(0)?;
        self.workers.by_rows(out, self.weights[0].columns(), |first, out| self.rows(a, first, out));
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let weights = &self.weights[0];
        let (depth, columns) = (weights.depth(), weights.columns());
        format!("f32 matrix product, depth {depth}, {columns} columns{}", self.clamp.describe())
    }
}
