//! Windows over an NHWC image: what the shapes of convolutions and poolings share.

use alloc::string::String;

use eightbit_kernels::{PatchGeometry, Window2d};

use crate::{Error, Padding};

/// Defines the methods that the shapes of convolutions and poolings share, for a type with the fields `batch`, `stride`, `dilation`
/// and `pad`, a method `windows`, and a method `window` that proves the shape to be valid.
macro_rules! shape_methods {
    () => {
        /// The same with this number of images.
        #[must_use]
        pub const fn with_batch(mut self, batch: usize) -> Self {
            self.batch = batch;
            self
        }

        /// The same with these vertical and horizontal strides.
        #[must_use]
        pub const fn with_stride(mut self, stride: [usize; 2]) -> Self {
            self.stride = stride;
            self
        }

        /// The same with these vertical and horizontal distances between taps.
        #[must_use]
        pub const fn with_dilation(mut self, dilation: [usize; 2]) -> Self {
            self.dilation = dilation;
            self
        }

        /// The same with this padding.
        #[must_use]
        pub const fn with_pad(mut self, pad: Padding) -> Self {
            self.pad = pad;
            self
        }

        /// Checks that the shape is valid.
        ///
        /// # Errors
        ///
        /// [`Error::Shape`], saying what is wrong.
        pub fn check(&self) -> Result<(), Error> {
            self.window().map(|_| ())
        }

        /// Height and width of the output; 0 × 0 if a window does not fit into the padded input, or their positions overflow.
        #[must_use]
        pub fn output(&self) -> [usize; 2] {
            self.windows().output().unwrap_or_default()
        }

        /// Output pixels of all images, for a checked shape.
        pub(crate) fn output_rows(&self) -> usize {
            let [height, width] = self.output();
            self.batch * height * width
        }
    };
}
pub(crate) use shape_methods;

/// The windows that a shape describes, of any sizes.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// What the shape is of, for errors.
    pub(crate) what: &'static str,
    /// Where the windows lie; the padding and the output are not those.
    pub(crate) geometry: PatchGeometry,
    pub(crate) pad: Padding,
    /// Whether a last window may reach past the padding.
    pub(crate) round_up: bool,
}

impl Windows {
    /// The error of an invalid shape.
    pub(crate) fn wrong<T>(&self, why: impl Into<String>) -> Result<T, Error> {
        Err(Error::Shape { what: self.what, why: why.into() })
    }

    /// Height and width of the output, if the kernel fits into the padded input and no position overflows.
    pub(crate) fn output(&self) -> Option<[usize; 2]> {
        let PatchGeometry { input, kernel, stride, dilation, .. } = self.geometry;
        let one = |axis: usize, begin: usize, end: usize| -> Option<usize> {
            let stride = stride[axis];
            let padded = input[axis].checked_add(begin)?.checked_add(end)?;
            let reach = kernel[axis].checked_sub(1)?.checked_mul(dilation[axis])?.checked_add(1)?;
            // `y · stride + k · dilation` must not overflow wherever it is computed.
            padded.checked_add(reach)?.checked_add(stride)?.checked_mul(2)?;
            let remaining = padded.checked_sub(reach)?;
            let mut output = remaining.checked_div(stride)? + 1;
            if self.round_up {
                output = remaining.div_ceil(stride) + 1;
                if (output - 1) * stride >= begin + input[axis] {
                    output -= 1;
                }
            }
            Some(output)
        };
        Some([one(0, self.pad.top, self.pad.bottom)?, one(1, self.pad.left, self.pad.right)?])
    }

    /// The windows of a shape that is valid otherwise, whose `tensors` have these sizes.
    pub(crate) fn checked(&self, output: [usize; 2], tensors: &[&[usize]]) -> Result<Window2d, Error> {
        if !tensors.iter().all(|sizes| is_countable(sizes)) {
            return self.wrong("the number of elements overflows");
        }
        let pad = [self.pad.top, self.pad.left];
        let window = Window2d::new(PatchGeometry { pad, output, ..self.geometry });
        window.map_or_else(|| self.wrong("strides, dilations or padding are too large to count with"), Ok)
    }
}

/// Whether a tensor's elements can be counted, and an extent of 0 hides no other.
pub(crate) fn is_countable(sizes: &[usize]) -> bool {
    sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size.max(1)))
        .is_some_and(|elements| elements <= isize::MAX as usize / 8)
}
