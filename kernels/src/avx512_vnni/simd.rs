//! [`Simd`] on 512-bit vectors of sixteen lanes.

use core::arch::x86_64::*;

use crate::simd::Simd;

/// The token.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY: lane by lane the scalar definitions (floats under the default rounding mode, which Rust assumes); loads and
// stores are unaligned and of sixteen elements.
unsafe impl Simd for Avx512 {
    type I = __m512i;
    type F = __m512;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: i32) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn splat_f(x: f32) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const i32) -> __m512i {
        // SAFETY: the caller promises AVX-512F and sixteen readable integers.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut i32, x: __m512i) {
        // SAFETY: the caller promises AVX-512F and sixteen writable integers.
        unsafe { _mm512_storeu_si512(p.cast(), x) }
    }

    #[inline(always)]
    unsafe fn load_f(p: *const f32) -> __m512 {
        // SAFETY: the caller promises AVX-512F and sixteen readable floats.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store_f(p: *mut f32, x: __m512) {
        // SAFETY: the caller promises AVX-512F and sixteen writable floats.
        unsafe { _mm512_storeu_ps(p, x) }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> __m512i {
        // SAFETY: the caller promises AVX-512F and sixteen readable bytes.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m512i {
        // SAFETY: the caller promises AVX-512F and sixteen readable bytes.
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    unsafe fn store_low_bytes(p: *mut u8, x: __m512i) {
        // SAFETY: the caller promises AVX-512F and sixteen writable bytes.
        unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(x)) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_sub_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_mullo_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_min_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_max_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn shift_left(a: __m512i, n: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_sllv_epi32(a, n) }
    }

    #[inline(always)]
    unsafe fn rounding_shift_right(a: __m512i, n: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe {
            let one = _mm512_set1_epi32(1);
            let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, n), one);
            // `a >> 31` is −1 where `a` is negative.
            let threshold = _mm512_sub_epi32(_mm512_srli_epi32::<1>(mask), _mm512_srai_epi32::<31>(a));
            let up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(a, mask), threshold);
            let down = _mm512_srav_epi32(a, n);
            _mm512_mask_add_epi32(down, up, down, one)
        }
    }

    #[inline(always)]
    unsafe fn rounding_doubling_high_mul(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe {
            let nudge = _mm512_set1_epi64(1 << 30);
            let even = _mm512_add_epi64(_mm512_mul_epi32(a, b), nudge);
            let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
            let odd = _mm512_add_epi64(odd, nudge);
            // Bits 31..63 of every sum: of the even lanes to the low half, of the odd ones to the high half.
            let (even, odd) = (_mm512_srli_epi64::<31>(even), _mm512_slli_epi64::<1>(odd));
            let high = _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, odd);
            // Only MIN·MIN reaches 2³¹, which reads as MIN.
            let over = _mm512_cmpeq_epi32_mask(high, _mm512_set1_epi32(i32::MIN));
            _mm512_mask_mov_epi32(high, over, _mm512_set1_epi32(i32::MAX))
        }
    }

    #[inline(always)]
    unsafe fn to_f32(a: __m512i) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_cvtepi32_ps(a) }
    }

    #[inline(always)]
    unsafe fn round(x: __m512) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_cvtps_epi32(x) }
    }

    #[inline(always)]
    unsafe fn add_f(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_f(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add_f(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn div_f(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min_f(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F. The instruction gives its second operand where they are equal.
        unsafe { _mm512_min_ps(b, a) }
    }

    #[inline(always)]
    unsafe fn max_f(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F. The instruction gives its second operand where they are equal.
        unsafe { _mm512_max_ps(b, a) }
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: __m512) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_ORD_Q>(x, x), x) }
    }
}
