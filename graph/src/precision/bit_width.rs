//! A number of bits.

use std::fmt;

use crate::Error;

/// A number of bits, 1 to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitWidth(u8);

impl BitWidth {
    /// The fewest bits.
    pub const MIN: Self = Self(1);
    /// The most bits: integers of as many, their sums with a zero point among them, are exact in `f32`.
    pub const MAX: Self = Self(16);
    /// The bits of a byte, as [`quantize`](crate::quantize::quantize()) uses them.
    pub const EIGHT: Self = Self(8);

    /// `bits` bits.
    ///
    /// # Errors
    ///
    /// None or more than 16.
    pub fn new(bits: u8) -> Result<Self, Error> {
        if (Self::MIN.0..=Self::MAX.0).contains(&bits) {
            return Ok(Self(bits));
        }
        Err(Error::argument("bits", format!("{bits}: numbers have 1 to 16 bits")))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// The greatest unsigned integer, 2ᵇ − 1.
    pub(super) fn greatest(self) -> u32 {
        (1 << self.0) - 1
    }

    /// The greatest signed integer, 2ᵇ⁻¹ − 1: 0 of one bit.
    pub(super) fn greatest_signed(self) -> u32 {
        (1 << (self.0 - 1)) - 1
    }
}

impl fmt::Display for BitWidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
