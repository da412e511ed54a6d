//! From one quantized type to another, from `f32` and to it.

use eightbit_kernels::elementwise::{self, Target};

use super::{check_factor, clamped, whole};
use crate::gemm::{check_size, check_type};
use crate::{Backend, Element, Error, MatMut, QuantizedType};

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
        self.check::<I, O>()?;
        check_size("length of the output", input.len(), out.len())?;
        self.copy(input, out);
        Ok(())
    }

    /// Converts `input`, rows without gaps, to the rows of `out`.
    ///
    /// # Errors
    ///
    /// If element types are not those of the plan, or `input` has not as many elements as `out`. Nothing is written then.
    pub fn run_rows<I: Element, O: Element>(&self, input: &[I], out: MatMut<'_, O>) -> Result<(), Error> {
        self.check::<I, O>()?;
        check_size("length of the input", out.rows().saturating_mul(out.columns()), input.len())?;
        let columns = out.columns().max(1);
        for (input, out) in input.chunks_exact(columns).zip(out.into_rows()) {
            self.copy(input, out);
        }
        Ok(())
    }

    fn check<I: Element, O: Element>(&self) -> Result<(), Error> {
        check_type("the input", self.input.element(), I::TYPE)?;
        check_type("the output", self.output.element(), O::TYPE)
    }

    fn copy<I: Element, O: Element>(&self, input: &[I], out: &mut [O]) {
        elementwise::requantize(self.backend, input, self.input.zero_point(), self.factor, self.target, out);
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
        check_type("the output", self.output.element(), O::TYPE)?;
        check_size("length of the output", input.len(), out.len())?;
        elementwise::quantize(self.backend, input, self.output.scale(), self.target, out);
        Ok(())
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
        check_type("the input", self.input.element(), I::TYPE)?;
        check_size("length of the output", input.len(), out.len())?;
        elementwise::dequantize(self.backend, input, self.input.zero_point(), self.input.scale(), out);
        Ok(())
    }
}
