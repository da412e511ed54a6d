//! The range of bytes that results are clamped to.

use crate::ElementType;

/// How integers become bytes: `max(u8(x + zero_point), low) ^ flip`. An `i8` `x` is the `u8` `x + 128` with its top bit
/// flipped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteRange {
    pub(crate) zero_point: i16,
    pub(crate) low: u8,
    pub(crate) flip: u8,
}

impl ByteRange {
    /// For values of the given type (`U8` or `I8`), of at least `low`.
    pub(crate) fn new(zero_point: i32, low: i32, output: ElementType) -> ByteRange {
        let flip = if output == ElementType::I8 { 0x80 } else { 0 };
        let offset = i32::from(flip);
        // Both lie in the type's range, which the offset moves to 0..=255.
        ByteRange { zero_point: (zero_point + offset) as i16, low: (low + offset) as u8, flip }
    }

    /// Whether a greatest value, less the zero point, is that of the type: then bytes saturate there.
    #[inline(always)]
    pub(crate) fn saturates(&self, high: f32) -> bool {
        high == (255 - i32::from(self.zero_point)) as f32
    }
}
