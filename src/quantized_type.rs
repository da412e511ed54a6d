//! The meaning of a quantized tensor's elements.

use crate::check::{check_scale, check_zero_point};
use crate::{ElementType, Error};

/// The type of a quantized tensor: element `q` means the real number `(q − zero_point) · scale`.
///
/// ```
/// let activations = eightbit::QuantizedType::u8(0.02, 128)?;
/// assert_eq!(activations.scale(), 0.02);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantizedType {
    element: ElementType,
    scale: f32,
    zero_point: i32,
}

impl QuantizedType {
    /// Elements of type `element` (`U8` or `I8`).
    ///
    /// # Errors
    ///
    /// If `element` is neither, the scale is not finite and greater than 0, or the zero point is outside the type.
    pub fn new(element: ElementType, scale: f32, zero_point: i32) -> Result<QuantizedType, Error> {
        if !matches!(element, ElementType::U8 | ElementType::I8) {
            let what = "a quantized tensor";
            return Err(Error::ElementType { what, expected: ElementType::U8, found: element });
        }
        check_scale("scale", scale, None)?;
        check_zero_point("zero point", zero_point, element)?;
        Ok(QuantizedType { element, scale, zero_point })
    }

    /// Unsigned elements.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn u8(scale: f32, zero_point: i32) -> Result<QuantizedType, Error> {
        QuantizedType::new(ElementType::U8, scale, zero_point)
    }

    /// Signed elements.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn i8(scale: f32, zero_point: i32) -> Result<QuantizedType, Error> {
        QuantizedType::new(ElementType::I8, scale, zero_point)
    }

    /// `U8` or `I8`.
    #[must_use]
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// The real number that one step represents: finite, > 0.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The element that represents 0.
    #[must_use]
    pub fn zero_point(&self) -> i32 {
        self.zero_point
    }
}
