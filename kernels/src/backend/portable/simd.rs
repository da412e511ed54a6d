//! [`Simd`] on `wide` vectors of four lanes.

use wide::{f32x4, i16x8, i32x4, u16x8};

use crate::simd::{Simd, token};

token! {
    /// The token.
    pub(crate) Portable: "no features beyond the compilation target's";
}

// SAFETY: lane by lane the scalar definitions; no CPU feature beyond the compilation target's. The types are arrays of
// their lanes, aligned.
unsafe impl Simd for Portable {
    type I = i32x4;
    type F = f32x4;
    type B = [u8; 16];
    type W = u16x8;

    #[inline(always)]
    fn splat(self, x: i32) -> i32x4 {
        i32x4::splat(x)
    }

    #[inline(always)]
    fn splat_f(self, x: f32) -> f32x4 {
        f32x4::splat(x)
    }

    #[inline(always)]
    fn add(self, a: i32x4, b: i32x4) -> i32x4 {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: i32x4, b: i32x4) -> i32x4 {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: i32x4, b: i32x4) -> i32x4 {
        a * b
    }

    #[inline(always)]
    fn dot_pairs(self, acc: i32x4, a: i32x4, b: i32x4) -> i32x4 {
        // The halves of a lane change places where the target is big-endian: in both factors.
        let pairs = |x: i32x4| {
            let bytes = x.to_array().map(i32::to_ne_bytes);
            let halves = |lane: [u8; 4], half: usize| i16::from_ne_bytes([lane[half], lane[half + 1]]);
            i16x8::new(core::array::from_fn(|i| halves(bytes[i / 2], i % 2 * 2)))
        };
        acc + pairs(a).dot(pairs(b))
    }

    #[inline(always)]
    fn min(self, a: i32x4, b: i32x4) -> i32x4 {
        a.min(b)
    }

    #[inline(always)]
    fn max(self, a: i32x4, b: i32x4) -> i32x4 {
        a.max(b)
    }

    #[inline(always)]
    fn to_f32(self, a: i32x4) -> f32x4 {
        f32x4::new(a.to_array().map(|lane| lane as f32))
    }

    #[inline(always)]
    fn round(self, x: f32x4) -> i32x4 {
        // Adding 1.5·2²³ leaves the integer, rounded as the sum was (to nearest, ties to even), in the low mantissa bits.
        const MAGIC: f32 = 12_582_912.0;
        let sum = (x.max(f32x4::splat(-4_194_304.0)) + f32x4::splat(MAGIC)).to_array();
        i32x4::new(sum.map(|lane| lane.to_bits().wrapping_sub(MAGIC.to_bits()) as i32))
    }

    #[inline(always)]
    fn add_f(self, a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }

    #[inline(always)]
    fn sub_f(self, a: f32x4, b: f32x4) -> f32x4 {
        a - b
    }

    #[inline(always)]
    fn mul_f(self, a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }

    #[inline(always)]
    fn div_f(self, a: f32x4, b: f32x4) -> f32x4 {
        a / b
    }

    #[inline(always)]
    fn min_f(self, a: f32x4, b: f32x4) -> f32x4 {
        b.simd_lt(a).select(b, a)
    }

    #[inline(always)]
    fn max_f(self, a: f32x4, b: f32x4) -> f32x4 {
        b.simd_gt(a).select(b, a)
    }

    #[inline(always)]
    fn add_u16x(self, a: u16x8, b: u16x8) -> u16x8 {
        a + b
    }
}
