//! [`Simd`] on 128-bit NEON vectors: the token that every Arm backend's epilogue uses.

use core::arch::aarch64::*;

use crate::byte_range::ByteRange;
use crate::simd::{ByteLimits, Simd, array_of, instructions, token};

token! {
    /// The token.
    pub(crate) Neon: "NEON";
}

// SAFETY: lane by lane the scalar definitions. The token proves NEON, and vectors are their lanes in memory, because the
// target is little-endian.
unsafe impl Simd for Neon {
    type I = int32x4_t;
    type F = float32x4_t;
    type B = uint8x16_t;
    type W = uint16x8_t;
    const FUSED: bool = true;

    instructions! {
        (i32) -> int32x4_t { splat = vdupq_n_s32 }
        (f32) -> float32x4_t { splat_f = vdupq_n_f32 }
        (int32x4_t, int32x4_t) -> int32x4_t {
            add = vaddq_s32, sub = vsubq_s32, mul = vmulq_s32, min = vminq_s32, max = vmaxq_s32,
            shift_left = vshlq_s32, rounding_doubling_high_mul = vqrdmulhq_s32
        }
        (float32x4_t, float32x4_t) -> float32x4_t { add_f = vaddq_f32, sub_f = vsubq_f32, mul_f = vmulq_f32, div_f = vdivq_f32 }
        (uint16x8_t, uint16x8_t) -> uint16x8_t { add_u16x = vaddq_u16 }
        (int32x4_t) -> float32x4_t { to_f32 = vcvtq_f32_s32 }
        (float32x4_t) -> int32x4_t { round = vcvtnq_s32_f32 }
    }

    #[inline(always)]
    fn mul_add_f(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the token.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn negative(self, x: int32x4_t) -> u32 {
        // SAFETY: the token.
        unsafe {
            let signs = vshrq_n_u32::<31>(vreinterpretq_u32_s32(x));
            vaddvq_u32(vshlq_u32(signs, vld1q_s32([0, 1, 2, 3].as_ptr())))
        }
    }

    #[inline(always)]
    fn dot_pairs(self, acc: int32x4_t, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: the token.
        unsafe {
            let (a, b) = (vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
            let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
            vaddq_s32(acc, vpaddq_s32(low, vmull_high_s16(a, b)))
        }
    }

    #[inline(always)]
    fn min_f(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token.
        unsafe { vbslq_f32(vcltq_f32(b, a), b, a) }
    }

    #[inline(always)]
    fn max_f(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token.
        unsafe { vbslq_f32(vcgtq_f32(b, a), b, a) }
    }

    #[inline(always)]
    fn any_greater(self, a: float32x4_t, b: float32x4_t) -> bool {
        // SAFETY: the token.
        unsafe { vmaxvq_u32(vcgtq_f32(a, b)) != 0 }
    }

    #[inline(always)]
    fn nan_to_zero(self, x: float32x4_t) -> float32x4_t {
        // SAFETY: the token.
        unsafe { vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vceqq_f32(x, x))) }
    }

    #[inline(always)]
    unsafe fn load_extended<const SIGNED: bool>(self, p: *const u8) -> int32x4_t {
        // SAFETY: the token, and four readable bytes.
        unsafe {
            let bytes = u64::from(p.cast::<u32>().read_unaligned());
            if SIGNED {
                vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(bytes))))
            } else {
                vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes)))))
            }
        }
    }

    #[inline(always)]
    unsafe fn load_i16(self, p: *const i16) -> int32x4_t {
        // SAFETY: the token, and four readable integers.
        unsafe { vmovl_s16(vld1_s16(p)) }
    }

    #[inline(always)]
    fn byte_limits(self, range: ByteRange) -> ByteLimits<Neon> {
        // SAFETY: the token.
        unsafe {
            ByteLimits {
                zero_point: vreinterpretq_s32_s16(vdupq_n_s16(range.zero_point)),
                low: vdupq_n_u8(range.low),
                flip: vdupq_n_u8(range.flip),
            }
        }
    }

    #[inline(always)]
    fn narrow(self, [a, b, c, d]: [int32x4_t; 4], limits: &ByteLimits<Neon>) -> uint8x16_t {
        // SAFETY: the token.
        unsafe {
            let zero_point = vreinterpretq_s16_s32(limits.zero_point);
            let low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), zero_point);
            let high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(c), d), zero_point);
            let bytes = vqmovun_high_s16(vqmovun_s16(low), high);
            veorq_u8(vmaxq_u8(bytes, limits.low), limits.flip)
        }
    }

    #[inline(always)]
    fn saturate_floats<const SIGNED: bool>(self, [a, b, c, d]: [int32x4_t; 4]) -> uint8x16_t {
        // SAFETY: the token.
        unsafe {
            let low = vqmovn_high_s32(vqmovn_s32(a), b);
            let high = vqmovn_high_s32(vqmovn_s32(c), d);
            if SIGNED {
                vreinterpretq_u8_s8(vqmovn_high_s16(vqmovn_s16(low), high))
            } else {
                vqmovun_high_s16(vqmovun_s16(low), high)
            }
        }
    }

    #[inline(always)]
    fn floats<const SIGNED: bool>(self, bytes: uint8x16_t) -> [float32x4_t; 4] {
        // SAFETY: the token.
        unsafe {
            if !SIGNED {
                return floats_of(self.to_u16x::<false>(bytes));
            }
            let bytes = vreinterpretq_s8_u8(bytes);
            let wide = [vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)];
            array_of!(4, v => {
                let half = wide[v / 2];
                vcvtq_f32_s32(if v % 2 == 0 { vmovl_s16(vget_low_s16(half)) } else { vmovl_high_s16(half) })
            })
        }
    }

    #[inline(always)]
    fn max_bytes<const SIGNED: bool>(self, a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: the token.
        unsafe {
            if SIGNED {
                vreinterpretq_u8_s8(vmaxq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)))
            } else {
                vmaxq_u8(a, b)
            }
        }
    }

    #[inline(always)]
    fn to_u16x<const SIGNED: bool>(self, bytes: uint8x16_t) -> [uint16x8_t; 2] {
        // SAFETY: the token.
        unsafe {
            let bytes = if SIGNED { veorq_u8(bytes, vdupq_n_u8(0x80)) } else { bytes };
            [vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)]
        }
    }

    #[inline(always)]
    fn u16x_distances(self, wide: [uint16x8_t; 2], origin: float32x4_t) -> [float32x4_t; 4] {
        // SAFETY: the token.
        let x = unsafe { floats_of(wide) };
        array_of!(4, v => self.add_f(x[v], origin))
    }

    #[inline(always)]
    fn rounding_shift_right(self, a: int32x4_t, n: int32x4_t) -> int32x4_t {
        // SAFETY: the token.
        unsafe {
            // SRSHL rounds ties up. Subtracting one makes a negative tie round down and changes no other quotient, except for
            // n = 0, where there is nothing to round: the sign bit of `a & −n` is that of `a` where n > 0. Saturating,
            // because i32::MIN is never a tie.
            let right = vnegq_s32(n);
            let nudge = vshrq_n_s32::<31>(vandq_s32(a, right));
            vrshlq_s32(vqaddq_s32(a, nudge), right)
        }
    }
}

/// # Safety
///
/// NEON.
#[inline(always)]
unsafe fn floats_of(wide: [uint16x8_t; 2]) -> [float32x4_t; 4] {
    // SAFETY: the caller promises NEON.
    unsafe {
        array_of!(4, v => {
            let half = wide[v / 2];
            vcvtq_f32_u32(if v % 2 == 0 { vmovl_u16(vget_low_u16(half)) } else { vmovl_high_u16(half) })
        })
    }
}
