//! What plans and calls check of what they are given.

use crate::{ElementType, Error};

/// That an element type is the one that was planned for.
#[inline]
pub(crate) fn check_type(what: &'static str, expected: ElementType, found: ElementType) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::ElementType { what, expected, found }) }
}

/// That a size is the one that was planned for.
#[inline]
pub(crate) fn check_size(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Mismatch { what, expected, found }) }
}
