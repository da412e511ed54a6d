//! Depthwise convolution on columns of four taps, 32 channels at a time.

use core::arch::x86_64::*;

use super::gemm::DotYmm;
use crate::backend::avx2::Avx2;
use crate::depthwise::{Interleave, quads_kernel};
use crate::gemm::dot4::Dot4;
use crate::simd::{ByteLimits, Simd};

// Two outputs at a time: eight accumulators, and five weights fit into the other registers.
quads_kernel!(DotYmm, "avx2,avxvnni", "taps-i8x4-block32", "taps-centred-i8x4-block32", outputs: 2);

// SAFETY: the instructions do what the trait says, on two units of 128 bits.
unsafe impl Interleave for DotYmm {
    const PARTIAL: bool = false;

    #[inline(always)]
    unsafe fn load_bytes(self, p: *const u8, _: usize) -> __m256i {
        // SAFETY: as blocks are never partial, 32 readable bytes.
        unsafe { self.isa().read_bytes(p) }
    }

    #[inline(always)]
    fn to_quarters(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        let [first, second] = self.isa().exchange_units([a, c]);
        let [third, fourth] = self.isa().exchange_units([b, d]);
        [first, second, third, fourth]
    }

    #[inline(always)]
    fn to_natural(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        let [first, third] = self.isa().exchange_units([a, b]);
        let [second, fourth] = self.isa().exchange_units([c, d]);
        [first, second, third, fourth]
    }

    #[inline(always)]
    unsafe fn store_narrow(self, p: *mut u8, quarters: [__m256i; 4], limits: &ByteLimits<Avx2>, _: usize) {
        // SAFETY: as blocks are never partial, 32 writable bytes.
        unsafe { self.isa().store_bytes(p, self.isa().narrow_floats(quarters, limits)) }
    }
}
