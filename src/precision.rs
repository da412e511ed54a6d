//! The numbers that weights may be.

use alloc::vec::Vec;
use core::fmt;

use crate::check::{check_size, in_range};
use crate::{Element, ElementType, Error, MatRef};

/// How many numbers weights may be: eight bits, or fewer, which take less memory.
///
/// Packed weights of two bits, ternary ones among them, take two bits each, of three or four bits four, others eight. Results do not depend on
/// that, only on the numbers.
///
/// ```
/// use eightbit::{Backend, MatRef, PackedWeights, Precision};
/// let weights = MatRef::new(&[-8i8, 7, 0, 1], 2, 2)?;
/// let packed = PackedWeights::pack_as(Backend::best()?, &weights, Precision::Bits(4), 0)?;
/// assert_eq!(packed.precision(), Precision::Bits(4));
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// Three numbers: `i8` weights are −1, 0 or 1, and `u8` weights 0, 1 or 2.
    Ternary,
    /// So many bits, 2 to 8: of four bits `i8` weights are −8 … 7, and `u8` weights 0 … 15.
    Bits(u8),
}

impl Precision {
    /// Whole bytes.
    pub const EIGHT: Precision = Precision::Bits(8);

    /// Bits of a weight.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Precision::Ternary => 2,
            Precision::Bits(bits) => bits.into(),
        }
    }

    /// The least and the greatest weight of an element type, `U8` or `I8`.
    ///
    /// # Errors
    ///
    /// If there is no such number of bits.
    ///
    /// ```
    /// use eightbit::{ElementType, Precision};
    /// assert_eq!(Precision::Bits(3).range(ElementType::I8)?, (-4, 3));
    /// assert_eq!(Precision::Ternary.range(ElementType::U8)?, (0, 2));
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn range(self, element: ElementType) -> Result<(i32, i32), Error> {
        self.check()?;
        let signed = element == ElementType::I8;
        Ok(match self {
            Precision::Ternary if signed => (-1, 1),
            Precision::Ternary => (0, 2),
            Precision::Bits(bits) if signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            Precision::Bits(bits) => (0, (1 << bits) - 1),
        })
    }

    /// `count` weights of bytes that have several, as files do: four (two bits) or two (three and four bits) in a byte, the first in the lowest
    /// bits, `i8` ones in two's complement; a byte for each of more bits. This is the order of ONNX's `int4`, `uint4`, `int2` and `uint2`.
    ///
    /// # Errors
    ///
    /// If there is no such number of bits, or there are not as many bytes as `count` weights take.
    ///
    /// ```
    /// use eightbit::Precision;
    /// assert_eq!(Precision::Bits(4).unpack::<i8>(&[0x8f, 0x07], 3)?, [-1, -8, 7]);
    /// assert_eq!(Precision::Bits(2).unpack::<u8>(&[0b11_10_01_00], 4)?, [0, 1, 2, 3]);
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn unpack<W: Element>(self, bytes: &[u8], count: usize) -> Result<Vec<W>, Error> {
        self.check()?;
        let bits = match self.bits() {
            ..=2 => 2,
            3..=4 => 4,
            _ => 8,
        };
        let in_byte = 8 / bits;
        check_size("bytes of weights", count.div_ceil(in_byte), bytes.len())?;
        let sign = if W::SIGNED { 1 << (bits - 1) } else { 0 };
        let weight = |index: usize| {
            let code = i32::from(bytes[index / in_byte]) >> (index % in_byte * bits) & ((1 << bits) - 1);
            W::from_low_bits((code ^ sign) - sign)
        };
        Ok((0..count).map(weight).collect())
    }

    /// Checks that there is such a number of bits.
    fn check(self) -> Result<(), Error> {
        in_range("bits of a weight", self.bits().cast_signed(), 2, 8)
    }

    /// Checks that all weights are numbers of the precision.
    pub(crate) fn check_weights<W: Element>(self, weights: &MatRef<'_, W>) -> Result<(), Error> {
        let (low, high) = self.range(W::TYPE)?;
        let holds = |&weight: &W| (low..=high).contains(&weight.into());
        // Mostly all elements of the slice are, those between the rows too.
        let is_empty = weights.rows() == 0 || weights.columns() == 0;
        if is_empty || (low, high) == W::TYPE.integer_range() || weights.elements().iter().all(holds) {
            return Ok(());
        }
        for depth in 0..weights.rows() {
            for column in 0..weights.columns() {
                let weight = weights.at(depth, column);
                if !holds(weight) {
                    let found = (*weight).into();
                    return Err(Error::Weight { precision: self, low, high, found, depth, column });
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precision::Ternary => f.write_str("ternary"),
            Precision::Bits(bits) => write!(f, "{bits}-bit"),
        }
    }
}
