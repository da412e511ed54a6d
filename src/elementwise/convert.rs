//! Conversions between quantized types, and from and to `f32`.

use eightbit_kernels::Elements;
use eightbit_kernels::elementwise::{self, RequantizeCall, Target};
use eightbit_kernels::gemm::OutputBlock;

use super::{Unary, by_type, check_factor, check_unary, clamped, row, whole};
use crate::check::{check_size, check_types};
use crate::fill::Fill;
use crate::{Backend, Call, Element, ElementType, Error, MatMut, OutputElement, QuantizedType, Workspace};

/// A copy in another scale, zero point or element type: what a concatenation does to each of its inputs.
///
/// ```
/// use eightbit::{Backend, MatMut, QuantizedType, Workspace, elementwise::Requantize};
/// let halves = QuantizedType::u8(0.5, 0)?;
/// let copy = Requantize::new(Backend::best()?, halves, QuantizedType::i8(1.0, 0)?)?;
/// // Two pixels of two channels become the last two of three.
/// let mut out = [0i8; 6];
/// let last = MatMut::with_row_stride(&mut out[1..], 2, 2, 3)?;
/// copy.call_rows(&[2u8, 4, 6, 8], last)?.run(&mut Workspace::new());
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

    /// The same, with the result clamped to `low ..= high`, in steps of the output: an activation.
    ///
    /// # Errors
    ///
    /// If `low ..= high` is not a range of the output's type.
    pub fn clamped(mut self, low: i32, high: i32) -> Result<Requantize, Error> {
        self.target = clamped(&self.output, low, high)?;
        Ok(self)
    }

    /// The conversion of `input` to `out`, of the same length.
    ///
    /// # Errors
    ///
    /// If element types are not those of the plan, or lengths differ.
    pub fn call<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: &'a mut [O],
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        check_size("length of the output", input.len(), out.len())?;
        self.call_block(input, row(out))
    }

    /// The conversion of `input`, whose rows are contiguous, to the rows of `out`.
    ///
    /// # Errors
    ///
    /// If element types are not those of the plan, or `input` and `out` differ in length.
    pub fn call_rows<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: MatMut<'a, O>,
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        check_size("length of the input", out.rows().saturating_mul(out.columns()), input.len())?;
        self.call_block(input, out.block())
    }

    fn call_block<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: OutputBlock<'a, O>,
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        check_types::<I, O>(self.input.element(), self.output.element())?;
        let columns = out.columns();
        Ok(Call::new(Rescaling { plan: self, input: I::view(input), columns }, out))
    }
}

/// A plan with its input.
#[derive(Clone, Copy, Debug)]
struct Rescaling<'a> {
    plan: &'a Requantize,
    input: Elements<'a>,
    /// Elements of a row.
    columns: usize,
}

impl<O: OutputElement> Fill<O> for Rescaling<'_> {
    fn fill(&self, out: OutputBlock<'_, O>, _: &mut Workspace) {
        let Requantize { backend, input, factor, target, .. } = *self.plan;
        let (zero, columns) = (input.zero_point(), self.columns);
        by_type!(self.input, |input| {
            elementwise::requantize(&RequantizeCall { backend, input, columns, zero, factor, target }, out);
        });
    }
}

/// Conversion from `f32` to eight bits.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, elementwise::Quantize};
/// let quantize = Quantize::new(Backend::best()?, QuantizedType::u8(0.5, 100)?);
/// let mut out = [0u8; 4];
/// quantize.call(&[1.0, -0.25, f32::NAN, f32::INFINITY], &mut out)?.run(&mut Workspace::new());
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

    /// The same, with the result clamped to `low ..= high`, in steps of the output.
    ///
    /// # Errors
    ///
    /// If `low ..= high` is not a range of the output's type.
    pub fn clamped(mut self, low: i32, high: i32) -> Result<Quantize, Error> {
        self.target = clamped(&self.output, low, high)?;
        Ok(self)
    }

    /// The quantization of `input` to `out`, of the same length.
    ///
    /// # Errors
    ///
    /// If the element type is not that of the plan, or lengths differ.
    pub fn call<'a, O: Element>(
        &'a self,
        input: &'a [f32],
        out: &'a mut [O],
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        check_unary((ElementType::F32, input), (self.output.element(), out))?;
        Ok(Call::new(Unary { plan: self, input }, row(out)))
    }
}

impl<O: OutputElement> Fill<O> for Unary<'_, Quantize, &[f32]> {
    fn fill(&self, mut out: OutputBlock<'_, O>, _: &mut Workspace) {
        let Quantize { backend, output, target } = *self.plan;
        let input = &self.input[out.first_column()..][..out.columns()];
        elementwise::quantize(backend, input, output.scale(), target, out.row_mut(0));
    }
}

/// Conversion from eight bits to `f32`.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, elementwise::Dequantize};
/// let dequantize = Dequantize::new(Backend::best()?, QuantizedType::i8(0.5, -1)?);
/// let mut out = [0.0; 2];
/// dequantize.call(&[-1i8, 3], &mut out)?.run(&mut Workspace::new());
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

    /// The conversion of `input` to `out`, of the same length.
    ///
    /// # Errors
    ///
    /// If the element type is not that of the plan, or lengths differ.
    pub fn call<'a, I: Element>(
        &'a self,
        input: &'a [I],
        out: &'a mut [f32],
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        check_unary((self.input.element(), input), (ElementType::F32, out))?;
        Ok(Call::new(Unary { plan: self, input: I::view(input) }, row(out)))
    }
}

impl Fill<f32> for Unary<'_, Dequantize> {
    fn fill(&self, mut out: OutputBlock<'_, f32>, _: &mut Workspace) {
        let Dequantize { backend, input } = *self.plan;
        let (first, len) = (out.first_column(), out.columns());
        by_type!(self.input, |x| {
            let x = &x[first..][..len];
            elementwise::dequantize(backend, x, input.zero_point(), input.scale(), out.row_mut(0));
        });
    }
}
