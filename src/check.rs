//! Checks that plans and calls share.

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
