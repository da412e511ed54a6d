//! [`Simd`] on 128-bit NEON vectors: the token that every Arm backend's epilogue uses.

use core::arch::aarch64::*;

use crate::byte_range::ByteRange;
use crate::simd::{ByteLimits, Simd, array_of, store_first_of};

/// The token.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY: lane by lane the scalar definitions. Every function needs NEON, which its caller promises, and reads or
// writes only the four lanes that the caller promises.
unsafe impl Simd for Neon {
    type I = int32x4_t;
    type F = float32x4_t;
    type B = uint8x16_t;
    type W = uint16x8_t;
    const LANES: usize = 4;
    const FUSED: bool = true;

    #[inline(always)]
    unsafe fn splat(x: i32) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vdupq_n_s32(x) }
    }

    #[inline(always)]
    unsafe fn splat_f(x: f32) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const i32) -> int32x4_t {
        // SAFETY: four readable integers; the instruction needs no alignment beyond a byte's.
        unsafe { vld1q_s32(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut i32, x: int32x4_t) {
        // SAFETY: four writable integers.
        unsafe { vst1q_s32(p, x) }
    }

    #[inline(always)]
    unsafe fn load_f(p: *const f32) -> float32x4_t {
        // SAFETY: four readable floats.
        unsafe { vld1q_f32(p) }
    }

    #[inline(always)]
    unsafe fn store_f(p: *mut f32, x: float32x4_t) {
        // SAFETY: four writable floats.
        unsafe { vst1q_f32(p, x) }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> int32x4_t {
        // SAFETY: four readable bytes.
        unsafe {
            let bytes = vcreate_u8(u64::from(p.cast::<u32>().read_unaligned()));
            vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))))
        }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> int32x4_t {
        // SAFETY: four readable bytes.
        unsafe {
            let bytes = vcreate_s8(u64::from(p.cast::<u32>().read_unaligned()));
            vmovl_s16(vget_low_s16(vmovl_s8(bytes)))
        }
    }

    #[inline(always)]
    unsafe fn byte_limits(range: ByteRange) -> ByteLimits<Neon> {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            ByteLimits {
                zero_point: vreinterpretq_s32_s16(vdupq_n_s16(range.zero_point)),
                low: vdupq_n_u8(range.low),
                flip: vdupq_n_u8(range.flip),
            }
        }
    }

    #[inline(always)]
    unsafe fn narrow([a, b, c, d]: [int32x4_t; 4], limits: &ByteLimits<Neon>) -> uint8x16_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            let zero_point = vreinterpretq_s16_s32(limits.zero_point);
            let low = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(a), b), zero_point);
            let high = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(c), d), zero_point);
            let bytes = vqmovun_high_s16(vqmovun_s16(low), high);
            veorq_u8(vmaxq_u8(bytes, limits.low), limits.flip)
        }
    }

    #[inline(always)]
    unsafe fn narrow_floats(vectors: [int32x4_t; 4], limits: &ByteLimits<Neon>) -> uint8x16_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { Neon::narrow(vectors, limits) }
    }

    #[inline(always)]
    unsafe fn saturate_floats<const SIGNED: bool>([a, b, c, d]: [int32x4_t; 4]) -> uint8x16_t {
        // SAFETY: NEON, by the trait's contract.
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
    unsafe fn floats<const SIGNED: bool>(bytes: uint8x16_t) -> [float32x4_t; 4] {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            if SIGNED {
                let bytes = vreinterpretq_s8_u8(bytes);
                let wide = [vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)];
                array_of!(4, v => {
                    let half = wide[v / 2];
                    vcvtq_f32_s32(if v % 2 == 0 { vmovl_s16(vget_low_s16(half)) } else { vmovl_high_s16(half) })
                })
            } else {
                let wide = [vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)];
                array_of!(4, v => {
                    let half = wide[v / 2];
                    vcvtq_f32_u32(if v % 2 == 0 { vmovl_u16(vget_low_u16(half)) } else { vmovl_high_u16(half) })
                })
            }
        }
    }

    #[inline(always)]
    unsafe fn origin<const SIGNED: bool>(zero: i32) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vdupq_n_f32(zero as f32) }
    }

    #[inline(always)]
    unsafe fn distances<const SIGNED: bool>(bytes: uint8x16_t, origin: float32x4_t) -> [float32x4_t; 4] {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            let x = Neon::floats::<SIGNED>(bytes);
            array_of!(4, v => vsubq_f32(x[v], origin))
        }
    }

    #[inline(always)]
    unsafe fn read_bytes(p: *const u8) -> uint8x16_t {
        // SAFETY: NEON and sixteen readable bytes.
        unsafe { vld1q_u8(p) }
    }

    #[inline(always)]
    unsafe fn max_bytes<const SIGNED: bool>(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            if SIGNED {
                vreinterpretq_u8_s8(vmaxq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)))
            } else {
                vmaxq_u8(a, b)
            }
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, bytes: uint8x16_t) {
        // SAFETY: NEON and sixteen writable bytes.
        unsafe { vst1q_u8(p, bytes) }
    }

    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(p: *mut u8, bytes: uint8x16_t) {
        // SAFETY: NEON and eight writable bytes.
        unsafe { vst1_u8(p, if HALF == 0 { vget_low_u8(bytes) } else { vget_high_u8(bytes) }) }
    }

    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(p: *mut u8, bytes: uint8x16_t) {
        // SAFETY: NEON and four writable bytes.
        unsafe {
            let wide = vreinterpretq_u32_u8(bytes);
            let half = match QUARTER {
                0 => vgetq_lane_u32::<0>(wide),
                1 => vgetq_lane_u32::<1>(wide),
                2 => vgetq_lane_u32::<2>(wide),
                _ => vgetq_lane_u32::<3>(wide),
            };
            p.cast::<u32>().write_unaligned(half);
        }
    }

    #[inline(always)]
    unsafe fn store_first(p: *mut u8, bytes: uint8x16_t, count: usize) {
        // SAFETY: `count` writable bytes; a vector is sixteen bytes.
        unsafe { store_first_of(p, core::mem::transmute::<uint8x16_t, [u8; 16]>(bytes), count) }
    }

    #[inline(always)]
    unsafe fn to_u16x<const SIGNED: bool>(bytes: uint8x16_t) -> [uint16x8_t; 2] {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            let bytes = if SIGNED { veorq_u8(bytes, vdupq_n_u8(0x80)) } else { bytes };
            [vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)]
        }
    }

    #[inline(always)]
    unsafe fn load_u16x(p: *const u16) -> [uint16x8_t; 2] {
        // SAFETY: NEON and sixteen readable words.
        unsafe { [vld1q_u16(p), vld1q_u16(p.add(8))] }
    }

    #[inline(always)]
    unsafe fn store_u16x(p: *mut u16, [a, b]: [uint16x8_t; 2]) {
        // SAFETY: NEON and sixteen writable words.
        unsafe {
            vst1q_u16(p, a);
            vst1q_u16(p.add(8), b);
        }
    }

    #[inline(always)]
    unsafe fn load_u16x_in_order(p: *const u16) -> [uint16x8_t; 2] {
        // SAFETY: NEON and sixteen readable words.
        unsafe { Neon::load_u16x(p) }
    }

    #[inline(always)]
    unsafe fn add_u16x(a: uint16x8_t, b: uint16x8_t) -> uint16x8_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vaddq_u16(a, b) }
    }

    #[inline(always)]
    unsafe fn u16x_distances(wide: [uint16x8_t; 2], origin: float32x4_t) -> [float32x4_t; 4] {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            array_of!(4, v => {
                let half = wide[v / 2];
                let wide = if v % 2 == 0 { vmovl_u16(vget_low_u16(half)) } else { vmovl_high_u16(half) };
                vsubq_f32(vcvtq_f32_u32(wide), origin)
            })
        }
    }

    #[inline(always)]
    unsafe fn narrow_u16x(vectors: [int32x4_t; 4], limits: &ByteLimits<Neon>) -> uint8x16_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { Neon::narrow(vectors, limits) }
    }

    #[inline(always)]
    unsafe fn add(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vaddq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vsubq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vmulq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vminq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vmaxq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn shift_left(a: int32x4_t, n: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vshlq_s32(a, n) }
    }

    #[inline(always)]
    unsafe fn rounding_shift_right(a: int32x4_t, n: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe {
            // SRSHL rounds ties up. One less makes a negative tie round down and changes no other quotient, except for
            // n = 0, where there is nothing to round: the sign bit of `a & −n` is that of `a` where n > 0. Saturating,
            // because i32::MIN is never a tie.
            let right = vnegq_s32(n);
            let nudge = vshrq_n_s32::<31>(vandq_s32(a, right));
            vrshlq_s32(vqaddq_s32(a, nudge), right)
        }
    }

    #[inline(always)]
    unsafe fn rounding_doubling_high_mul(a: int32x4_t, b: int32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vqrdmulhq_s32(a, b) }
    }

    #[inline(always)]
    unsafe fn to_bits(x: float32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vreinterpretq_s32_f32(x) }
    }

    #[inline(always)]
    unsafe fn to_f32(a: int32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vcvtq_f32_s32(a) }
    }

    #[inline(always)]
    unsafe fn round(x: float32x4_t) -> int32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vcvtnq_s32_f32(x) }
    }

    #[inline(always)]
    unsafe fn add_f(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_f(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add_f(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn div_f(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn min_f(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vbslq_f32(vcltq_f32(b, a), b, a) }
    }

    #[inline(always)]
    unsafe fn max_f(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vbslq_f32(vcgtq_f32(b, a), b, a) }
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: float32x4_t) -> float32x4_t {
        // SAFETY: NEON, by the trait's contract.
        unsafe { vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), vceqq_f32(x, x))) }
    }
}
