//! Checks that plans and calls share.

use alloc::format;

use crate::{ElementType, Error, OutputElement};

/// Checks that an element type is the planned one.
#[inline]
pub(crate) fn check_type(what: &'static str, expected: ElementType, found: ElementType) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::ElementType { what, expected, found }) }
}

/// Checks that a size is the planned one.
#[inline]
pub(crate) fn check_size(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Mismatch { what, expected, found }) }
}

/// Checks the element types of an operator's input and output.
pub(crate) fn check_types<I: OutputElement, O: OutputElement>(
    input: ElementType,
    output: ElementType,
) -> Result<(), Error> {
    check_type("the input", input, I::TYPE)?;
    check_type("the output", output, O::TYPE)
}

/// Checks that a number is one of `low..=high`.
pub(crate) fn in_range(what: &'static str, found: i32, low: i32, high: i32) -> Result<(), Error> {
    if (low..=high).contains(&found) {
        Ok(())
    } else {
        Err(Error::OutOfRange { what, low: low.into(), high: high.into(), found: found.into() })
    }
}

/// Checks that a zero point is a number of its type.
pub(crate) fn check_zero_point(what: &'static str, found: i32, element: ElementType) -> Result<(), Error> {
    let (low, high) = element.integer_range();
    in_range(what, found, low, high)
}

/// Checks that all numbers are finite.
pub(crate) fn check_finite(what: &'static str, numbers: &[f32]) -> Result<(), Error> {
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::NotFinite { what, found: numbers[index], index: Some(index) }),
    }
}

/// Checks that a clamp of `what` leaves a number.
pub(crate) fn check_clamp(what: &'static str, low: f32, high: f32) -> Result<(), Error> {
    if low <= high {
        return Ok(());
    }
    let why = format!("the clamp {low}..={high} is empty or not a number");
    Err(Error::Shape { what, why })
}

/// Checks that a scale is finite and greater than 0; `index` is its channel, if there is one for each.
pub(crate) fn check_scale(what: &'static str, found: f32, index: Option<usize>) -> Result<(), Error> {
    if found.is_finite() && found > 0.0 { Ok(()) } else { Err(Error::Scale { what, found, index }) }
}

/// Checks scales, one for each channel.
pub(crate) fn check_scales(what: &'static str, scales: &[f32]) -> Result<(), Error> {
    scales.iter().enumerate().try_for_each(|(index, &scale)| check_scale(what, scale, Some(index)))
}
