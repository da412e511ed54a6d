//! Windows over images: kernels and pools.

use crate::Error;

/// The window of a convolution or a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// From window to window, in rows and columns.
    pub stride: [usize; 2],
    /// Beside the image: above, left, below, right. Padding is 0 for convolutions, and nothing for pools.
    pub pad: [usize; 4],
}

/// Larger sizes are mistakes; their products fit 64 bits.
const MOST: usize = 1 << 15;

impl Window {
    /// A square window.
    pub fn square(kernel: usize, stride: usize, pad: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], pad: [pad; 4] }
    }

    /// Rows and columns of the output for those of the input.
    ///
    /// # Errors
    ///
    /// A kernel, stride or image of 0 or more than 32,768, a kernel that is larger than the padded image, padding as large as the kernel.
    pub fn output(&self, image: [usize; 2]) -> Result<[usize; 2], Error> {
        let mut output = [0; 2];
        for axis in 0..2 {
            let (kernel, stride) = (self.kernel[axis], self.stride[axis]);
            let [before, after] = [self.pad[axis], self.pad[axis + 2]];
            let is_sound = [kernel, stride, image[axis]].iter().all(|size| (1..=MOST).contains(size));
            if !is_sound || before >= kernel || after >= kernel || image[axis] + before + after < kernel {
                let reason = format!(
                    "a kernel of {kernel} by {stride} with padding {before} and {after} on {} pixels: the padded image must hold the kernel, and the kernel be \
                     larger than the padding",
                    image[axis]
                );
                return Err(Error::argument("window", reason));
            }
            output[axis] = (image[axis] + before + after - kernel) / stride + 1;
        }
        Ok(output)
    }
}

/// A window on a batch of images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taps {
    window: Window,
    images: usize,
    input: [usize; 2],
    output: [usize; 2],
}

impl Taps {
    /// On images of a shape `[image, row, column, channel]`.
    pub(crate) fn new(window: Window, dims: [usize; 4]) -> candle_core::Result<Self> {
        let [images, height, width, _] = dims;
        let input = [height, width];
        let output = window.output(input).map_err(|error| candle_core::Error::Msg(error.to_string()))?;
        Ok(Self { window, images, input, output })
    }

    /// Rows and columns of the output.
    pub(crate) fn output(&self) -> [usize; 2] {
        self.output
    }

    /// Pixels of all outputs.
    pub(crate) fn pixels(&self) -> usize {
        self.images * self.output[0] * self.output[1]
    }

    /// Positions of a window.
    pub(crate) fn count(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Calls `visit(output pixel, tap, input pixel)` for the taps inside images, in order.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Self { window, input, output, .. } = self;
        let inside = |axis: usize, at: usize, tap: usize| {
            (at * window.stride[axis] + tap).checked_sub(window.pad[axis]).filter(|at| *at < input[axis])
        };
        let mut pixel = 0;
        for image in 0..self.images {
            for y in 0..output[0] {
                for x in 0..output[1] {
                    for ky in 0..window.kernel[0] {
                        let Some(row) = inside(0, y, ky) else { continue };
                        for kx in 0..window.kernel[1] {
                            let Some(column) = inside(1, x, kx) else { continue };
                            let from = (image * input[0] + row) * input[1] + column;
                            visit(pixel, ky * window.kernel[1] + kx, from);
                        }
                    }
                    pixel += 1;
                }
            }
        }
    }
}
