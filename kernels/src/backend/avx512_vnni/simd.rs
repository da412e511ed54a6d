//! [`Simd`] on 512-bit vectors of sixteen lanes.

use core::arch::asm;
use core::arch::x86_64::*;

use crate::byte_range::ByteRange;
use crate::simd::{ByteLimits, Simd, array_of};

/// 2²³: the integers from it to twice it are the floats there.
const EXACT: f32 = 8_388_608.0;

/// The token.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

// SAFETY: lane by lane the scalar definitions (floats under the default rounding mode, which Rust assumes); loads and
// stores are unaligned and of sixteen elements.
unsafe impl Simd for Avx512 {
    type I = __m512i;
    type F = __m512;
    type B = __m512i;
    type W = __m512i;
    const LANES: usize = 16;
    const FUSED: bool = true;

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
    unsafe fn load_some(p: *const i32, count: usize) -> __m512i {
        // SAFETY: the caller promises AVX-512F and `count` readable integers; masked ones are not touched.
        unsafe { _mm512_maskz_loadu_epi32(first_lanes(count), p) }
    }

    #[inline(always)]
    unsafe fn store_some(p: *mut i32, x: __m512i, count: usize) {
        // SAFETY: the caller promises AVX-512F and `count` writable integers; masked ones are not touched.
        unsafe { _mm512_mask_storeu_epi32(p, first_lanes(count), x) }
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
    unsafe fn byte_limits(range: ByteRange) -> ByteLimits<Avx512> {
        // SAFETY: the caller promises AVX-512F.
        unsafe {
            ByteLimits {
                zero_point: _mm512_set1_epi16(range.zero_point),
                low: _mm512_set1_epi8(range.low.cast_signed()),
                flip: _mm512_set1_epi8(range.flip.cast_signed()),
            }
        }
    }

    #[inline(always)]
    unsafe fn narrow(vectors: [__m512i; 4], limits: &ByteLimits<Avx512>) -> __m512i {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe {
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            permute(order, narrow_in_units(vectors, limits))
        }
    }

    #[inline(always)]
    unsafe fn narrow_floats(vectors: [__m512i; 4], limits: &ByteLimits<Avx512>) -> __m512i {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe { narrow_in_units(vectors, limits) }
    }

    #[inline(always)]
    unsafe fn saturate_floats<const SIGNED: bool>([a, b, c, d]: [__m512i; 4]) -> __m512i {
        // SAFETY: the caller promises AVX-512BW.
        unsafe {
            let (low, high) = (_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
            if SIGNED { _mm512_packs_epi16(low, high) } else { _mm512_packus_epi16(low, high) }
        }
    }

    /// In each unit of 128 bits every vector has four bytes that are neighbours.
    #[inline(always)]
    unsafe fn floats<const SIGNED: bool>(bytes: __m512i) -> [__m512; 4] {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe { Avx512::distances::<SIGNED>(bytes, Avx512::origin::<SIGNED>(0)) }
    }

    #[inline(always)]
    unsafe fn origin<const SIGNED: bool>(zero: i32) -> __m512 {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_set1_ps(EXACT + zero as f32 + if SIGNED { 128.0 } else { 0.0 }) }
    }

    #[inline(always)]
    unsafe fn distances<const SIGNED: bool>(bytes: __m512i, origin: __m512) -> [__m512; 4] {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe {
            let bytes = if SIGNED { _mm512_xor_si512(bytes, _mm512_set1_epi8(i8::MIN)) } else { bytes };
            let exact = _mm512_castps_si512(_mm512_set1_ps(EXACT));
            let first = _mm512_set4_epi32(3, 2, 1, 0);
            array_of!(4, v => {
                // Below the exponent of 2²³ an integer is itself in the mantissa.
                let order = _mm512_add_epi32(first, _mm512_set1_epi32(4 * v as i32));
                let lowest = 0x1111_1111_1111_1111;
                let x = _mm512_mask_shuffle_epi8(exact, lowest, bytes, order);
                _mm512_sub_ps(_mm512_castsi512_ps(x), origin)
            })
        }
    }

    #[inline(always)]
    unsafe fn read_bytes(p: *const u8) -> __m512i {
        // SAFETY: the caller promises AVX-512F and 64 readable bytes.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }

    #[inline(always)]
    unsafe fn max_bytes<const SIGNED: bool>(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512BW.
        unsafe { if SIGNED { _mm512_max_epi8(a, b) } else { _mm512_max_epu8(a, b) } }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, bytes: __m512i) {
        // SAFETY: the caller promises AVX-512F and 64 writable bytes.
        unsafe { _mm512_storeu_si512(p.cast(), bytes) }
    }

    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(p: *mut u8, bytes: __m512i) {
        // SAFETY: the caller promises AVX-512F and 32 writable bytes.
        unsafe {
            let half = match HALF {
                0 => _mm512_castsi512_si256(bytes),
                _ => _mm512_extracti64x4_epi64::<1>(bytes),
            };
            _mm256_storeu_si256(p.cast(), half);
        }
    }

    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(p: *mut u8, bytes: __m512i) {
        // SAFETY: the caller promises AVX-512F and sixteen writable bytes.
        unsafe {
            let quarter = match QUARTER {
                0 => _mm512_castsi512_si128(bytes),
                1 => _mm512_extracti32x4_epi32::<1>(bytes),
                2 => _mm512_extracti32x4_epi32::<2>(bytes),
                _ => _mm512_extracti32x4_epi32::<3>(bytes),
            };
            _mm_storeu_si128(p.cast(), quarter);
        }
    }

    #[inline(always)]
    unsafe fn store_first(p: *mut u8, bytes: __m512i, count: usize) {
        // SAFETY: the caller promises AVX-512BW and `count` writable bytes; masked ones are not touched.
        unsafe { _mm512_mask_storeu_epi8(p.cast(), first_bytes(count), bytes) }
    }

    /// In each unit of 128 bits eight bytes that are neighbours.
    #[inline(always)]
    unsafe fn to_u16x<const SIGNED: bool>(bytes: __m512i) -> [__m512i; 2] {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe {
            let bytes = if SIGNED { _mm512_xor_si512(bytes, _mm512_set1_epi8(i8::MIN)) } else { bytes };
            let zero = _mm512_setzero_si512();
            [_mm512_unpacklo_epi8(bytes, zero), _mm512_unpackhi_epi8(bytes, zero)]
        }
    }

    #[inline(always)]
    unsafe fn load_u16x(p: *const u16) -> [__m512i; 2] {
        // SAFETY: the caller promises AVX-512F and 64 readable words.
        unsafe {
            let [a, b] = Avx512::load_u16x_in_order(p);
            [
                _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 4, 5, 8, 9, 12, 13), b),
                _mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 6, 7, 10, 11, 14, 15), b),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store_u16x(p: *mut u16, [a, b]: [__m512i; 2]) {
        // SAFETY: the caller promises AVX-512F and 64 writable words.
        unsafe {
            let low = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), b);
            let high = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), b);
            _mm512_storeu_si512(p.cast(), low);
            _mm512_storeu_si512(p.add(32).cast(), high);
        }
    }

    #[inline(always)]
    unsafe fn load_u16x_in_order(p: *const u16) -> [__m512i; 2] {
        // SAFETY: the caller promises AVX-512F and 64 readable words.
        unsafe { [_mm512_loadu_si512(p.cast()), _mm512_loadu_si512(p.add(32).cast())] }
    }

    #[inline(always)]
    unsafe fn add_u16x(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512BW.
        unsafe { _mm512_add_epi16(a, b) }
    }

    /// In each unit of 128 bits every vector has four words that are neighbours.
    #[inline(always)]
    unsafe fn u16x_distances([a, b]: [__m512i; 2], origin: __m512) -> [__m512; 4] {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe {
            let exponent = _mm512_set1_epi16((EXACT.to_bits() >> 16) as i16);
            let vectors = [
                _mm512_unpacklo_epi16(a, exponent),
                _mm512_unpackhi_epi16(a, exponent),
                _mm512_unpacklo_epi16(b, exponent),
                _mm512_unpackhi_epi16(b, exponent),
            ];
            array_of!(4, v => _mm512_sub_ps(_mm512_castsi512_ps(vectors[v]), origin))
        }
    }

    #[inline(always)]
    unsafe fn narrow_u16x(vectors: [__m512i; 4], limits: &ByteLimits<Avx512>) -> __m512i {
        // SAFETY: the caller promises AVX-512F and BW.
        unsafe {
            let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
            _mm512_permutexvar_epi64(order, narrow_in_units(vectors, limits))
        }
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
    unsafe fn to_bits(x: __m512) -> __m512i {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_castps_si512(x) }
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

/// `_mm512_permutexvar_epi32`, which the compiler would take apart into one permutation for every part of its result that
/// is stored on its own.
///
/// # Safety
///
/// AVX-512F.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn permute(order: __m512i, mut lanes: __m512i) -> __m512i {
    // SAFETY: registers only; the instruction exists, as the caller promises.
    unsafe {
        asm!(
            "vpermd {lanes}, {order}, {lanes}",
            lanes = inout(zmm_reg) lanes,
            order = in(zmm_reg) order,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    lanes
}

/// A mask of the first `count` lanes, `1..=16`.
#[inline(always)]
fn first_lanes(count: usize) -> __mmask16 {
    u16::MAX >> (16 - count.clamp(1, 16))
}

/// A mask of the first `count` bytes, `1..=64`.
#[inline(always)]
pub(super) fn first_bytes(count: usize) -> __mmask64 {
    u64::MAX >> (64 - count.clamp(1, 64))
}

/// [`Simd::narrow`], but in each unit of 128 bits the four bytes of each vector's unit.
///
/// # Safety
///
/// AVX-512 F and BW.
#[inline(always)]
pub(super) unsafe fn narrow_in_units([a, b, c, d]: [__m512i; 4], limits: &ByteLimits<Avx512>) -> __m512i {
    // SAFETY: the caller promises the features.
    unsafe {
        let low = _mm512_adds_epi16(_mm512_packs_epi32(a, b), limits.zero_point);
        let high = _mm512_adds_epi16(_mm512_packs_epi32(c, d), limits.zero_point);
        let bytes = _mm512_max_epu8(_mm512_packus_epi16(low, high), limits.low);
        _mm512_xor_si512(bytes, limits.flip)
    }
}
