//! Any function of one variable, by a table of its 256 values.

use eightbit_kernels::gemm::OutputBlock;
use eightbit_kernels::{Elements, elementwise};

use super::{by_type, row};
use crate::gemm::{check_size, check_type};
use crate::job::Job;
use crate::{
    Backend, Element, ElementType, Error, OutputElement, QuantizedType, Tasks, Workspace, reference,
};

/// A function of one variable between quantized types: sigmoid, tanh, hard swish, whatever there is.
///
/// ```
/// use eightbit::{Backend, QuantizedType, elementwise::LookupTable};
/// let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
/// let (input, output) = (QuantizedType::i8(0.1, 0)?, QuantizedType::u8(1.0 / 256.0, 0)?);
/// let table = LookupTable::new(Backend::best()?, input, output, sigmoid);
/// let mut out = [0u8; 3];
/// table.run(&[-128i8, 0, 127], &mut out)?;
/// assert_eq!(out, [0, 128, 255]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupTable {
    backend: Backend,
    input: ElementType,
    output: ElementType,
    /// The output's byte for each byte of the input.
    bytes: [u8; 256],
}

impl LookupTable {
    /// The table of `f` from `input` to `output`: `quantize(f(dequantize(x)))` for every `x`. Where `f` gives NaN, the
    /// result is the output's zero point.
    #[must_use]
    pub fn new(
        backend: Backend,
        input: QuantizedType,
        output: QuantizedType,
        f: impl Fn(f32) -> f32,
    ) -> LookupTable {
        let (low, high) = output.element().integer_range();
        let mut bytes = [0; 256];
        for byte in 0..=u8::MAX {
            let element = match input.element() {
                ElementType::I8 => i32::from(byte.cast_signed()),
                _ => i32::from(byte),
            };
            let real = f(reference::dequantize_element(element, &input));
            bytes[usize::from(byte)] = reference::quantize_element(real, &output, (low, high)) as u8;
        }
        LookupTable { backend, input: input.element(), output: output.element(), bytes }
    }

    /// The table that has the output's byte for each byte of the input: an `i8` counts as the `u8` of the same bits.
    ///
    /// # Errors
    ///
    /// If `input` or `output` is neither `U8` nor `I8`.
    pub fn from_bytes(
        backend: Backend,
        input: ElementType,
        output: ElementType,
        bytes: [u8; 256],
    ) -> Result<LookupTable, Error> {
        for (what, found) in [("the input", input), ("the output", output)] {
            if !matches!(found, ElementType::U8 | ElementType::I8) {
                return Err(Error::ElementType { what, expected: ElementType::U8, found });
            }
        }
        Ok(LookupTable { backend, input, output, bytes })
    }

    /// Looks every element of `input` up.
    ///
    /// # Errors
    ///
    /// If element types are not those of the table, or lengths differ. Nothing is written then.
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

    fn check<I: Element, O: Element>(&self, input: &[I], out: &[O]) -> Result<(), Error> {
        check_type("the input", self.input, I::TYPE)?;
        check_type("the output", self.output, O::TYPE)?;
        check_size("length of the output", input.len(), out.len())
    }

    fn job<'a, I: Element>(&'a self, input: &'a [I]) -> Job<'a> {
        Job::Lookup(LookupJob { plan: self, input: I::view(input) })
    }
}

/// A table and its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookupJob<'a> {
    plan: &'a LookupTable,
    input: Elements<'a>,
}

impl LookupJob<'_> {
    /// Fills a block of the output.
    pub(crate) fn run<O: OutputElement>(&self, mut out: OutputBlock<'_, O>) {
        let (first, len) = (out.first_column(), out.columns());
        by_type!(self.input, |x| {
            elementwise::lookup(self.plan.backend, &self.plan.bytes, &x[first..][..len], out.row_mut(0));
        });
    }
}
