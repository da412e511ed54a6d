//! Normalization by the moments of a batch (Ioffe, Szegedy 2015).

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{read, read2, result, slice, tensor};

/// Mean and variance (of the batch, not an estimate of the whole) of each channel.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) means: Vec<f32>,
    pub(crate) variances: Vec<f32>,
}

impl Moments {
    /// Those of a tensor whose last axis is that of channels.
    pub(crate) fn of(x: &Tensor, channels: usize) -> Result<Self> {
        read(x, |x| {
            let count = (x.len() / channels) as f32;
            let mut means = vec![0.0; channels];
            for pixel in x.chunks_exact(channels) {
                means.iter_mut().zip(pixel).for_each(|(mean, x)| *mean += x);
            }
            means.iter_mut().for_each(|mean| *mean /= count);
            let mut variances = vec![0.0; channels];
            for pixel in x.chunks_exact(channels) {
                let centred = pixel.iter().zip(&means).map(|(x, mean)| x - mean);
                variances.iter_mut().zip(centred).for_each(|(variance, x)| *variance += x * x);
            }
            variances.iter_mut().for_each(|variance| *variance /= count);
            Self { means, variances }
        })
    }
}

/// `(x − mean) / √(variance + epsilon)` of the moments of `x` itself, through which the gradient goes.
pub(crate) fn normalize(x: &Tensor, moments: &Moments, epsilon: f32) -> Result<Tensor> {
    let inverse = moments.variances.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
    x.contiguous()?.apply_op1(Normalize { means: moments.means.clone(), inverse })
}

struct Normalize {
    means: Vec<f32>,
    inverse: Vec<f32>,
}

impl CustomOp1 for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut out = Vec::with_capacity(layout.shape().elem_count());
        for pixel in slice(x, layout)?.chunks_exact(self.means.len()) {
            let channels = pixel.iter().zip(&self.means).zip(&self.inverse);
            out.extend(channels.map(|((x, mean), inverse)| (x - mean) * inverse));
        }
        result(out, layout.shape().clone())
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let channels = self.means.len();
        let count = (x.elem_count() / channels) as f32;
        let mut out = Vec::with_capacity(x.elem_count());
        read2(y, gradient, |y, gradient| {
            let pixels = || y.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            let (mut sums, mut products) = (vec![0.0; channels], vec![0.0; channels]);
            for (y, gradient) in pixels() {
                for c in 0..channels {
                    sums[c] += gradient[c];
                    products[c] += gradient[c] * y[c];
                }
            }
            for (y, gradient) in pixels() {
                let of_channel =
                    |c: usize| self.inverse[c] * (gradient[c] - (sums[c] + y[c] * products[c]) / count);
                out.extend((0..channels).map(of_channel));
            }
        })?;
        Ok(Some(tensor(out, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, numbers};
    use super::*;

    #[test]
    fn gradients() {
        let x = numbers(1, &[9, 3]);
        let of = |x: &[&Tensor]| normalize(x[0], &Moments::of(x[0], 3).unwrap(), 1e-3).unwrap();
        check_gradients(&[&x], of, 2e-2);
    }
}
