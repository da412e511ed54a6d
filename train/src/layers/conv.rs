//! Convolutions.

use candle_core::{Result, Tensor};

use super::{Factors, Mode};
use crate::ops::{self, Window};

/// A convolution of images `[image, row, column, channel]` whose weights and input are quantized; padding is 0.
#[derive(Debug)]
pub struct QConv2d {
    pub(crate) factors: Factors,
    pub(crate) window: Window,
    pub(crate) in_channels: usize,
    pub(crate) is_depthwise: bool,
}

impl QConv2d {
    /// Output channels.
    pub fn channels(&self) -> usize {
        self.factors.weight.dims()[0]
    }

    /// Its output for a quantized network, as a candle tensor with a gradient.
    ///
    /// # Errors
    ///
    /// Images of another number of channels, or smaller than the kernel.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_as(x, Mode { is_quantized: true, calibrates: false, uses_batch: false })
    }

    pub(crate) fn forward_as(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let x = self.factors.input(x, mode)?;
        let weight = self.factors.weight(mode)?;
        let y = if self.is_depthwise {
            ops::depthwise(&x, &weight, self.window)?
        } else {
            let (images, height, width, _) = x.dims4()?;
            let output = self.window.output([height, width]);
            let [height, width] = output.map_err(|error| candle_core::Error::Msg(error.to_string()))?;
            let patches = ops::unfold(&x, self.window)?;
            ops::product(self.factors.backend, &patches, &weight)?.reshape((images, height, width, ()))?
        };
        self.factors.add_bias(y)
    }
}
