//! The maximum of windows of signs.

use eightbit_kernels::gemm::OutputBlock;

use super::row_bytes;
use super::signs::check_filling;
use crate::check::check_size;
use crate::fill::{Fill, Grain};
use crate::pool::Pool2dShape;
use crate::{Call, Error, MatMut, Workspace};

/// The maximum of every window of an image of signs, channel by channel: −1 where all are −1. Elements outside have no part in it.
///
/// ```
/// use eightbit::binary::{BinaryMaxPool2d, row_bytes};
/// use eightbit::{Workspace, pool::Pool2dShape};
/// let pool = BinaryMaxPool2d::new(Pool2dShape::new([1, 2], 3, [1, 2]))?;
/// let mut image = [0; 2 * row_bytes(3)];
/// (image[0], image[8]) = (0b110, 0b011);
/// let mut out = [0; row_bytes(3)];
/// pool.call(&image, &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out[0], 0b010);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BinaryMaxPool2d {
    shape: Pool2dShape,
}

impl BinaryMaxPool2d {
    /// Plans the pooling; the shape's channels are bits.
    ///
    /// # Errors
    ///
    /// If the shape is invalid.
    pub fn new(shape: Pool2dShape) -> Result<BinaryMaxPool2d, Error> {
        shape.check()?;
        Ok(BinaryMaxPool2d { shape })
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &Pool2dShape {
        &self.shape
    }

    /// The pooling of `input`, NHWC, into `out`, NHWC, both of [`row_bytes`]`(channels)` bytes a pixel.
    ///
    /// # Errors
    ///
    /// If lengths are not those of the shape, or a pixel has bits behind its last channel.
    pub fn call<'a>(
        &'a self,
        input: &'a [u8],
        out: &'a mut [u8],
    ) -> Result<Call<'a, u8, impl Fill<u8>>, Error> {
        let Pool2dShape { batch, input: [height, width], channels, .. } = self.shape;
        let (pixels, bytes) = (self.shape.output_rows(), row_bytes(channels));
        // Sizes that cannot be counted are those of no slice.
        check_size(
            "bytes of the input",
            batch.saturating_mul(height * width).saturating_mul(bytes),
            input.len(),
        )?;
        check_size("bytes of the output", pixels.saturating_mul(bytes), out.len())?;
        check_filling("input", input, channels)?;
        Ok(Call::new(Pooling { shape: &self.shape, input }, MatMut::new(out, pixels, bytes)?.block()))
    }
}

#[derive(Clone, Copy, Debug)]
struct Pooling<'a> {
    shape: &'a Pool2dShape,
    input: &'a [u8],
}

impl Pooling<'_> {
    /// The bits that all taps inside the image have, of pixel `row` of the output.
    fn pool(&self, row: usize, out: &mut [u8]) {
        let Pool2dShape { input: [height, width], kernel, stride, dilation, pad, .. } = *self.shape;
        let [out_height, out_width] = self.shape.output();
        let (image, y, x) = (row / out_width / out_height, row / out_width % out_height, row % out_width);
        out.fill(u8::MAX);
        for ky in 0..kernel[0] {
            let line = (y * stride[0] + ky * dilation[0]).wrapping_sub(pad.top);
            if line >= height {
                continue;
            }
            for kx in 0..kernel[1] {
                let column = (x * stride[1] + kx * dilation[1]).wrapping_sub(pad.left);
                if column < width {
                    let pixel = ((image * height + line) * width + column) * out.len();
                    let bits = &self.input[pixel..][..out.len()];
                    out.iter_mut().zip(bits).for_each(|(all, bits)| *all &= bits);
                }
            }
        }
    }
}

impl Fill<u8> for Pooling<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: self.shape.output()[1], columns: None }
    }

    fn fill(&self, mut out: OutputBlock<'_, u8>, _: &mut Workspace) {
        for row in 0..out.rows() {
            let pixel = out.first_row() + row;
            self.pool(pixel, out.row_mut(row));
        }
    }
}
