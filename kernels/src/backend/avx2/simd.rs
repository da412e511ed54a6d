//! [`Simd`] on 256-bit vectors of eight lanes.

use core::arch::x86_64::*;

use crate::byte_range::ByteRange;
use crate::simd::{ByteLimits, Simd, array_of, store_first_of};

/// 2²³: the integers from it to twice it are the floats there.
const EXACT: f32 = 8_388_608.0;

/// The token.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

// SAFETY: lane by lane the scalar definitions (floats under the default rounding mode, which Rust assumes); loads and
// stores are unaligned and of eight elements.
unsafe impl Simd for Avx2 {
    type I = __m256i;
    type F = __m256;
    type B = __m256i;
    type W = __m256i;
    const LANES: usize = 8;
    const FUSED: bool = true;

    #[inline(always)]
    unsafe fn splat(x: i32) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn splat_f(x: f32) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const i32) -> __m256i {
        // SAFETY: the caller promises AVX2 and eight readable integers.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut i32, x: __m256i) {
        // SAFETY: the caller promises AVX2 and eight writable integers.
        unsafe { _mm256_storeu_si256(p.cast(), x) }
    }

    #[inline(always)]
    unsafe fn load_f(p: *const f32) -> __m256 {
        // SAFETY: the caller promises AVX2 and eight readable floats.
        unsafe { _mm256_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store_f(p: *mut f32, x: __m256) {
        // SAFETY: the caller promises AVX2 and eight writable floats.
        unsafe { _mm256_storeu_ps(p, x) }
    }

    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> __m256i {
        // SAFETY: the caller promises AVX2 and eight readable bytes.
        unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast())) }
    }

    #[inline(always)]
    unsafe fn load_i8(p: *const i8) -> __m256i {
        // SAFETY: the caller promises AVX2 and eight readable bytes.
        unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast())) }
    }

    #[inline(always)]
    unsafe fn byte_limits(range: ByteRange) -> ByteLimits<Avx2> {
        // SAFETY: the caller promises AVX2.
        unsafe {
            ByteLimits {
                zero_point: _mm256_set1_epi16(range.zero_point),
                low: _mm256_set1_epi8(range.low.cast_signed()),
                flip: _mm256_set1_epi8(range.flip.cast_signed()),
            }
        }
    }

    #[inline(always)]
    unsafe fn narrow(vectors: [__m256i; 4], limits: &ByteLimits<Avx2>) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            _mm256_permutevar8x32_epi32(narrow_in_units(vectors, limits), order)
        }
    }

    #[inline(always)]
    unsafe fn narrow_floats(vectors: [__m256i; 4], limits: &ByteLimits<Avx2>) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { narrow_in_units(vectors, limits) }
    }

    #[inline(always)]
    unsafe fn saturate_floats<const SIGNED: bool>([a, b, c, d]: [__m256i; 4]) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let (low, high) = (_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            if SIGNED { _mm256_packs_epi16(low, high) } else { _mm256_packus_epi16(low, high) }
        }
    }

    /// In each unit of 128 bits every vector has four bytes that are neighbours.
    #[inline(always)]
    unsafe fn floats<const SIGNED: bool>(bytes: __m256i) -> [__m256; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            if SIGNED {
                return Avx2::distances::<true>(bytes, Avx2::origin::<true>(0));
            }
            // The least byte of a lane, and three times none.
            let first = _mm256_setr_epi32(-256, -255, -254, -253, -256, -255, -254, -253);
            array_of!(4, v => {
                let order = _mm256_add_epi32(first, _mm256_set1_epi32(4 * v as i32));
                _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, order))
            })
        }
    }

    #[inline(always)]
    unsafe fn origin<const SIGNED: bool>(zero: i32) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_set1_ps(EXACT + zero as f32 + if SIGNED { 128.0 } else { 0.0 }) }
    }

    #[inline(always)]
    unsafe fn distances<const SIGNED: bool>(bytes: __m256i, origin: __m256) -> [__m256; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let bytes = if SIGNED { _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN)) } else { bytes };
            let (zero, exponent) =
                (_mm256_setzero_si256(), _mm256_set1_epi16((EXACT.to_bits() >> 16) as i16));
            let wide = [_mm256_unpacklo_epi8(bytes, zero), _mm256_unpackhi_epi8(bytes, zero)];
            // Below the exponent of 2²³ an integer is itself in the mantissa.
            let vectors = [
                _mm256_unpacklo_epi16(wide[0], exponent),
                _mm256_unpackhi_epi16(wide[0], exponent),
                _mm256_unpacklo_epi16(wide[1], exponent),
                _mm256_unpackhi_epi16(wide[1], exponent),
            ];
            array_of!(4, v => _mm256_sub_ps(_mm256_castsi256_ps(vectors[v]), origin))
        }
    }

    #[inline(always)]
    unsafe fn read_bytes(p: *const u8) -> __m256i {
        // SAFETY: the caller promises AVX2 and 32 readable bytes.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn max_bytes<const SIGNED: bool>(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { if SIGNED { _mm256_max_epi8(a, b) } else { _mm256_max_epu8(a, b) } }
    }

    #[inline(always)]
    unsafe fn store_bytes(p: *mut u8, bytes: __m256i) {
        // SAFETY: the caller promises AVX2 and 32 writable bytes.
        unsafe { _mm256_storeu_si256(p.cast(), bytes) }
    }

    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(p: *mut u8, bytes: __m256i) {
        // SAFETY: the caller promises AVX2 and sixteen writable bytes.
        unsafe { _mm_storeu_si128(p.cast(), half::<HALF>(bytes)) }
    }

    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(p: *mut u8, bytes: __m256i) {
        // SAFETY: the caller promises AVX2 and eight writable bytes.
        unsafe {
            match QUARTER {
                0 => _mm_storel_epi64(p.cast(), half::<0>(bytes)),
                1 => _mm_storeh_pd(p.cast(), _mm_castsi128_pd(half::<0>(bytes))),
                2 => _mm_storel_epi64(p.cast(), half::<1>(bytes)),
                _ => _mm_storeh_pd(p.cast(), _mm_castsi128_pd(half::<1>(bytes))),
            }
        }
    }

    #[inline(always)]
    unsafe fn store_first(p: *mut u8, bytes: __m256i, count: usize) {
        // SAFETY: the caller promises AVX2 and `count` writable bytes; a vector is 32 bytes.
        unsafe { store_first_of(p, core::mem::transmute::<__m256i, [u8; 32]>(bytes), count) }
    }

    /// In each unit of 128 bits eight bytes that are neighbours.
    #[inline(always)]
    unsafe fn to_u16x<const SIGNED: bool>(bytes: __m256i) -> [__m256i; 2] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let bytes = if SIGNED { _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN)) } else { bytes };
            let zero = _mm256_setzero_si256();
            [_mm256_unpacklo_epi8(bytes, zero), _mm256_unpackhi_epi8(bytes, zero)]
        }
    }

    #[inline(always)]
    unsafe fn load_u16x(p: *const u16) -> [__m256i; 2] {
        // SAFETY: the caller promises AVX2 and 32 readable words.
        unsafe { exchange_units(Avx2::load_u16x_in_order(p)) }
    }

    #[inline(always)]
    unsafe fn store_u16x(p: *mut u16, x: [__m256i; 2]) {
        // SAFETY: the caller promises AVX2 and 32 writable words.
        unsafe {
            let [low, high] = exchange_units(x);
            _mm256_storeu_si256(p.cast(), low);
            _mm256_storeu_si256(p.add(16).cast(), high);
        }
    }

    #[inline(always)]
    unsafe fn load_u16x_in_order(p: *const u16) -> [__m256i; 2] {
        // SAFETY: the caller promises AVX2 and 32 readable words.
        unsafe { [_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.add(16).cast())] }
    }

    #[inline(always)]
    unsafe fn add_u16x(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_add_epi16(a, b) }
    }

    /// In each unit of 128 bits every vector has four words that are neighbours.
    #[inline(always)]
    unsafe fn u16x_distances([a, b]: [__m256i; 2], origin: __m256) -> [__m256; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let exponent = _mm256_set1_epi16((EXACT.to_bits() >> 16) as i16);
            let vectors = [
                _mm256_unpacklo_epi16(a, exponent),
                _mm256_unpackhi_epi16(a, exponent),
                _mm256_unpacklo_epi16(b, exponent),
                _mm256_unpackhi_epi16(b, exponent),
            ];
            array_of!(4, v => _mm256_sub_ps(_mm256_castsi256_ps(vectors[v]), origin))
        }
    }

    #[inline(always)]
    unsafe fn narrow_u16x(vectors: [__m256i; 4], limits: &ByteLimits<Avx2>) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_permute4x64_epi64::<0b11_01_10_00>(narrow_in_units(vectors, limits)) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_sub_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_mullo_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_min_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_max_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn shift_left(a: __m256i, n: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_sllv_epi32(a, n) }
    }

    #[inline(always)]
    unsafe fn rounding_shift_right(a: __m256i, n: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let mask = _mm256_sub_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), n), _mm256_set1_epi32(1));
            // `a >> 31` is −1 where `a` is negative, and so is a comparison that holds.
            let threshold = _mm256_sub_epi32(_mm256_srli_epi32::<1>(mask), _mm256_srai_epi32::<31>(a));
            let up = _mm256_cmpgt_epi32(_mm256_and_si256(a, mask), threshold);
            _mm256_sub_epi32(_mm256_srav_epi32(a, n), up)
        }
    }

    #[inline(always)]
    unsafe fn rounding_doubling_high_mul(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let nudge = _mm256_set1_epi64x(1 << 30);
            let even = _mm256_add_epi64(_mm256_mul_epi32(a, b), nudge);
            let odd = _mm256_mul_epi32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b));
            let odd = _mm256_add_epi64(odd, nudge);
            // Bits 31..63 of every sum: of the even lanes to the low half, of the odd ones to the high half.
            let high =
                _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<31>(even), _mm256_slli_epi64::<1>(odd));
            // Only MIN·MIN reaches 2³¹, which reads as MIN: its complement is MAX.
            _mm256_xor_si256(high, _mm256_cmpeq_epi32(high, _mm256_set1_epi32(i32::MIN)))
        }
    }

    #[inline(always)]
    unsafe fn to_bits(x: __m256) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_castps_si256(x) }
    }

    #[inline(always)]
    unsafe fn to_f32(a: __m256i) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_cvtepi32_ps(a) }
    }

    #[inline(always)]
    unsafe fn round(x: __m256) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_cvtps_epi32(x) }
    }

    #[inline(always)]
    unsafe fn add_f(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_f(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add_f(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the caller promises FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn div_f(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min_f(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller promises AVX2. The instruction gives its second operand where they are equal.
        unsafe { _mm256_min_ps(b, a) }
    }

    #[inline(always)]
    unsafe fn max_f(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller promises AVX2. The instruction gives its second operand where they are equal.
        unsafe { _mm256_max_ps(b, a) }
    }

    #[inline(always)]
    unsafe fn nan_to_zero(x: __m256) -> __m256 {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_ORD_Q>(x, x)) }
    }
}

/// # Safety
///
/// AVX2.
#[inline(always)]
unsafe fn half<const HALF: usize>(bytes: __m256i) -> __m128i {
    // SAFETY: the caller promises AVX2.
    unsafe {
        match HALF {
            0 => _mm256_castsi256_si128(bytes),
            _ => _mm256_extracti128_si256::<1>(bytes),
        }
    }
}

/// The second unit of 128 bits of the first vector for the first of the second.
///
/// # Safety
///
/// AVX2.
#[inline(always)]
unsafe fn exchange_units([a, b]: [__m256i; 2]) -> [__m256i; 2] {
    // SAFETY: the caller promises AVX2.
    unsafe { [_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b)] }
}

/// [`Simd::narrow`], but in each unit of 128 bits the four bytes of each vector's unit.
///
/// # Safety
///
/// AVX2.
#[inline(always)]
pub(crate) unsafe fn narrow_in_units([a, b, c, d]: [__m256i; 4], limits: &ByteLimits<Avx2>) -> __m256i {
    // SAFETY: the caller promises AVX2.
    unsafe {
        let low = _mm256_adds_epi16(_mm256_packs_epi32(a, b), limits.zero_point);
        let high = _mm256_adds_epi16(_mm256_packs_epi32(c, d), limits.zero_point);
        let bytes = _mm256_max_epu8(_mm256_packus_epi16(low, high), limits.low);
        _mm256_xor_si256(bytes, limits.flip)
    }
}
