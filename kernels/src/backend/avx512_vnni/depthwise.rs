//! Depthwise convolution on columns of four taps, 64 channels at a time; a last block is masked.

use core::arch::x86_64::*;

use super::Avx512;
use super::gemm::DotZmm;
use super::simd::first_bytes;
use crate::depthwise::{Interleave, quads_kernel};
use crate::gemm::dot4::Dot4;
use crate::simd::{ByteLimits, Simd};

// Four outputs at a time: sixteen accumulators, and seven weights fit into the other registers.
quads_kernel!(
    DotZmm,
    "avx512f,avx512bw,avx512vl,avx512vnni",
    "taps-i8x4-block64",
    "taps-centred-i8x4-block64",
    outputs: 4
);

// SAFETY: the instructions do what the trait says, on four units of 128 bits; bytes that are masked are not touched.
unsafe impl Interleave for DotZmm {
    const PARTIAL: bool = true;

    #[inline(always)]
    unsafe fn load_bytes(self, p: *const u8, count: usize) -> __m512i {
        // SAFETY: the token, and `count` readable bytes.
        unsafe { _mm512_maskz_loadu_epi8(first_bytes(count), p.cast()) }
    }

    #[inline(always)]
    fn to_quarters(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: the token.
        unsafe {
            let (ab_low, ab_high) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0xee>(a, b));
            let (cd_low, cd_high) = (_mm512_shuffle_i32x4::<0x44>(c, d), _mm512_shuffle_i32x4::<0xee>(c, d));
            [
                _mm512_shuffle_i32x4::<0x88>(ab_low, cd_low),
                _mm512_shuffle_i32x4::<0xdd>(ab_low, cd_low),
                _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high),
                _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high),
            ]
        }
    }

    /// With four units in a vector the transpose is its own inverse.
    #[inline(always)]
    fn to_natural(self, quarters: [__m512i; 4]) -> [__m512i; 4] {
        self.to_quarters(quarters)
    }

    #[inline(always)]
    unsafe fn store_narrow(
        self,
        p: *mut u8,
        quarters: [__m512i; 4],
        limits: &ByteLimits<Avx512>,
        count: usize,
    ) {
        // SAFETY: `count` writable bytes.
        unsafe { self.isa().store_first(p, self.isa().narrow_floats(quarters, limits), count) }
    }
}
