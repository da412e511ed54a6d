//! The shape of a convolution.

use alloc::format;

use eightbit_kernels::{PatchGeometry, Window2d};

use crate::windows::{Windows, shape_methods};
use crate::{Error, Padding};

/// The shape of a two-dimensional convolution: NHWC activations, OHWI weights.
///
/// It is valid if strides, dilations, kernel, channels and groups are at least 1, the groups divide the channels, the kernel
/// fits into the padded input, and no size or position overflows (an extent of 0 hides no other). Along an axis the output
/// has `⌊(input + pad − (kernel − 1)·dilation − 1) / stride⌋ + 1` pixels.
///
/// ```
/// use eightbit::{Conv2dShape, Padding};
/// let shape = Conv2dShape::new([224, 224], 3, 32, [3, 3]).with_pad(Padding::same(1)).with_stride([2, 2]);
/// shape.check()?;
/// assert_eq!(shape.output(), [112, 112]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
            pad: Padding::same(0),
            groups: 1,
        }
    }

    shape_methods!();

    /// The same with this number of channel groups.
    #[must_use]
    pub const fn with_groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The window of a valid shape.
    pub(crate) fn window(&self) -> Result<Window2d, Error> {
        let windows = self.windows();
        if [self.stride, self.dilation, self.kernel].as_flattened().contains(&0) || self.groups == 0 {
            return windows.wrong("strides, dilations, kernel sizes and groups must be at least 1");
        }
        if self.in_channels == 0 || self.out_channels == 0 {
            return windows.wrong("there must be at least one input and one output channel");
        }
        if !self.in_channels.is_multiple_of(self.groups) || !self.out_channels.is_multiple_of(self.groups) {
            return windows.wrong(format!(
                "{} input and {} output channels cannot be split into {} groups",
                self.in_channels, self.out_channels, self.groups
            ));
        }
        let [kernel_height, kernel_width] = self.kernel;
        let Some([height, width]) = windows.output() else {
            return windows.wrong(format!(
                "a {kernel_height}×{kernel_width} kernel with dilation {}×{} does not fit into the padded {}×{} input, or its \
                 size overflows",
                self.dilation[0], self.dilation[1], self.input[0], self.input[1]
            ));
        };
        let input = [self.batch, self.input[0], self.input[1], self.in_channels];
        let output = [self.batch, height, width, self.out_channels];
        let weights = [self.out_channels, kernel_height, kernel_width, self.in_channels];
        windows.checked([height, width], &[&input, &output, &weights])
    }

    fn windows(&self) -> Windows {
        let Conv2dShape { batch, input, in_channels: channels, kernel, stride, dilation, pad, .. } = *self;
        let (none, what) = ([0, 0], "convolution");
        let geometry =
            PatchGeometry { batch, input, channels, kernel, stride, dilation, pad: none, output: none };
        Windows { what, geometry, pad, round_up: false }
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
}
