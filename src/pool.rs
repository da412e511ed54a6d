//! Pooling: the greatest or the average element of a window, channel by channel, NHWC.
//!
//! What lies outside the image is no part of a maximum. An average is
//! `rne(clamp(f32(Σ (x − in_zero)) · (in_scale / (out_scale · f32(count))), low − out_zero, high − out_zero)) + out_zero`
//! with an exact sum over the elements on the image; `count` is their number or, on demand, the number of taps on the
//! image and its padding. The factor is one multiplication and one division in `f32`.

use std::ops::Range;

use eightbit_kernels::elementwise::Target;
use eightbit_kernels::gemm::{OutputBlock, PatchGeometry};
use eightbit_kernels::pooling::{self, AverageCall, MAX_TAPS, MaxCall};

use crate::elementwise::{check_factor, clamped, whole};
use crate::gemm::{check_size, check_type};
use crate::{Backend, Element, Error, MatMut, Padding, QuantizedType, Workspace};

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

    /// Checks that the shape makes sense: strides, dilations, window and channels of at least 1, every window with a tap
    /// on the image, sizes that can be counted.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], saying what is wrong.
    pub fn check(&self) -> Result<(), Error> {
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
            // With taps no further apart than the image is wide, no window can step over it: the first and the last
            // window tell of all.
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
            let pixels = self.batch.checked_mul(height)?.checked_mul(width)?;
            pixels.checked_mul(self.channels).filter(|&n| n <= isize::MAX as usize / 8)
        };
        if count(height, width).is_none() || count(self.input[0], self.input[1]).is_none() {
            return wrong("the number of elements overflows".into());
        }
        Ok(())
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
            let room = padded.checked_sub(reach)?;
            if stride == 0 {
                return None;
            }
            let mut output = if self.round_up { room.div_ceil(stride) } else { room / stride } + 1;
            if self.round_up && (output - 1) * stride >= begin + self.input[axis] {
                output -= 1;
            }
            Some(output)
        };
        Some([one(0, self.pad.top, self.pad.bottom)?, one(1, self.pad.left, self.pad.right)?])
    }

    fn geometry(&self) -> PatchGeometry {
        PatchGeometry {
            batch: self.batch,
            input: self.input,
            channels: self.channels,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad: [self.pad.top, self.pad.left],
            output: self.output(),
        }
    }

    /// The pixels `part` of the output as the kernels see them, for a checked shape.
    fn part<'a, I: Element, O: Element>(
        &self,
        input: &[I],
        out: MatMut<'a, O>,
        part: Range<usize>,
    ) -> Result<OutputBlock<'a, O>, Error> {
        let inputs = self.batch * self.input[0] * self.input[1] * self.channels;
        check_size("length of the input", inputs, input.len())?;
        check_size("rows of the output", self.output_pixels(), out.rows())?;
        check_size("columns of the output", self.channels, out.columns())?;
        out.part(part)
    }

    /// The whole output as a matrix, for a checked shape.
    fn matrix<'a, O: Element>(&self, out: &'a mut [O]) -> Result<MatMut<'a, O>, Error> {
        check_size("length of the output", self.output_pixels() * self.channels, out.len())?;
        MatMut::new(out, self.output_pixels(), self.channels)
    }

    /// Pixels of all images of the output, for a checked shape.
    fn output_pixels(&self) -> usize {
        let [height, width] = self.output();
        self.batch * height * width
    }

    fn workspace_bytes(&self) -> usize {
        pooling::scratch_bytes(self.kernel).unwrap_or(usize::MAX)
    }
}

/// The greatest element of every window. Scale and zero point are those of the input.
///
/// ```
/// use eightbit::{Backend, Workspace, pool::{MaxPool2d, Pool2dShape}};
/// let pool = MaxPool2d::new(Backend::best()?, Pool2dShape::new([2, 4], 1, [2, 2]))?;
/// let mut out = [0u8; 2];
/// pool.run(&[1u8, 2, 3, 4, 5, 6, 7, 8], &mut out, &mut Workspace::new())?;
/// assert_eq!(out, [6, 8]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    backend: Backend,
    shape: Pool2dShape,
}

impl MaxPool2d {
    /// Plans the pooling.
    ///
    /// # Errors
    ///
    /// If the shape makes no sense.
    pub fn new(backend: Backend, shape: Pool2dShape) -> Result<MaxPool2d, Error> {
        shape.check()?;
        Ok(MaxPool2d { backend, shape })
    }

    /// Bytes of workspace with which a call allocates nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.shape.workspace_bytes()
    }

    /// Pools `input`, NHWC, into `out`, NHWC.
    ///
    /// # Errors
    ///
    /// If lengths are not those of the shape. Nothing is written then.
    pub fn run<T: Element>(
        &self,
        input: &[T],
        out: &mut [T],
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        self.run_part(input, self.shape.matrix(out)?, 0..self.shape.output_pixels(), workspace)
    }

    /// As [`run`](Self::run) for a part of the output alone: `pixels` of it, counted through the batch. `out` is the whole
    /// output, a row for each pixel; its rows may lie apart, such as in the channels of a larger image.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there are no such pixels.
    pub fn run_part<T: Element>(
        &self,
        input: &[T],
        out: MatMut<'_, T>,
        pixels: Range<usize>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let block = self.shape.part(input, out, pixels)?;
        let call = MaxCall { backend: self.backend, input, geometry: self.shape.geometry() };
        pooling::maximum(&call, block, &mut workspace.0);
        Ok(())
    }
}

/// The average of every window.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, pool::{AveragePool2d, Pool2dShape}};
/// let (input, output) = (QuantizedType::u8(0.5, 10)?, QuantizedType::u8(0.25, 0)?);
/// let pool = AveragePool2d::new(Backend::best()?, Pool2dShape::new([2, 2], 1, [2, 2]), input, output)?;
/// let mut out = [0u8; 1];
/// pool.run(&[12u8, 14, 16, 18], &mut out, &mut Workspace::new())?; // 1, 2, 3, 4 on average 2.5
/// assert_eq!(out, [10]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AveragePool2d {
    backend: Backend,
    shape: Pool2dShape,
    input: QuantizedType,
    output: QuantizedType,
    target: Target,
    count_padding: bool,
}

impl AveragePool2d {
    /// Plans the pooling of `input` to `output`.
    ///
    /// # Errors
    ///
    /// If the shape makes no sense, or the input's scale is more than 2¹⁰⁰ times the output's.
    pub fn new(
        backend: Backend,
        shape: Pool2dShape,
        input: QuantizedType,
        output: QuantizedType,
    ) -> Result<AveragePool2d, Error> {
        shape.check()?;
        check_factor("in_scale / out_scale", input.scale() / output.scale())?;
        let target = whole(&output);
        Ok(AveragePool2d { backend, shape, input, output, target, count_padding: false })
    }

    /// Plans the average over whole images of `size` (height and width).
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn global(
        backend: Backend,
        batch: usize,
        size: [usize; 2],
        channels: usize,
        input: QuantizedType,
        output: QuantizedType,
    ) -> Result<AveragePool2d, Error> {
        let shape = Pool2dShape { batch, ..Pool2dShape::new(size, channels, size) };
        AveragePool2d::new(backend, shape, input, output)
    }

    /// The same, with the padding counted as so many zeros (ONNX's `count_include_pad`), or not, as is the default.
    #[must_use]
    pub fn count_padding(mut self, count: bool) -> AveragePool2d {
        self.count_padding = count;
        self
    }

    /// The same with the result clamped to `low ..= high`, in steps of the output: a fused activation.
    ///
    /// # Errors
    ///
    /// If that is no range of the output's type.
    pub fn clamped(mut self, low: i32, high: i32) -> Result<AveragePool2d, Error> {
        self.target = clamped(&self.output, low, high)?;
        Ok(self)
    }

    /// Bytes of workspace with which a call allocates nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        self.shape.workspace_bytes()
    }

    /// Pools `input`, NHWC, into `out`, NHWC.
    ///
    /// # Errors
    ///
    /// If lengths or element types are not those of the plan. Nothing is written then.
    pub fn run<I: Element, O: Element>(
        &self,
        input: &[I],
        out: &mut [O],
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        self.run_part(input, self.shape.matrix(out)?, 0..self.shape.output_pixels(), workspace)
    }

    /// As [`run`](Self::run) for a part of the output alone, as [`MaxPool2d::run_part`].
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there are no such pixels.
    pub fn run_part<I: Element, O: Element>(
        &self,
        input: &[I],
        out: MatMut<'_, O>,
        pixels: Range<usize>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        check_type("the input", self.input.element(), I::TYPE)?;
        check_type("the output", self.output.element(), O::TYPE)?;
        let block = self.shape.part(input, out, pixels)?;
        let pad = self.shape.pad;
        let call = AverageCall {
            backend: self.backend,
            input,
            geometry: self.shape.geometry(),
            count_padding: self.count_padding.then_some([pad.bottom, pad.right]),
            zero: self.input.zero_point(),
            input_scale: self.input.scale(),
            output_scale: self.output.scale(),
            target: self.target,
        };
        pooling::average(&call, block, &mut workspace.0);
        Ok(())
    }
}
