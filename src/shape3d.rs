//! The shape of a three-dimensional convolution.

use alloc::format;
use alloc::string::String;

use crate::windows::is_countable;
use crate::{Conv2dShape, Error, Padding};

/// The shape of a three-dimensional convolution: NDHWC activations, ODHWI weights. Sizes by axis are those of depth, height and width.
///
/// It is valid if it is so along each axis, and with its channels and groups, as a [`Conv2dShape`] is, and if the slices that a slice of the
/// output depends on, `kd · h · w · in_channels` elements, are not more than the input has or than 2²⁸: slices of padding are copied, too.
///
/// ```
/// use eightbit::Conv3dShape;
/// let shape = Conv3dShape::new([16, 112, 112], 3, 64, [3, 7, 7]).with_stride([1, 2, 2]).with_pad([[1, 1], [3, 3], [3, 3]]);
/// shape.check()?;
/// assert_eq!(shape.output(), [16, 56, 56]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv3dShape {
    /// The convolution of a slice with the taps of one depth.
    plane: Conv2dShape,
    depth: Depth,
}

/// The most elements of slices to copy for a slice of the output, unless the input has as many.
const MAX_COPIED: usize = 1 << 28;

/// The first axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Depth {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: [usize; 2],
}

impl Conv3dShape {
    /// One volume, stride and dilation 1, no padding, one group.
    #[must_use]
    pub const fn new(
        input: [usize; 3],
        in_channels: usize,
        out_channels: usize,
        kernel: [usize; 3],
    ) -> Conv3dShape {
        let ([depth, height, width], [kernel_depth, kernel_height, kernel_width]) = (input, kernel);
        Conv3dShape {
            plane: Conv2dShape::new(
                [height, width],
                in_channels,
                out_channels,
                [kernel_height, kernel_width],
            ),
            depth: Depth { input: depth, kernel: kernel_depth, stride: 1, dilation: 1, pad: [0, 0] },
        }
    }

    /// The same with this number of volumes.
    #[must_use]
    pub const fn with_batch(mut self, batch: usize) -> Self {
        self.plane.batch = batch;
        self
    }

    /// The same with these strides.
    #[must_use]
    pub const fn with_stride(mut self, [depth, height, width]: [usize; 3]) -> Self {
        (self.depth.stride, self.plane.stride) = (depth, [height, width]);
        self
    }

    /// The same with these distances between taps.
    #[must_use]
    pub const fn with_dilation(mut self, [depth, height, width]: [usize; 3]) -> Self {
        (self.depth.dilation, self.plane.dilation) = (depth, [height, width]);
        self
    }

    /// The same with this padding before and behind, above and below, to the left and to the right.
    #[must_use]
    pub const fn with_pad(mut self, [depth, [top, bottom], [left, right]]: [[usize; 2]; 3]) -> Self {
        (self.depth.pad, self.plane.pad) = (depth, Padding { top, left, bottom, right });
        self
    }

    /// The same with this number of channel groups.
    #[must_use]
    pub const fn with_groups(mut self, groups: usize) -> Self {
        self.plane.groups = groups;
        self
    }

    /// Volumes.
    #[must_use]
    pub const fn batch(&self) -> usize {
        self.plane.batch
    }

    /// Depth, height and width of the input.
    #[must_use]
    pub const fn input(&self) -> [usize; 3] {
        let [height, width] = self.plane.input;
        [self.depth.input, height, width]
    }

    /// Channels of the input.
    #[must_use]
    pub const fn in_channels(&self) -> usize {
        self.plane.in_channels
    }

    /// Channels of the output.
    #[must_use]
    pub const fn out_channels(&self) -> usize {
        self.plane.out_channels
    }

    /// Depth, height and width of the kernel.
    #[must_use]
    pub const fn kernel(&self) -> [usize; 3] {
        let [height, width] = self.plane.kernel;
        [self.depth.kernel, height, width]
    }

    /// Strides.
    #[must_use]
    pub const fn stride(&self) -> [usize; 3] {
        let [height, width] = self.plane.stride;
        [self.depth.stride, height, width]
    }

    /// Distances between taps.
    #[must_use]
    pub const fn dilation(&self) -> [usize; 3] {
        let [height, width] = self.plane.dilation;
        [self.depth.dilation, height, width]
    }

    /// Padding before and behind, above and below, to the left and to the right.
    #[must_use]
    pub const fn pad(&self) -> [[usize; 2]; 3] {
        let Padding { top, left, bottom, right } = self.plane.pad;
        [self.depth.pad, [top, bottom], [left, right]]
    }

    /// Channel groups.
    #[must_use]
    pub const fn groups(&self) -> usize {
        self.plane.groups
    }

    /// Checks that the shape is valid.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], saying what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        self.plane.check()?;
        let wrong = |why: String| Err(Error::Shape { what: "three-dimensional convolution", why });
        let Depth { input, kernel, stride, dilation, .. } = self.depth;
        if [kernel, stride, dilation].contains(&0) {
            return wrong("strides, dilations and kernel sizes must be at least 1".into());
        }
        let Some(depth) = self.output_depth() else {
            return wrong(format!(
                "a kernel of depth {kernel} with dilation {dilation} does not fit into a padded depth of {input}, or its size overflows"
            ));
        };
        let Conv2dShape { batch, input: [height, width], in_channels, out_channels, kernel: taps, .. } =
            self.plane;
        let [out_height, out_width] = self.plane.output();
        let sizes = [
            [batch, input, height, width, in_channels],
            [batch, depth, out_height, out_width, out_channels],
            [kernel, taps[0], taps[1], in_channels, out_channels],
            [kernel, height, width, in_channels, 1],
        ];
        if !sizes.iter().all(|sizes| is_countable(sizes)) {
            return wrong("the number of elements overflows".into());
        }
        let copied = kernel * height * width * in_channels;
        if copied > self.input_len().max(MAX_COPIED) {
            return wrong(format!(
                "a slice of the output depends on {copied} elements, with those of the padding: more than {MAX_COPIED}, and than the input has"
            ));
        }
        self.stacked().check()
    }

    /// Depth, height and width of the output; 0 × 0 × 0 if a window does not fit into the padded input, or their positions overflow.
    #[must_use]
    pub fn output(&self) -> [usize; 3] {
        match (self.output_depth(), self.plane.output()) {
            (Some(depth), [height, width]) if height > 0 => [depth, height, width],
            _ => [0; 3],
        }
    }

    fn output_depth(&self) -> Option<usize> {
        let Depth { input, kernel, stride, dilation, pad } = self.depth;
        let padded = input.checked_add(pad[0])?.checked_add(pad[1])?;
        let reach = kernel.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
        // `z · stride + k · dilation` must not overflow.
        padded.checked_add(reach)?.checked_add(stride)?.checked_mul(2)?;
        Some(padded.checked_sub(reach)?.checked_div(stride)? + 1)
    }

    /// The convolution of one image whose pixels have the channels of all slices that a slice of the output depends on: for each group its
    /// channels of each of them.
    pub(crate) fn stacked(&self) -> Conv2dShape {
        let in_channels = self.plane.in_channels.saturating_mul(self.depth.kernel);
        Conv2dShape { batch: 1, in_channels, ..self.plane }
    }

    /// Which slice of the input, counted through the batch, tap `tap` of the depth reads for slice `slice` of the output, counted likewise;
    /// `None` for one of the padding. For a checked shape.
    pub(crate) fn slice_of(&self, slice: usize, tap: usize) -> Option<usize> {
        let Depth { input, stride, dilation, pad: [front, _], .. } = self.depth;
        let [depth, ..] = self.output();
        let (volume, slice) = (slice / depth, slice % depth);
        let at = (slice * stride + tap * dilation).checked_sub(front).filter(|&at| at < input)?;
        Some(volume * input + at)
    }

    /// Slices of the output of all volumes, for a checked shape.
    pub(crate) fn output_slices(&self) -> usize {
        self.plane.batch * self.output()[0]
    }

    /// Elements of the input, for a checked shape.
    pub(crate) fn input_len(&self) -> usize {
        self.depth.input * self.plane.input_len()
    }

    /// Elements of the weights, for a checked shape.
    pub(crate) fn weights_len(&self) -> usize {
        self.depth.kernel * self.plane.weights_len()
    }
}
