//! Pooling: the maximum or the average of a window, channel by channel, NHWC.
//!
//! A maximum ignores elements outside the image. An average is
//! `rne(clamp(f32(Σ (x − in_zero)) · (in_scale / (out_scale · f32(count))), low − out_zero, high − out_zero)) + out_zero`
//! with an exact sum over the elements on the image; `count` is their number or, if requested, the number of taps on
//! the image and its padding. The factor is one multiplication and one division in `f32`.

mod shape;

pub use shape::Pool2dShape;

use eightbit_kernels::Window2d;
use eightbit_kernels::elementwise::Target;
use eightbit_kernels::gemm::OutputBlock;
use eightbit_kernels::pooling::{self, AverageCall, MaxCall};

use crate::check::check_types;
use crate::elementwise::{Unary, by_type, check_factor, clamped, whole};
use crate::fill::{Fill, Grain};
use crate::{Backend, Call, Element, Error, MatMut, OutputElement, QuantizedType, Workspace};

/// The methods of a plan that tell its sizes.
macro_rules! sizes {
    () => {
        /// The shape.
        #[must_use]
        pub fn shape(&self) -> &Pool2dShape {
            &self.shape
        }

        /// Bytes of workspace that a call needs to allocate nothing.
        #[must_use]
        pub fn workspace_bytes(&self) -> usize {
            pooling::scratch_bytes(&self.window).unwrap_or(usize::MAX)
        }
    };
}

/// The maximum of every window. Scale and zero point are those of the input.
///
/// ```
/// use eightbit::{Backend, Workspace, pool::{MaxPool2d, Pool2dShape}};
/// let pool = MaxPool2d::new(Backend::best()?, Pool2dShape::new([2, 4], 1, [2, 2]))?;
/// let mut out = [0u8; 2];
/// pool.call(&[1u8, 2, 3, 4, 5, 6, 7, 8], &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out, [6, 8]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    backend: Backend,
    shape: Pool2dShape,
    window: Window2d,
}

impl MaxPool2d {
    /// Plans the pooling.
    ///
    /// # Errors
    ///
    /// If the shape is invalid.
    pub fn new(backend: Backend, shape: Pool2dShape) -> Result<MaxPool2d, Error> {
        Ok(MaxPool2d { backend, shape, window: shape.window()? })
    }

    sizes!();

    /// The pooling of `input`, NHWC, into `out`, NHWC.
    ///
    /// # Errors
    ///
    /// If lengths are not those of the shape.
    pub fn call<'a, T: Element>(
        &'a self,
        input: &'a [T],
        out: &'a mut [T],
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        self.call_rows(input, self.shape.matrix(out)?)
    }

    /// As [`call`](Self::call), into a matrix with a row for each pixel of the output; rows may have a stride, as in the
    /// channels of a larger image.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_rows<'a, T: Element>(
        &'a self,
        input: &'a [T],
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        self.shape.call(self, input, out)
    }
}

impl<T: OutputElement> Fill<T> for Unary<'_, MaxPool2d> {
    fn grain(&self) -> Grain {
        Grain { rows: self.plan.window.output[1], columns: None }
    }

    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        let (backend, window) = (self.plan.backend, self.plan.window);
        by_type!(self.input, |input| {
            pooling::maximum(&MaxCall { backend, input, window }, out, &mut workspace.0);
        });
    }
}

/// The average of every window.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, pool::{AveragePool2d, Pool2dShape}};
/// let (input, output) = (QuantizedType::u8(0.5, 10)?, QuantizedType::u8(0.25, 0)?);
/// let pool = AveragePool2d::new(Backend::best()?, Pool2dShape::new([2, 2], 1, [2, 2]), input, output)?;
/// let mut out = [0u8; 1];
/// pool.call(&[12u8, 14, 16, 18], &mut out)?.run(&mut Workspace::new()); // 1, 2, 3, 4 on average 2.5
/// assert_eq!(out, [10]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AveragePool2d {
    backend: Backend,
    shape: Pool2dShape,
    window: Window2d,
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
    /// If the shape is invalid, or the input's scale is more than 2¹⁰⁰ times the output's.
    pub fn new(
        backend: Backend,
        shape: Pool2dShape,
        input: QuantizedType,
        output: QuantizedType,
    ) -> Result<AveragePool2d, Error> {
        let window = shape.window()?;
        check_factor("in_scale / out_scale", input.scale() / output.scale())?;
        let target = whole(&output);
        Ok(AveragePool2d { backend, shape, window, input, output, target, count_padding: false })
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
        let shape = Pool2dShape::new(size, channels, size).with_batch(batch);
        AveragePool2d::new(backend, shape, input, output)
    }

    /// Sets whether the padding counts as zeros (ONNX's `count_include_pad`); by default it does not.
    #[must_use]
    pub fn count_padding(mut self, count: bool) -> AveragePool2d {
        self.count_padding = count;
        self
    }

    /// The same, with the result clamped to `low ..= high`, in steps of the output: a fused activation.
    ///
    /// # Errors
    ///
    /// If `low ..= high` is not a range of the output's type.
    pub fn clamped(mut self, low: i32, high: i32) -> Result<AveragePool2d, Error> {
        self.target = clamped(&self.output, low, high)?;
        Ok(self)
    }

    sizes!();

    /// The pooling of `input`, NHWC, into `out`, NHWC.
    ///
    /// # Errors
    ///
    /// If lengths or element types are not those of the plan.
    pub fn call<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: &'a mut [O],
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        self.call_rows(input, self.shape.matrix(out)?)
    }

    /// As [`call`](Self::call), into a matrix with a row for each pixel of the output; rows may have a stride, as in the
    /// channels of a larger image.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_rows<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: MatMut<'a, O>,
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        check_types::<I, O>(self.input.element(), self.output.element())?;
        self.shape.call(self, input, out)
    }
}

impl<T: OutputElement> Fill<T> for Unary<'_, AveragePool2d> {
    fn grain(&self) -> Grain {
        Grain { rows: self.plan.window.output[1], columns: None }
    }

    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        let plan = self.plan;
        let pad = plan.shape.pad;
        by_type!(self.input, |input| {
            let call = AverageCall {
                backend: plan.backend,
                input,
                window: plan.window,
                count_padding: plan.count_padding.then_some([pad.bottom, pad.right]),
                zero: plan.input.zero_point(),
                input_scale: plan.input.scale(),
                output_scale: plan.output.scale(),
                target: plan.target,
            };
            pooling::average(&call, out, &mut workspace.0);
        });
    }
}
