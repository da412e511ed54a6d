//! Patches of images as rows of a matrix.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::window::Taps;
use super::{Window, read, result, slice, tensor};

/// The patches of `[image, row, column, channel]`: a row for each pixel of the output, its taps one after the other, their channels side by
/// side.
pub(crate) fn unfold(x: &Tensor, window: Window) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let taps = Taps::new(window, [images, height, width, channels])?;
    x.contiguous()?.apply_op1(Unfold { taps, channels })
}

struct Unfold {
    taps: Taps,
    channels: usize,
}

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, channels) = (slice(x, layout)?, self.channels);
        let (rows, depth) = (self.taps.pixels(), self.taps.count() * channels);
        let mut out = vec![0.0; rows * depth];
        self.taps.for_each(|pixel, tap, from| {
            let to = pixel * depth + tap * channels;
            out[to..][..channels].copy_from_slice(&x[from * channels..][..channels]);
        });
        result(out, (rows, depth))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let channels = self.channels;
        let depth = self.taps.count() * channels;
        let mut out = vec![0.0; x.elem_count()];
        read(gradient, |gradient| {
            self.taps.for_each(|pixel, tap, from| {
                let of_tap = &gradient[pixel * depth + tap * channels..][..channels];
                let to = &mut out[from * channels..][..channels];
                to.iter_mut().zip(of_tap).for_each(|(to, gradient)| *to += gradient);
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
    fn patches() {
        let x = tensor((1..=9u8).map(f32::from).collect(), (1, 3, 3, 1)).unwrap();
        let patches = unfold(&x, Window::square(2, 2, 1)).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(patches[0], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(patches[3], [5.0, 6.0, 8.0, 9.0]);
    }

    #[test]
    fn gradients() {
        let x = numbers(1, &[2, 5, 4, 3]);
        let window = Window { kernel: [3, 2], stride: [2, 1], pad: [1, 0, 0, 1] };
        check_gradients(&[&x], |x| unfold(x[0], window).unwrap(), 1e-2);
    }
}
