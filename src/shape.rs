//! The shape of a convolution.

use alloc::format;
use alloc::string::String;
use eightbit_kernels::{PatchGeometry, Window2d};

use crate::Error;

/// Rows and columns of zero points that a convolution sees around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// The same on all four sides.
    #[must_use]
    pub const fn same(pad: usize) -> Padding {
        Padding { top: pad, left: pad, bottom: pad, right: pad }
    }
}

/// The shape of a two-dimensional convolution: NHWC activations, OHWI weights.
///
/// ```
/// use eightbit::{Conv2dShape, Padding};
/// let shape = Conv2dShape { pad: Padding::same(1), stride: [2, 2], ..Conv2dShape::new([224, 224], 3, 32, [3, 3]) };
/// shape.check()?;
/// assert_eq!(shape.output(), [112, 112]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2dShape {
    /// Images.
    pub batch: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Vertical and horizontal distance between taps.
    pub dilation: [usize; 2],
    /// Padding on each side.
    pub pad: Padding,
    /// Channel groups: the number of independent convolutions that input and output channels are split into.
    pub groups: usize,
}

impl Conv2dShape {
    /// One image, stride and dilation 1, no padding, one group.
    #[must_use]
    pub const fn new(
        input: [usize; 2],
        in_channels: usize,
        out_channels: usize,
        kernel: [usize; 2],
    ) -> Conv2dShape {
        Conv2dShape {
            batch: 1,
            input,
            in_channels,
            out_channels,
            kernel,
            stride: [1, 1],
            dilation: [1, 1],
            pad: Padding { top: 0, left: 0, bottom: 0, right: 0 },
            groups: 1,
        }
    }

    /// Checks that the shape is valid: strides, dilations, kernel, channels and groups of at least 1, channels divisible by
    /// the groups, a kernel that fits into the padded input, sizes and positions that do not overflow (an extent of 0
    /// hides no other).
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], saying what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        self.window().map(|_| ())
    }

    /// The window of a valid shape.
    pub(crate) fn window(&self) -> Result<Window2d, Error> {
        let wrong = |why: String| Err(Error::Shape { what: "convolution", why });
        if self.stride.contains(&0)
            || self.dilation.contains(&0)
            || self.kernel.contains(&0)
            || self.groups == 0
        {
            return wrong("strides, dilations, kernel sizes and groups must be at least 1".into());
        }
        if self.in_channels == 0 || self.out_channels == 0 {
            return wrong("there must be at least one input and one output channel".into());
        }
        if !self.in_channels.is_multiple_of(self.groups) || !self.out_channels.is_multiple_of(self.groups) {
            return wrong(format!(
                "{} input and {} output channels cannot be split into {} groups",
                self.in_channels, self.out_channels, self.groups
            ));
        }
        let Some([height, width]) = self.checked_output() else {
            return wrong(format!(
                "a {}×{} kernel with dilation {}×{} does not fit into the padded {}×{} input, or its size overflows",
                self.kernel[0],
                self.kernel[1],
                self.dilation[0],
                self.dilation[1],
                self.input[0],
                self.input[1]
            ));
        };
        let count = |sizes: &[usize]| {
            sizes
                .iter()
                .try_fold(1usize, |product, &size| product.checked_mul(size.max(1)))
                .filter(|&n| n <= isize::MAX as usize / 8)
        };
        let sizes = [
            count(&[self.batch, self.input[0], self.input[1], self.in_channels]),
            count(&[self.batch, height, width, self.out_channels]),
            count(&[self.out_channels, self.kernel[0], self.kernel[1], self.in_channels]),
        ];
        if sizes.contains(&None) {
            return wrong("the number of elements overflows".into());
        }
        let window = Window2d::new(PatchGeometry {
            batch: self.batch,
            input: self.input,
            channels: self.in_channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad: [self.pad.top, self.pad.left],
            output: [height, width],
        });
        window.map_or_else(|| wrong("strides, dilations or padding are too large to count with".into()), Ok)
    }

    /// Height and width of the output: `⌊(input + pad − (kernel − 1)·dilation − 1) / stride⌋ + 1`; 0 × 0 for a shape
    /// that [`check`](Self::check) refuses.
    #[must_use]
    pub fn output(&self) -> [usize; 2] {
        self.checked_output().unwrap_or_default()
    }

    /// Whether every input channel has exactly one output channel.
    #[must_use]
    pub fn is_depthwise(&self) -> bool {
        self.groups == self.in_channels && self.groups == self.out_channels && self.groups > 1
    }

    /// Elements of the input, for a checked shape.
    pub(crate) fn input_len(&self) -> usize {
        self.batch * self.input[0] * self.input[1] * self.in_channels
    }

    /// Elements of the weights, for a checked shape.
    pub(crate) fn weights_len(&self) -> usize {
        self.out_channels * self.kernel[0] * self.kernel[1] * (self.in_channels / self.groups)
    }

    /// Output pixels, for a checked shape.
    pub(crate) fn output_rows(&self) -> usize {
        let [height, width] = self.output();
        self.batch * height * width
    }

    fn checked_output(&self) -> Option<[usize; 2]> {
        let one = |axis: usize, before: usize, after: usize| -> Option<usize> {
            let padded = self.input[axis].checked_add(before)?.checked_add(after)?;
            let reach = self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
            // `y · stride + k · dilation` must not overflow wherever it is computed.
            padded.checked_add(reach)?.checked_mul(2)?;
            Some(padded.checked_sub(reach)?.checked_div(self.stride[axis])? + 1)
        };
        Some([one(0, self.pad.top, self.pad.bottom)?, one(1, self.pad.left, self.pad.right)?])
    }
}
