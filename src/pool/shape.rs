//! The shape of a pooling.

use alloc::format;
use alloc::string::String;

use eightbit_kernels::pooling::MAX_TAPS;
use eightbit_kernels::{PatchGeometry, Window2d};

use crate::check::check_size;
use crate::{Element, Error, MatMut, Padding};

/// The shape of a two-dimensional pooling, NHWC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2dShape {
    /// Images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Channels.
    pub channels: usize,
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal distance between taps.
    pub dilation: [usize; 2],
    /// Padding on each side.
    pub pad: Padding,
    /// Whether a last window may reach past the padding (ONNX's `ceil_mode`), as long as it begins before its end.
    pub round_up: bool,
}

impl Pool2dShape {
    /// One image, windows side by side, no padding.
    #[must_use]
    pub const fn new(input: [usize; 2], channels: usize, kernel: [usize; 2]) -> Pool2dShape {
        Pool2dShape {
            batch: 1,
            input,
            channels,
            kernel,
            stride: kernel,
            dilation: [1, 1],
            pad: Padding::same(0),
            round_up: false,
        }
    }

    /// Checks that the shape is valid: strides, dilations, window and channels of at least 1, every window with a tap
    /// on the image, sizes that do not overflow.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], saying what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        self.window().map(|_| ())
    }

    /// The window of a valid shape.
    pub(super) fn window(&self) -> Result<Window2d, Error> {
        let wrong = |why: String| Err(Error::Shape { what: "pooling", why });
        if self.stride.contains(&0)
            || self.dilation.contains(&0)
            || self.kernel.contains(&0)
            || self.input.contains(&0)
            || self.channels == 0
        {
            return wrong("strides, dilations, sizes and channels must be at least 1".into());
        }
        if self.kernel[0].checked_mul(self.kernel[1]).is_none_or(|taps| taps > MAX_TAPS) {
            return wrong(format!("a window has at most {MAX_TAPS} taps"));
        }
        let Some([height, width]) = self.checked_output() else {
            return wrong("the window does not fit into the padded input, or its size overflows".into());
        };
        for (axis, output) in [height, width].into_iter().enumerate() {
            let (kernel, dilation) = (self.kernel[axis], self.dilation[axis]);
            let begin = [self.pad.top, self.pad.left][axis];
            // With taps no further apart than the image is wide, no window can step over it: checking the first and the
            // last window suffices.
            let steps_over = kernel > 1 && dilation > self.input[axis];
            let first_is_before = begin > (kernel - 1) * dilation;
            let last_is_behind = (output - 1) * self.stride[axis] >= begin + self.input[axis];
            if steps_over || first_is_before || last_is_behind {
                return wrong(
                    "a window lies outside the image: padding must be less than the window, dilation no more than \
                     the image"
                        .into(),
                );
            }
        }
        let count = |height: usize, width: usize| {
            let pixels = self.batch.max(1).checked_mul(height)?.checked_mul(width)?;
            pixels.checked_mul(self.channels).filter(|&n| n <= isize::MAX as usize / 8)
        };
        if count(height, width).is_none() || count(self.input[0], self.input[1]).is_none() {
            return wrong("the number of elements overflows".into());
        }
        let window = Window2d::new(PatchGeometry {
            batch: self.batch,
            input: self.input,
            channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad: [self.pad.top, self.pad.left],
            output: [height, width],
        });
        window.map_or_else(|| wrong("strides, dilations or padding are too large to count with".into()), Ok)
    }

    /// Height and width of the output; 0 × 0 for a shape that [`check`](Self::check) refuses for its size.
    #[must_use]
    pub fn output(&self) -> [usize; 2] {
        self.checked_output().unwrap_or_default()
    }

    fn checked_output(&self) -> Option<[usize; 2]> {
        let one = |axis: usize, begin: usize, end: usize| -> Option<usize> {
            let stride = self.stride[axis];
            let padded = self.input[axis].checked_add(begin)?.checked_add(end)?;
            let reach = self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
            padded.checked_add(reach)?.checked_add(stride)?.checked_mul(2)?;
            let remaining = padded.checked_sub(reach)?;
            if stride == 0 {
                return None;
            }
            let mut output = if self.round_up { remaining.div_ceil(stride) } else { remaining / stride } + 1;
            if self.round_up && (output - 1) * stride >= begin + self.input[axis] {
                output -= 1;
            }
            Some(output)
        };
        Some([one(0, self.pad.top, self.pad.bottom)?, one(1, self.pad.left, self.pad.right)?])
    }

    /// Checks that operands have the sizes of a checked shape.
    pub(super) fn check_call<I: Element, O: Element>(
        &self,
        input: &[I],
        out: &MatMut<'_, O>,
    ) -> Result<(), Error> {
        let inputs = self.batch * self.input[0] * self.input[1] * self.channels;
        check_size("length of the input", inputs, input.len())?;
        check_size("rows of the output", self.output_pixels(), out.rows())?;
        check_size("columns of the output", self.channels, out.columns())
    }

    /// The whole output as a matrix, for a checked shape.
    pub(super) fn matrix<'a, O: Element>(&self, out: &'a mut [O]) -> Result<MatMut<'a, O>, Error> {
        check_size("length of the output", self.output_pixels() * self.channels, out.len())?;
        MatMut::new(out, self.output_pixels(), self.channels)
    }

    /// Pixels of all images of the output, for a checked shape.
    pub(super) fn output_pixels(&self) -> usize {
        let [height, width] = self.output();
        self.batch * height * width
    }
}
