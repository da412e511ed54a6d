//! The mean of each window, with the sums that the executor makes.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::window::Taps;
use super::{Window, read, result, slice, tensor};

/// Of `[image, row, column, channel]`; padding is not counted. Without a window the mean of all pixels.
pub(crate) fn average_pool(x: &Tensor, window: Option<Window>) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let of_all = Window { kernel: [height, width], stride: [1; 2], pad: [0; 4] };
    let taps = Taps::new(window.unwrap_or(of_all), [images, height, width, channels])?;
    x.contiguous()?.apply_op1(AveragePool { taps, images, channels, is_global: window.is_none() })
}

struct AveragePool {
    taps: Taps,
    images: usize,
    channels: usize,
    is_global: bool,
}

/// Pixels of a whole image that are added in `f32`, as the executor adds them.
const BLOCK: usize = 16;

impl AveragePool {
    fn counts(&self) -> Vec<f32> {
        let mut counts = vec![0.0; self.taps.pixels()];
        self.taps.for_each(|pixel, _, _| counts[pixel] += 1.0);
        counts
    }

    fn of_windows(&self, x: &[f32]) -> Vec<f32> {
        let channels = self.channels;
        let mut out = vec![0.0; self.taps.pixels() * channels];
        self.taps.for_each(|pixel, _, from| {
            let to = out[pixel * channels..][..channels].iter_mut();
            to.zip(&x[from * channels..][..channels]).for_each(|(y, x)| *y += x);
        });
        for (out, count) in out.chunks_exact_mut(channels).zip(self.counts()) {
            out.iter_mut().for_each(|y| *y /= count);
        }
        out
    }

    fn of_images(&self, x: &[f32]) -> Vec<f32> {
        let (channels, pixels) = (self.channels, self.taps.count());
        let mut out = Vec::with_capacity(self.images * channels);
        for image in x.chunks_exact(pixels * channels) {
            let mut total = vec![0f64; channels];
            for block in image.chunks(BLOCK * channels) {
                let mut sums = vec![0f32; channels];
                for pixel in block.chunks_exact(channels) {
                    sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += x);
                }
                total.iter_mut().zip(&sums).for_each(|(total, &sum)| *total += f64::from(sum));
            }
            out.extend(total.iter().map(|total| (total / pixels as f64) as f32));
        }
        out
    }
}

impl CustomOp1 for AveragePool {
    fn name(&self) -> &'static str {
        "average_pool"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout)?;
        let [height, width] = self.taps.output();
        let out = if self.is_global { self.of_images(x) } else { self.of_windows(x) };
        result(out, (self.images, height, width, self.channels))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (channels, counts) = (self.channels, self.counts());
        let mut out = vec![0.0; x.elem_count()];
        read(gradient, |gradient| {
            self.taps.for_each(|pixel, _, from| {
                let to = out[from * channels..][..channels].iter_mut();
                to.zip(&gradient[pixel * channels..][..channels]).for_each(|(y, g)| *y += g / counts[pixel]);
            });
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
        let x = numbers(1, &[2, 5, 5, 2]);
        check_gradients(&[&x], |x| average_pool(x[0], Some(Window::square(3, 2, 1))).unwrap(), 1e-2);
        check_gradients(&[&x], |x| average_pool(x[0], None).unwrap(), 1e-2);
    }
}
