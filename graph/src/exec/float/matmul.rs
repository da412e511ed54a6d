//! Products with a constant matrix.

use std::sync::Arc;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::elementwise::Clamp;
use crate::Error;
use crate::exec::step::{StepContext, StepKernel};

/// `out = clamp(a · b + bias)`: `a` is `m × k`, `b` is `k × n` and constant.
#[derive(Debug)]
pub(crate) struct MatMul {
    /// `b`, row-major.
    pub(crate) weights: Arc<Vec<f32>>,
    /// `k` and `n`.
    pub(crate) shape: [usize; 2],
    /// `n` elements for each row or for all rows, or empty.
    pub(crate) bias: Vec<f32>,
    pub(crate) clamp: Clamp,
}

impl StepKernel for MatMul {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let a = context.input::<f32>(0)?;
        let y = context.output::<f32>(0)?;
        let [_, n] = self.shape;
        multiply(a, &self.weights, self.shape, &self.bias, y, n);
        self.clamp.apply(y);
        Ok(())
    }

    fn describe(&self) -> String {
        let [k, n] = self.shape;
        format!("f32 matrix product, depth {k}, {n} columns{}", self.clamp.describe())
    }
}

/// `out = a · b + bias`. The number of rows of `a` follows from its length; rows of `out` are `stride` elements apart. Rows of the
/// bias repeat.
pub(crate) fn multiply(
    a: &[f32],
    b: &[f32],
    [k, n]: [usize; 2],
    bias: &[f32],
    out: &mut [f32],
    stride: usize,
) {
    let mut biases = bias.chunks(n.max(1)).cycle();
    for row in out.chunks_mut(stride.max(1)) {
        match biases.next() {
            Some(bias) => row[..n].copy_from_slice(bias),
            None => row[..n].fill(0.0),
        }
    }
    let rows = out.len().div_ceil(stride.max(1));
    if k == 0 || n == 0 || rows == 0 {
        return;
    }
    // The plan fixes the lengths; a mismatch would leave only the bias rather than panic.
    if let (Ok(a), Ok(b), Some(mut y)) =
        (ArrayView2::from_shape((rows, k), a), ArrayView2::from_shape((k, n), b), view(out, rows, n, stride))
    {
        general_mat_mul(1.0, &a, &b, 1.0, &mut y);
    }
}

fn view(out: &mut [f32], rows: usize, n: usize, stride: usize) -> Option<ArrayViewMut2<'_, f32>> {
    use ndarray::ShapeBuilder;
    ArrayViewMut2::from_shape((rows, n).strides((stride, 1)), out).ok()
}
