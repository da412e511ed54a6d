//! Any function of one variable, by a table of its 256 values.

use crate::gemm::{check_size, check_type};
use crate::{Element, ElementType, Error, QuantizedType, reference};

/// A function of one variable between quantized types: sigmoid, tanh, hard swish, whatever there is.
///
/// ```
/// use eightbit::{QuantizedType, elementwise::LookupTable};
/// let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
/// let table = LookupTable::new(QuantizedType::i8(0.1, 0)?, QuantizedType::u8(1.0 / 256.0, 0)?, sigmoid);
/// let mut out = [0u8; 3];
/// table.run(&[-128i8, 0, 127], &mut out)?;
/// assert_eq!(out, [0, 128, 255]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupTable {
    input: ElementType,
    output: ElementType,
    /// The output's byte for each byte of the input.
    bytes: [u8; 256],
}

impl LookupTable {
    /// The table of `f` from `input` to `output`: `quantize(f(dequantize(x)))` for every `x`. Where `f` gives NaN, the
    /// result is the output's zero point.
    #[must_use]
    pub fn new(input: QuantizedType, output: QuantizedType, f: impl Fn(f32) -> f32) -> LookupTable {
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
        LookupTable { input: input.element(), output: output.element(), bytes }
    }

    /// Looks every element of `input` up.
    ///
    /// # Errors
    ///
    /// If element types are not those of the table, or lengths differ. Nothing is written then.
    pub fn run<I: Element, O: Element>(&self, input: &[I], out: &mut [O]) -> Result<(), Error> {
        check_type("the input", self.input, I::TYPE)?;
        check_type("the output", self.output, O::TYPE)?;
        check_size("length of the output", input.len(), out.len())?;
        for (&byte, out) in I::as_bytes(input).iter().zip(out) {
            *out = O::from_low_bits(self.bytes[usize::from(byte)].into());
        }
        Ok(())
    }
}
