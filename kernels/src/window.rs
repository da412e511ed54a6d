//! Where the windows of a convolution or a pooling lie in an image: described, then checked once.

use core::ops::Deref;

/// Where windows lie in an NHWC image: a description, which [`Window2d::new`] checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchGeometry {
    /// Images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Channels of a pixel, all groups together.
    pub channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal dilation.
    pub dilation: [usize; 2],
    /// Padding above and to the left.
    pub pad: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// A [`PatchGeometry`] whose products and sums are proved not to overflow: what unsafe code takes. It dereferences to its
/// description and cannot be changed.
///
/// With every extent counted as one at least (so that a batch of 0 hides nothing), these fit `isize`:
///
/// * elements of the input, pixels of the output, taps of the kernel;
/// * along each axis four times the sum of `output · stride`, `kernel · dilation`, the input and the padding: so does the
///   position of every tap of every window, and of the one after the last.
///
/// Channels, strides, dilations and the kernel's sizes are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window2d {
    geometry: PatchGeometry,
}

/// Positions along an axis stay below this, so that four of them can be added.
const FARTHEST: usize = isize::MAX as usize / 4;

impl Window2d {
    /// Checks a description; `None` if a size is 0 that must not be, or a product or sum overflows.
    #[must_use]
    pub fn new(geometry: PatchGeometry) -> Option<Window2d> {
        let PatchGeometry { batch, input, channels, kernel, stride, dilation, pad, output } = geometry;
        if channels == 0 || [kernel, stride, dilation].as_flattened().contains(&0) {
            return None;
        }
        count(&[batch, input[0], input[1], channels])?;
        count(&[batch, output[0], output[1]])?;
        count(&kernel)?;
        for axis in 0..2 {
            let windows = output[axis].checked_mul(stride[axis])?;
            let taps = kernel[axis].checked_mul(dilation[axis])?;
            let farthest = windows.checked_add(taps)?.checked_add(input[axis])?.checked_add(pad[axis])?;
            if farthest > FARTHEST {
                return None;
            }
        }
        Some(Window2d { geometry })
    }

    /// Elements of the input.
    #[must_use]
    #[inline]
    pub fn input_len(&self) -> usize {
        self.batch * self.input[0] * self.input[1] * self.channels
    }

    /// Taps of the kernel.
    #[must_use]
    #[inline]
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Output pixels.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// Input row and column that tap (`ky`, `kx`) of output pixel (`y`, `x`) falls on, if it is inside.
    #[inline]
    pub(crate) fn tap(&self, y: usize, x: usize, ky: usize, kx: usize) -> Option<(usize, usize)> {
        let iy = (y * self.stride[0] + ky * self.dilation[0]).wrapping_sub(self.pad[0]);
        let ix = (x * self.stride[1] + kx * self.dilation[1]).wrapping_sub(self.pad[1]);
        (iy < self.input[0] && ix < self.input[1]).then_some((iy, ix))
    }
}

impl Deref for Window2d {
    type Target = PatchGeometry;

    #[inline]
    fn deref(&self) -> &PatchGeometry {
        &self.geometry
    }
}

/// The product of the extents, each at least one, if it fits `isize`.
fn count(extents: &[usize]) -> Option<usize> {
    let product = extents.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent.max(1)))?;
    isize::try_from(product).is_ok().then_some(product)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small geometry, for tests to change.
    pub(crate) const PLAIN: PatchGeometry = PatchGeometry {
        batch: 1,
        input: [4, 5],
        channels: 3,
        kernel: [2, 3],
        stride: [1, 2],
        dilation: [1, 1],
        pad: [0, 1],
        output: [3, 2],
    };

    #[test]
    fn a_window_counts_its_elements() {
        let window = Window2d::new(PLAIN).unwrap();
        assert_eq!((window.input_len(), window.rows(), window.taps()), (60, 6, 6));
        let empty = Window2d::new(PatchGeometry { batch: 0, ..PLAIN }).unwrap();
        assert_eq!((empty.input_len(), empty.rows()), (0, 0));
    }

    #[test]
    fn zero_sizes_and_overflows_are_refused() {
        let half = 1 << (usize::BITS / 2);
        let huge = usize::MAX / 2;
        for refused in [
            PatchGeometry { channels: 0, ..PLAIN },
            PatchGeometry { kernel: [0, 3], ..PLAIN },
            PatchGeometry { stride: [1, 0], ..PLAIN },
            PatchGeometry { dilation: [0, 1], ..PLAIN },
            PatchGeometry { kernel: [huge + 2, 2], ..PLAIN },
            PatchGeometry { stride: [huge, 1], ..PLAIN },
            PatchGeometry { dilation: [1, huge], ..PLAIN },
            PatchGeometry { pad: [huge, 0], ..PLAIN },
            PatchGeometry { input: [half, half], ..PLAIN },
            // Nothing hides behind an extent of 0.
            PatchGeometry { batch: 0, input: [half, half], ..PLAIN },
            PatchGeometry { batch: 0, output: [half, half], ..PLAIN },
        ] {
            assert_eq!(Window2d::new(refused), None, "{refused:?}");
        }
    }
}
