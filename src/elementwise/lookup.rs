//! Any unary function, as a table of its 256 values.

use eightbit_kernels::elementwise;
use eightbit_kernels::gemm::OutputBlock;

use super::{Unary, by_type, check_unary, row};
use crate::fill::Fill;
use crate::{Backend, Call, Element, ElementType, Error, OutputElement, QuantizedType, Workspace, reference};

/// A unary function between quantized types: sigmoid, tanh, hard swish or any other.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, elementwise::LookupTable};
/// let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
/// let (input, output) = (QuantizedType::i8(0.1, 0)?, QuantizedType::u8(1.0 / 256.0, 0)?);
/// let table = LookupTable::new(Backend::best()?, input, output, sigmoid);
/// let mut out = [0u8; 3];
/// table.call(&[-128i8, 0, 127], &mut out)?.run(&mut Workspace::new());
/// assert_eq!(out, [0, 128, 255]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupTable {
    backend: Backend,
    input: ElementType,
    output: ElementType,
    /// The output byte for each input byte.
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

    /// A table with the output byte of each input byte: an `i8` indexes it as the `u8` of the same bits.
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

    /// Applies the function to every element of `input`.
    ///
    /// # Errors
    ///
    /// If element types are not those of the table, or lengths differ.
    pub fn call<'a, I: Element, O: Element>(
        &'a self,
        input: &'a [I],
        out: &'a mut [O],
    ) -> Result<Call<'a, O, impl Fill<O>>, Error> {
        check_unary((self.input, input), (self.output, out))?;
        Ok(Call::new(Unary { plan: self, input: I::view(input) }, row(out)))
    }
}

impl<O: OutputElement> Fill<O> for Unary<'_, LookupTable> {
    fn fill(&self, mut out: OutputBlock<'_, O>, _: &mut Workspace) {
        let (first, len) = (out.first_column(), out.columns());
        by_type!(self.input, |x| {
            elementwise::lookup(self.plan.backend, &self.plan.bytes, &x[first..][..len], out.row_mut(0));
        });
    }
}
