//! Depthwise convolutions.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::window::Taps;
use super::{Window, read, read2, result, slice, tensor};

/// Of `[image, row, column, channel]` and weights `[channel, tap]`, one kernel for each channel.
pub(crate) fn depthwise(x: &Tensor, w: &Tensor, window: Window) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let taps = Taps::new(window, [images, height, width, channels])?;
    if w.dims() != [channels, taps.count()] {
        candle_core::bail!("depthwise weights {:?} for {channels} channels", w.shape());
    }
    x.contiguous()?.apply_op2(&w.contiguous()?, Depthwise { taps, images, channels })
}

struct Depthwise {
    taps: Taps,
    images: usize,
    channels: usize,
}

/// A matrix of `columns` columns, columns first.
fn transposed(x: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| x.iter().skip(column).step_by(columns)).copied().collect()
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, channels) = (slice(x, lx)?, self.channels);
        let w = transposed(slice(w, lw)?, self.taps.count());
        let mut out = vec![0.0; self.taps.pixels() * channels];
        self.taps.for_each(|pixel, tap, from| {
            let factors = x[from * channels..][..channels].iter().zip(&w[tap * channels..][..channels]);
            out[pixel * channels..][..channels].iter_mut().zip(factors).for_each(|(y, (x, w))| *y += x * w);
        });
        let [height, width] = self.taps.output();
        result(out, (self.images, height, width, channels))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let channels = self.channels;
        let kernels = read(w, |w| transposed(w, self.taps.count()))?;
        let (mut of_x, mut of_w) = (vec![0.0; x.elem_count()], vec![0.0; kernels.len()]);
        read2(x, gradient, |x, gradient| {
            self.taps.for_each(|pixel, tap, from| {
                let gradient = &gradient[pixel * channels..][..channels];
                let (from, tap) = (from * channels, tap * channels);
                for (c, gradient) in gradient.iter().enumerate() {
                    of_x[from + c] += gradient * kernels[tap + c];
                    of_w[tap + c] += gradient * x[from + c];
                }
            });
        })?;
        let of_w = transposed(&of_w, channels);
        Ok((Some(tensor(of_x, x.shape())?), Some(tensor(of_w, w.shape())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, numbers};
    use super::*;

    #[test]
    fn gradients() {
        let (x, w) = (numbers(1, &[2, 4, 5, 3]), numbers(2, &[3, 6]));
        let window = Window { kernel: [3, 2], stride: [1, 2], pad: [1, 1, 1, 0] };
        check_gradients(&[&x, &w], |x| depthwise(x[0], x[1], window).unwrap(), 1e-2);
    }
}
