//! What AVX2 and AVX-512 do alike, on vectors of 256 and of 512 bits: their intrinsics differ in the prefix of their names,
//! and the sequences are written once.

use crate::depthwise::Unpack;
use crate::simd::token;

token! {
    /// Vectors of 256 bits, eight lanes.
    pub(crate) Avx2: "AVX2 and FMA";
    /// Vectors of 512 bits, sixteen lanes.
    pub(crate) Avx512: "AVX-512 F, BW, VL and VNNI";
}

/// 2²³: the integers from it to twice it are the floats there.
pub(crate) const EXACT: f32 = 8_388_608.0;

/// Makes a module for each width that has its vectors and intrinsics by the names that both widths share.
macro_rules! widths {
    ($($name:ident: $narrow:ident, $wide:ident;)+) => {
        /// Vectors of 256 bits.
        pub(crate) mod bits256 {
            pub(crate) use core::arch::x86_64::{$($narrow as $name),+};
        }

        /// Vectors of 512 bits.
        pub(crate) mod bits512 {
            pub(crate) use core::arch::x86_64::{$($wide as $name),+};
        }
    };
}

widths! {
    Integers: __m256i, __m512i;
    Floats: __m256, __m512;
    add_epi16: _mm256_add_epi16, _mm512_add_epi16;
    add_epi32: _mm256_add_epi32, _mm512_add_epi32;
    add_epi64: _mm256_add_epi64, _mm512_add_epi64;
    add_ps: _mm256_add_ps, _mm512_add_ps;
    adds_epi16: _mm256_adds_epi16, _mm512_adds_epi16;
    and_si: _mm256_and_si256, _mm512_and_si512;
    castsi_ps: _mm256_castsi256_ps, _mm512_castsi512_ps;
    cvtepi8_epi32: _mm256_cvtepi8_epi32, _mm512_cvtepi8_epi32;
    cvtepi32_ps: _mm256_cvtepi32_ps, _mm512_cvtepi32_ps;
    cvtepu8_epi32: _mm256_cvtepu8_epi32, _mm512_cvtepu8_epi32;
    cvtps_epi32: _mm256_cvtps_epi32, _mm512_cvtps_epi32;
    div_ps: _mm256_div_ps, _mm512_div_ps;
    fmadd_ps: _mm256_fmadd_ps, _mm512_fmadd_ps;
    max_epi32: _mm256_max_epi32, _mm512_max_epi32;
    max_epi8: _mm256_max_epi8, _mm512_max_epi8;
    max_epu8: _mm256_max_epu8, _mm512_max_epu8;
    max_ps: _mm256_max_ps, _mm512_max_ps;
    min_epi32: _mm256_min_epi32, _mm512_min_epi32;
    min_ps: _mm256_min_ps, _mm512_min_ps;
    mul_epi32: _mm256_mul_epi32, _mm512_mul_epi32;
    mul_ps: _mm256_mul_ps, _mm512_mul_ps;
    mullo_epi32: _mm256_mullo_epi32, _mm512_mullo_epi32;
    packs_epi16: _mm256_packs_epi16, _mm512_packs_epi16;
    packs_epi32: _mm256_packs_epi32, _mm512_packs_epi32;
    packus_epi16: _mm256_packus_epi16, _mm512_packus_epi16;
    set1_epi16: _mm256_set1_epi16, _mm512_set1_epi16;
    set1_epi32: _mm256_set1_epi32, _mm512_set1_epi32;
    set1_epi64: _mm256_set1_epi64x, _mm512_set1_epi64;
    set1_epi8: _mm256_set1_epi8, _mm512_set1_epi8;
    set1_ps: _mm256_set1_ps, _mm512_set1_ps;
    setzero_si: _mm256_setzero_si256, _mm512_setzero_si512;
    slli_epi64: _mm256_slli_epi64, _mm512_slli_epi64;
    sllv_epi32: _mm256_sllv_epi32, _mm512_sllv_epi32;
    srav_epi32: _mm256_srav_epi32, _mm512_srav_epi32;
    srli_epi64: _mm256_srli_epi64, _mm512_srli_epi64;
    sub_epi32: _mm256_sub_epi32, _mm512_sub_epi32;
    sub_ps: _mm256_sub_ps, _mm512_sub_ps;
    unpackhi_epi16: _mm256_unpackhi_epi16, _mm512_unpackhi_epi16;
    unpackhi_epi8: _mm256_unpackhi_epi8, _mm512_unpackhi_epi8;
    unpacklo_epi16: _mm256_unpacklo_epi16, _mm512_unpacklo_epi16;
    unpacklo_epi8: _mm256_unpacklo_epi8, _mm512_unpacklo_epi8;
    xor_si: _mm256_xor_si256, _mm512_xor_si512;
}

/// The part of an implementation of [`Simd`](crate::simd::Simd) that is the same for both widths. The token must prove AVX2
/// and FMA for `bits256`, AVX-512 F, BW and VNNI for `bits512`. What differs is given: how bytes from
/// [`narrow_floats`](crate::simd::Simd::narrow_floats) come in order, where vectors were whole and where they were of `u16`s,
/// how NaN becomes zero, how lanes are compared, how `LANES` bytes are loaded, how the lanes of a product are put together, and how two products of
/// `i16`s are added to a lane.
macro_rules! x86_operations {
    (
        $width:ident;
        narrow($lanes:ident) = $narrow:expr;
        narrow_u16x($pairs:ident) = $narrow_u16x:expr;
        nan_to_zero($x:ident) = $nan_to_zero:expr;
        any_greater($first:ident, $second:ident) = $any_greater:expr;
        load_extended($p:ident) = $bytes:expr;
        rounding_doubling_high_mul($even:ident, $odd:ident) = $high:expr;
        dot_pairs($acc:ident, $a:ident, $b:ident) = $dot_pairs:expr;
    ) => {
        type I = $width::Integers;
        type F = $width::Floats;
        type B = $width::Integers;
        type W = $width::Integers;
        const FUSED: bool = true;

        $crate::simd::instructions! {
            (i32) -> Self::I { splat = $width::set1_epi32 }
            (f32) -> Self::F { splat_f = $width::set1_ps }
            (Self::I, Self::I) -> Self::I {
                add = $width::add_epi32,
                sub = $width::sub_epi32,
                mul = $width::mullo_epi32,
                min = $width::min_epi32,
                max = $width::max_epi32,
                xor = $width::xor_si,
                and = $width::and_si,
                shift_right = $width::srav_epi32,
                shift_left = $width::sllv_epi32,
                add_u16x = $width::add_epi16,
            }
            (Self::F, Self::F) -> Self::F {
                add_f = $width::add_ps, sub_f = $width::sub_ps, mul_f = $width::mul_ps, div_f = $width::div_ps
            }
            (Self::F, Self::F, Self::F) -> Self::F { mul_add_f = $width::fmadd_ps }
            (Self::I) -> Self::F { to_f32 = $width::cvtepi32_ps }
            (Self::F) -> Self::I { round = $width::cvtps_epi32 }
        }

        /// Pairs of `i16`s: see [`x86_row_sums`](crate::backend::x86_row_sums).
        #[inline(always)]
        fn subtract_zeros(self, acc: Self::I, zeros: Self::I, sum: i32) -> Self::I {
            self.dot_pairs(acc, zeros, self.splat(sum))
        }

        #[inline(always)]
        fn dot_pairs(self, $acc: Self::I, $a: Self::I, $b: Self::I) -> Self::I {
            // SAFETY: the token.
            unsafe { $dot_pairs }
        }

        #[inline(always)]
        fn min_f(self, a: Self::F, b: Self::F) -> Self::F {
            // SAFETY: the token. The instruction gives its second operand where they are equal.
            unsafe { $width::min_ps(b, a) }
        }

        #[inline(always)]
        fn max_f(self, a: Self::F, b: Self::F) -> Self::F {
            // SAFETY: the token. The instruction gives its second operand where they are equal.
            unsafe { $width::max_ps(b, a) }
        }

        #[inline(always)]
        fn byte_limits(self, range: $crate::byte_range::ByteRange) -> $crate::simd::ByteLimits<Self> {
            // SAFETY: the token.
            unsafe {
                $crate::simd::ByteLimits {
                    zero_point: $width::set1_epi16(range.zero_point),
                    low: $width::set1_epi8(range.low.cast_signed()),
                    flip: $width::set1_epi8(range.flip.cast_signed()),
                }
            }
        }

        /// In each unit of 128 bits the four bytes of each vector's unit.
        #[inline(always)]
        fn narrow_floats(
            self,
            [a, b, c, d]: [Self::I; 4],
            limits: &$crate::simd::ByteLimits<Self>,
        ) -> Self::B {
            // SAFETY: the token.
            unsafe {
                let low = $width::adds_epi16($width::packs_epi32(a, b), limits.zero_point);
                let high = $width::adds_epi16($width::packs_epi32(c, d), limits.zero_point);
                let bytes = $width::max_epu8($width::packus_epi16(low, high), limits.low);
                $width::xor_si(bytes, limits.flip)
            }
        }

        #[inline(always)]
        fn narrow(self, vectors: [Self::I; 4], limits: &$crate::simd::ByteLimits<Self>) -> Self::B {
            let $lanes = self.narrow_floats(vectors, limits);
            // SAFETY: the token.
            unsafe { $narrow }
        }

        #[inline(always)]
        fn narrow_u16x(self, vectors: [Self::I; 4], limits: &$crate::simd::ByteLimits<Self>) -> Self::B {
            let $pairs = self.narrow_floats(vectors, limits);
            // SAFETY: the token.
            unsafe { $narrow_u16x }
        }

        #[inline(always)]
        fn nan_to_zero(self, $x: Self::F) -> Self::F {
            // SAFETY: the token.
            unsafe { $nan_to_zero }
        }

        #[inline(always)]
        fn any_greater(self, $first: Self::F, $second: Self::F) -> bool {
            // SAFETY: the token.
            unsafe { $any_greater }
        }

        #[inline(always)]
        unsafe fn load_extended<const SIGNED: bool>(self, $p: *const u8) -> Self::I {
            // SAFETY: the token, and `LANES` readable bytes.
            unsafe { if SIGNED { $width::cvtepi8_epi32($bytes) } else { $width::cvtepu8_epi32($bytes) } }
        }

        #[inline(always)]
        fn rounding_doubling_high_mul(self, a: Self::I, b: Self::I) -> Self::I {
            // SAFETY: the token.
            unsafe {
                let nudge = $width::set1_epi64(1 << 30);
                let even = $width::add_epi64($width::mul_epi32(a, b), nudge);
                let odd = $width::mul_epi32($width::srli_epi64::<32>(a), $width::srli_epi64::<32>(b));
                let odd = $width::add_epi64(odd, nudge);
                // Bits 31..63 of every sum: of the even lanes to the low half, of the odd ones to the high half.
                let ($even, $odd) = ($width::srli_epi64::<31>(even), $width::slli_epi64::<1>(odd));
                $high
            }
        }

        #[inline(always)]
        fn saturate_floats<const SIGNED: bool>(self, [a, b, c, d]: [Self::I; 4]) -> Self::B {
            // SAFETY: the token.
            unsafe {
                let (low, high) = ($width::packs_epi32(a, b), $width::packs_epi32(c, d));
                if SIGNED { $width::packs_epi16(low, high) } else { $width::packus_epi16(low, high) }
            }
        }

        #[inline(always)]
        fn origin<const SIGNED: bool>(self, zero: i32) -> Self::F {
            self.splat_f($crate::backend::x86::EXACT + zero as f32 + if SIGNED { 128.0 } else { 0.0 })
        }

        #[inline(always)]
        fn max_bytes<const SIGNED: bool>(self, a: Self::B, b: Self::B) -> Self::B {
            // SAFETY: the token.
            unsafe { if SIGNED { $width::max_epi8(a, b) } else { $width::max_epu8(a, b) } }
        }

        /// In each unit of 128 bits eight bytes that are neighbours.
        #[inline(always)]
        fn to_u16x<const SIGNED: bool>(self, bytes: Self::B) -> [Self::W; 2] {
            // SAFETY: the token.
            unsafe {
                let bytes =
                    if SIGNED { $width::xor_si(bytes, $width::set1_epi8(i8::MIN)) } else { bytes };
                let zero = $width::setzero_si();
                [$width::unpacklo_epi8(bytes, zero), $width::unpackhi_epi8(bytes, zero)]
            }
        }

        /// In each unit of 128 bits every vector has four `u16`s that are neighbours.
        #[inline(always)]
        fn u16x_distances(self, [a, b]: [Self::W; 2], origin: Self::F) -> [Self::F; 4] {
            // SAFETY: the token.
            unsafe {
                // Below the exponent of 2²³ an integer is itself in the mantissa.
                let exponent = $width::set1_epi16(($crate::backend::x86::EXACT.to_bits() >> 16) as i16);
                let vectors = [
                    $width::unpacklo_epi16(a, exponent),
                    $width::unpackhi_epi16(a, exponent),
                    $width::unpacklo_epi16(b, exponent),
                    $width::unpackhi_epi16(b, exponent),
                ];
                $crate::simd::array_of!(4, v => $width::sub_ps($width::castsi_ps(vectors[v]), origin))
            }
        }
    };
}
pub(crate) use x86_operations;

/// Implements [`Unpack`] for the tokens of both widths.
macro_rules! unpack {
    ($($token:ty: $width:ident;)+) => {$(
        impl Unpack for $token {
            #[inline(always)]
            fn unpack_bytes(self, a: Self::I, b: Self::I) -> [Self::I; 2] {
                // SAFETY: the token.
                unsafe { [$width::unpacklo_epi8(a, b), $width::unpackhi_epi8(a, b)] }
            }

            #[inline(always)]
            fn unpack_pairs(self, a: Self::I, b: Self::I) -> [Self::I; 2] {
                // SAFETY: the token.
                unsafe { [$width::unpacklo_epi16(a, b), $width::unpackhi_epi16(a, b)] }
            }
        }
    )+};
}

unpack! {
    Avx2: bits256;
    Avx512: bits512;
}
