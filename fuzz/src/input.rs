//! The source of a target's case: the fuzzer's bytes, first for the case's shape, then for its values.

use eightbit::{Element, ElementType, FixedPoint, Multiplier, Per, Precision, Requantize, Stage};

/// A stream of bytes, followed by zeros.
#[derive(Clone)]
pub(crate) struct Input<'a> {
    data: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Input<'a> {
        Input { data }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.data.split_first() else { return 0 };
        self.data = rest;
        first
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    /// A number from `low` to `high`, which are at most 256 apart.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + i32::from(self.byte()) % (high - low + 1)
    }

    pub(crate) fn size(&mut self, low: usize, high: usize) -> usize {
        low + usize::from(self.byte()) % (high - low + 1)
    }

    pub(crate) fn word(&mut self) -> i32 {
        i32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// `len` elements: the remaining bytes, repeated.
    pub(crate) fn elements<T: Element>(&self, len: usize) -> Vec<T> {
        let bytes = if self.data.is_empty() { &[0x80] } else { self.data };
        bytes.iter().cycle().take(len).map(|&byte| T::from_low_bits(byte.into())).collect()
    }

    /// How many numbers weights may be; eight bits in half of the cases.
    pub(crate) fn precision(&mut self) -> Precision {
        match self.byte() % 16 {
            bits @ 2..8 => Precision::Bits(bits),
            1 => Precision::Ternary,
            _ => Precision::EIGHT,
        }
    }

    /// A zero point of the type of the elements.
    pub(crate) fn zero_point(&mut self, element: ElementType) -> i32 {
        let (low, high) = element.integer_range();
        self.between(low, high)
    }

    /// Zero points for weights: one for all or one per channel.
    pub(crate) fn zero_points(&mut self, element: ElementType, channels: usize) -> Per<i32> {
        if self.bool() {
            Per::Channel((0..channels).map(|_| self.zero_point(element)).collect())
        } else {
            Per::Tensor(self.zero_point(element))
        }
    }

    pub(crate) fn bias(&mut self, channels: usize) -> Option<Vec<i32>> {
        self.bool().then(|| (0..channels).map(|_| self.word()).collect())
    }

    /// The epilogue: raw accumulators, or requantization to 8 bits in one of the two modes.
    pub(crate) fn stage(&mut self, channels: usize) -> Stage {
        let kind = self.byte() % 3;
        if kind == 0 {
            return Stage::Accumulators { accumulate: false };
        }
        let output = if self.bool() { ElementType::I8 } else { ElementType::U8 };
        let zero_point = self.zero_point(output);
        let (low, high) = output.integer_range();
        let least = self.between(low, high);
        let most = self.between(least, high);
        let per_channel = self.bool();
        let multiplier = if kind == 1 {
            Multiplier::F32(self.per(per_channel, channels, |input| {
                // Every positive finite float is possible.
                let scale = f32::from_bits(input.word() as u32 & 0x7fff_ffff);
                if scale.is_finite() && scale > 0.0 { scale } else { 0.01 }
            }))
        } else {
            Multiplier::Fixed(self.per(per_channel, channels, |input| FixedPoint {
                mantissa: input.word() & 0x3fff_ffff | 0x4000_0000,
                shift: input.between(-31, 30),
            }))
        };
        Stage::Requantize(Requantize::new(multiplier, zero_point, output).clamped(least, most))
    }

    fn per<T>(&mut self, per_channel: bool, channels: usize, mut draw: impl FnMut(&mut Self) -> T) -> Per<T> {
        if per_channel {
            Per::Channel((0..channels).map(|_| draw(self)).collect())
        } else {
            Per::Tensor(draw(self))
        }
    }
}
