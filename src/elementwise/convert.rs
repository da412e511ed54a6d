//! From one quantized type to another, from `f32` and to it.

use eightbit_kernels::Elements;
use eightbit_kernels::elementwise::{self, RequantizeCall, Target};
use eightbit_kernels::gemm::OutputBlock;

use super::{by_type, check_factor, clamped, row, whole};
use crate::gemm::{check_size, check_type};
use crate::job::Job;
use crate::{Backend, Element, Error, MatMut, OutputElement, QuantizedType, Tasks, Workspace};

/// A copy in another scale, zero point or element type: what a concatenation does to each of its inputs.
///
/// ```
/// use eightbit::{Backend, MatMut, QuantizedType, elementwise::Requantize};
/// let halves = QuantizedType::u8(0.5, 0)?;
/// let copy = Requantize::new(Backend::best()?, halves, QuantizedType::i8(1.0, 0)?)?;
/// // Two pixels of two channels become the last two of three.
/// let mut out = [0i8; 6];
/// copy.run_rows(&[2u8, 4, 6, 8], MatMut::with_row_stride(&mut out[1..], 2, 2, 3)?)?;
/// assert_eq!(out, [0, 1, 2, 0, 3, 4]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Requantize {
    backend: Backend,
    input: QuantizedType,
    output: QuantizedType,
    factor: f32,
    target: Target,
}

impl Requantize {
    /// Plans the conversion of `input` to `output`.
    ///
    /// # Errors
    ///
    /// If the input's scale is more than 2¹⁰⁰ times the output's.
    pub fn new(backend: Backend, input: QuantizedType, output: QuantizedType) -> Result<Requantize, Error> {
        let factor = check_factor("in_scale / out_scale", input.scale() / output.scale())?;
        Ok(Requantize { backend, input, output, factor, target: whole(&output) })
    }

    /// The same with the result clamped to `low ..= high`, in steps of the output: an activation.
    ///
    /// # Errors
    ///
    /// If that is no range of the output's type.
    pub fn clamped(mut self, low: i32, high: i32) -> Result<Requantize, Error> {
        self.target = clamped(&self.output, low, high)?;
        Ok(self)
    }

    /// Converts `input` to `out`, of the same length.
    ///
    /// # Errors
    ///
    /// If element types are not those of the plan, or lengths differ. Nothing is written then.
    pub fn run<I: Element, O: Element>(&self, input: &[I], out: &mut [O]) -> Result<(), Error> {
        self.check(input, out)?;
        self.job(input).run(row(out), &mut Workspace::new());
        Ok(())
    }

    /// The call as at most `count` independent tasks, of about equal work, that any threads can run in any order. The result
    /// does not depend on the split.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn tasks<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: &'a mut [O],
        count: usize,
    ) -> Result<Tasks<'a, O>, Error> {
        self.check(input, out)?;
        Ok(Tasks::new(self.job(input), row(out), count))
    }

    /// As [`run`](Self::run) on the current rayon pool: the output is split into a part for each workspace.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there is no workspace.
    #[cfg(feature = "rayon")]
    pub fn run_rayon<I: Element, O: Element>(
        &self,
        input: &[I],
        out: &mut [O],
        workspaces: &mut [Workspace],
    ) -> Result<(), Error> {
        crate::gemm::check_workspaces(workspaces)?;
        self.check(input, out)?;
        crate::tasks::run_rayon(self.job(input), row(out), workspaces);
        Ok(())
    }

    /// Converts `input`, rows without gaps, to the rows of `out`.
    ///
    /// # Errors
    ///
    /// If element types are not those of the plan, or `input` has not as many elements as `out`. Nothing is written then.
    pub fn run_rows<I: Element, O: Element>(&self, input: &[I], out: MatMut<'_, O>) -> Result<(), Error> {
        self.check_rows(input, &out)?;
        self.rows_job(input, out.columns()).run(out.block(), &mut Workspace::new());
        Ok(())
    }

    /// As [`run_rows`](Self::run_rows), in tasks like those of [`tasks`](Self::tasks).
    ///
    /// # Errors
    ///
    /// As [`run_rows`](Self::run_rows).
    pub fn row_tasks<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: MatMut<'a, O>,
        count: usize,
    ) -> Result<Tasks<'a, O>, Error> {
        self.check_rows(input, &out)?;
        Ok(Tasks::new(self.rows_job(input, out.columns()), out.block(), count))
    }

    /// As [`run_rows`](Self::run_rows) on the current rayon pool: the output is split into a part for each workspace.
    ///
    /// # Errors
    ///
    /// As [`run_rows`](Self::run_rows), and if there is no workspace.
    #[cfg(feature = "rayon")]
    pub fn run_rows_rayon<I: Element, O: Element>(
        &self,
        input: &[I],
        out: MatMut<'_, O>,
        workspaces: &mut [Workspace],
    ) -> Result<(), Error> {
        crate::gemm::check_workspaces(workspaces)?;
        self.check_rows(input, &out)?;
        crate::tasks::run_rayon(self.rows_job(input, out.columns()), out.block(), workspaces);
        Ok(())
    }

    fn check<I: Element, O: Element>(&self, input: &[I], out: &[O]) -> Result<(), Error> {
        check_type("the input", self.input.element(), I::TYPE)?;
        check_type("the output", self.output.element(), O::TYPE)?;
        check_size("length of the output", input.len(), out.len())
    }

    fn check_rows<I: Element, O: Element>(&self, input: &[I], out: &MatMut<'_, O>) -> Result<(), Error> {
        check_type("the input", self.input.element(), I::TYPE)?;
        check_type("the output", self.output.element(), O::TYPE)?;
        check_size("length of the input", out.rows().saturating_mul(out.columns()), input.len())
    }

    fn job<'a, I: Element>(&'a self, input: &'a [I]) -> Job<'a> {
        self.rows_job(input, input.len())
    }

    fn rows_job<'a, I: Element>(&'a self, input: &'a [I], columns: usize) -> Job<'a> {
        Job::Requantize(RequantizeJob { plan: self, input: I::view(input), columns })
    }
}

/// A rescaling and its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequantizeJob<'a> {
    plan: &'a Requantize,
    input: Elements<'a>,
    /// Elements of a row.
    columns: usize,
}

impl RequantizeJob<'_> {
    /// Fills a block of the output.
    pub(crate) fn run<O: OutputElement>(&self, out: OutputBlock<'_, O>) {
        let Requantize { backend, input, factor, target, .. } = *self.plan;
        let (zero, columns) = (input.zero_point(), self.columns);
        by_type!(self.input, |input| {
            elementwise::requantize(&RequantizeCall { backend, input, columns, zero, factor, target }, out);
        });
    }
}

/// From `f32` to eight bits.
///
/// ```
/// use eightbit::{Backend, QuantizedType, elementwise::Quantize};
/// let quantize = Quantize::new(Backend::best()?, QuantizedType::u8(0.5, 100)?);
/// let mut out = [0u8; 4];
/// quantize.run(&[1.0, -0.25, f32::NAN, f32::INFINITY], &mut out)?;
/// assert_eq!(out, [102, 100, 100, 255]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Quantize {
    backend: Backend,
    output: QuantizedType,
    target: Target,
}

impl Quantize {
    /// Plans the quantization to `output`.
    #[must_use]
    pub fn new(backend: Backend, output: QuantizedType) -> Quantize {
        Quantize { backend, output, target: whole(&output) }
    }

    /// The same with the result clamped to `low ..= high`, in steps of the output.
    ///
    /// # Errors
    ///
    /// If that is no range of the output's type.
    pub fn clamped(mut self, low: i32, high: i32) -> Result<Quantize, Error> {
        self.target = clamped(&self.output, low, high)?;
        Ok(self)
    }

    /// Quantizes `input` to `out`, of the same length.
    ///
    /// # Errors
    ///
    /// If the element type is not that of the plan, or lengths differ. Nothing is written then.
    pub fn run<O: Element>(&self, input: &[f32], out: &mut [O]) -> Result<(), Error> {
        self.check(input, out)?;
        self.job(input).run(row(out), &mut Workspace::new());
        Ok(())
    }

    /// The call as at most `count` independent tasks, of about equal work, that any threads can run in any order. The result
    /// does not depend on the split.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn tasks<'a, O: Element>(
        &'a self,
        input: &'a [f32],
        out: &'a mut [O],
        count: usize,
    ) -> Result<Tasks<'a, O>, Error> {
        self.check(input, out)?;
        Ok(Tasks::new(self.job(input), row(out), count))
    }

    /// As [`run`](Self::run) on the current rayon pool: the output is split into a part for each workspace.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there is no workspace.
    #[cfg(feature = "rayon")]
    pub fn run_rayon<O: Element>(
        &self,
        input: &[f32],
        out: &mut [O],
        workspaces: &mut [Workspace],
    ) -> Result<(), Error> {
        crate::gemm::check_workspaces(workspaces)?;
        self.check(input, out)?;
        crate::tasks::run_rayon(self.job(input), row(out), workspaces);
        Ok(())
    }

    fn check<O: Element>(&self, input: &[f32], out: &[O]) -> Result<(), Error> {
        check_type("the output", self.output.element(), O::TYPE)?;
        check_size("length of the output", input.len(), out.len())
    }

    fn job<'a>(&'a self, input: &'a [f32]) -> Job<'a> {
        Job::Quantize(QuantizeJob { plan: self, input })
    }
}

/// A quantization and its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuantizeJob<'a> {
    plan: &'a Quantize,
    input: &'a [f32],
}

impl QuantizeJob<'_> {
    /// Fills a block of the output.
    pub(crate) fn run<O: OutputElement>(&self, mut out: OutputBlock<'_, O>) {
        let Quantize { backend, output, target } = *self.plan;
        let input = &self.input[out.first_column()..][..out.columns()];
        elementwise::quantize(backend, input, output.scale(), target, out.row_mut(0));
    }
}

/// From eight bits to `f32`.
///
/// ```
/// use eightbit::{Backend, QuantizedType, elementwise::Dequantize};
/// let dequantize = Dequantize::new(Backend::best()?, QuantizedType::i8(0.5, -1)?);
/// let mut out = [0.0; 2];
/// dequantize.run(&[-1i8, 3], &mut out)?;
/// assert_eq!(out, [0.0, 2.0]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dequantize {
    backend: Backend,
    input: QuantizedType,
}

impl Dequantize {
    /// Plans the conversion of `input`.
    #[must_use]
    pub fn new(backend: Backend, input: QuantizedType) -> Dequantize {
        Dequantize { backend, input }
    }

    /// Converts `input` to `out`, of the same length.
    ///
    /// # Errors
    ///
    /// If the element type is not that of the plan, or lengths differ. Nothing is written then.
    pub fn run<I: Element>(&self, input: &[I], out: &mut [f32]) -> Result<(), Error> {
        self.check(input, out)?;
        self.job(input).run(row(out), &mut Workspace::new());
        Ok(())
    }

    /// The call as at most `count` independent tasks, of about equal work, that any threads can run in any order. The result
    /// does not depend on the split.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn tasks<'a, I: Element>(
        &'a self,
        input: &'a [I],
        out: &'a mut [f32],
        count: usize,
    ) -> Result<Tasks<'a, f32>, Error> {
        self.check(input, out)?;
        Ok(Tasks::new(self.job(input), row(out), count))
    }

    /// As [`run`](Self::run) on the current rayon pool: the output is split into a part for each workspace.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there is no workspace.
    #[cfg(feature = "rayon")]
    pub fn run_rayon<I: Element>(
        &self,
        input: &[I],
        out: &mut [f32],
        workspaces: &mut [Workspace],
    ) -> Result<(), Error> {
        crate::gemm::check_workspaces(workspaces)?;
        self.check(input, out)?;
        crate::tasks::run_rayon(self.job(input), row(out), workspaces);
        Ok(())
    }

    fn check<I: Element>(&self, input: &[I], out: &[f32]) -> Result<(), Error> {
        check_type("the input", self.input.element(), I::TYPE)?;
        check_size("length of the output", input.len(), out.len())
    }

    fn job<'a, I: Element>(&'a self, input: &'a [I]) -> Job<'a> {
        Job::Dequantize(DequantizeJob { plan: self, input: I::view(input) })
    }
}

/// A conversion and its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DequantizeJob<'a> {
    plan: &'a Dequantize,
    input: Elements<'a>,
}

impl DequantizeJob<'_> {
    /// Fills a block of the output.
    pub(crate) fn run<O: OutputElement>(&self, mut out: OutputBlock<'_, O>) {
        let Dequantize { backend, input } = *self.plan;
        let (first, len) = (out.first_column(), out.columns());
        by_type!(self.input, |x| {
            let x = &x[first..][..len];
            elementwise::dequantize(backend, x, input.zero_point(), input.scale(), out.row_mut(0));
        });
    }
}
