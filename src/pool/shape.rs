//! The shape of a pooling.

use alloc::format;

use eightbit_kernels::pooling::MAX_TAPS;
use eightbit_kernels::{PatchGeometry, Window2d};

use crate::check::check_size;
use crate::elementwise::Unary;
use crate::fill::Fill;
use crate::windows::{Windows, shape_methods};
use crate::{Call, Element, Error, MatMut, Padding};

/// The shape of a two-dimensional pooling, NHWC.
///
/// It is valid if strides, dilations, window, channels and the input's sizes are at least 1, every window has a tap on the
/// image, and no size overflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

    shape_methods!();

    /// The same, with a last window that may reach past the padding if `round_up`.
    #[must_use]
    pub const fn with_round_up(mut self, round_up: bool) -> Self {
        self.round_up = round_up;
        self
    }

    /// The window of a valid shape.
    pub(super) fn window(&self) -> Result<Window2d, Error> {
        let windows = self.windows();
        let sizes = [self.stride, self.dilation, self.kernel, self.input];
        if sizes.as_flattened().contains(&0) || self.channels == 0 {
            return windows.wrong("strides, dilations, sizes and channels must be at least 1");
        }
        if self.kernel[0].checked_mul(self.kernel[1]).is_none_or(|taps| taps > MAX_TAPS) {
            return windows.wrong(format!("a window has at most {MAX_TAPS} taps"));
        }
        let Some([height, width]) = windows.output() else {
            return windows.wrong("the window does not fit into the padded input, or its size overflows");
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
                return windows.wrong(
                    "a window lies outside the image: padding must be less than the window, dilation no more than \
                     the image",
                );
            }
        }
        let input = [self.batch, self.input[0], self.input[1], self.channels];
        windows.checked([height, width], &[&input, &[self.batch, height, width, self.channels]])
    }

    fn windows(&self) -> Windows {
        let Pool2dShape { batch, input, channels, kernel, stride, dilation, pad, round_up } = *self;
        let none = [0, 0];
        let geometry =
            PatchGeometry { batch, input, channels, kernel, stride, dilation, pad: none, output: none };
        Windows { what: "pooling", geometry, pad, round_up }
    }

    /// The call of a plan with this checked shape, on operands of its sizes.
    pub(super) fn call<'a, P, I: Element, O: Element>(
        &self,
        plan: &'a P,
        input: &'a [I],
        out: MatMut<'a, O>,
    ) -> Result<Call<'a, O, Unary<'a, P>>, Error>
    where
        Unary<'a, P>: Fill<O>,
    {
        let inputs = self.batch * self.input[0] * self.input[1] * self.channels;
        check_size("length of the input", inputs, input.len())?;
        check_size("rows of the output", self.output_rows(), out.rows())?;
        check_size("columns of the output", self.channels, out.columns())?;
        Ok(Call::new(Unary { plan, input: I::view(input) }, out.block()))
    }

    /// The whole output as a matrix, for a checked shape.
    pub(super) fn matrix<'a, O: Element>(&self, out: &'a mut [O]) -> Result<MatMut<'a, O>, Error> {
        check_size("length of the output", self.output_rows() * self.channels, out.len())?;
        MatMut::new(out, self.output_rows(), self.channels)
    }
}
