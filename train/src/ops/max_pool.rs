//! The maximum of each window.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::window::Taps;
use super::{Window, read, result, slice, tensor};

/// Of `[image, row, column, channel]`. The gradient goes to the first of equal maxima.
pub(crate) fn max_pool(x: &Tensor, window: Window) -> Result<Tensor> {
    let (images, height, width, channels) = x.dims4()?;
    let taps = Taps::new(window, [images, height, width, channels])?;
    x.contiguous()?.apply_op1(MaxPool { taps, images, channels })
}

struct MaxPool {
    taps: Taps,
    images: usize,
    channels: usize,
}

impl MaxPool {
    /// The maxima, and where they are.
    fn maxima(&self, x: &[f32]) -> (Vec<f32>, Vec<usize>) {
        let channels = self.channels;
        let count = self.taps.pixels() * channels;
        let (mut maxima, mut places) = (vec![f32::NEG_INFINITY; count], vec![0; count]);
        self.taps.for_each(|pixel, _, from| {
            for c in 0..channels {
                let (to, from) = (pixel * channels + c, from * channels + c);
                if x[from] > maxima[to] {
                    (maxima[to], places[to]) = (x[from], from);
                }
            }
        });
        (maxima, places)
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let [height, width] = self.taps.output();
        result(self.maxima(slice(x, layout)?).0, (self.images, height, width, self.channels))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let places = read(x, |x| self.maxima(x).1)?;
        let mut out = vec![0.0; x.elem_count()];
        read(gradient, |gradient| places.iter().zip(gradient).for_each(|(&at, g)| out[at] += g))?;
        Ok(Some(tensor(out, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradients, numbers};
    use super::*;

    #[test]
    fn gradients() {
        // Distinct numbers, farther apart than the differences of the check.
        let x = numbers(1, &[1, 5, 5, 2]);
        let far = tensor((0..50u16).map(|at| f32::from(at * 37 % 50) / 10.0).collect(), x.dims()).unwrap();
        x.set(&far).unwrap();
        check_gradients(&[&x], |x| max_pool(x[0], Window::square(3, 2, 1)).unwrap(), 1e-2);
    }
}
