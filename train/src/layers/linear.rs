//! Matrix products.

use candle_core::{Result, Tensor};

use super::{Factors, Mode};
use crate::ops;

/// A product of rows with a matrix, whose elements and whose input are quantized.
#[derive(Debug)]
pub struct QLinear {
    pub(crate) factors: Factors,
}

impl QLinear {
    /// The length of an output row.
    pub fn units(&self) -> usize {
        self.factors.weight.dims()[0]
    }

    /// Its output for a quantized network, as a candle tensor with a gradient.
    ///
    /// # Errors
    ///
    /// Rows of another length.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_as(x, Mode { is_quantized: true, calibrates: false, uses_batch: false })
    }

    pub(crate) fn forward_as(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = self.factors.input(x, mode)?;
        let y = ops::product(self.factors.backend, &x, &self.factors.weight(mode)?)?;
        self.factors.add_bias(y)
    }
}
