//! Depthwise convolution on `SMLAL`: activations and weights widened to 16 bits, eight channels at a time.
//!
//! Weights come in vertical pairs, as x86 multiplies them; one `LD2` parts a pair into two rows of taps, which serve
//! four neighbouring outputs.

use core::arch::aarch64::*;

use super::Neon;
use crate::depthwise::{DepthwiseKernel, Row};
use crate::gemm::{finish, for_each_row};
use crate::simd::Simd;

pub(crate) static KERNEL: DepthwiseKernel =
    DepthwiseKernel::new("taps-i16x2-block8", BLOCK, 2, [row::<false>, row::<true>]);

/// Channels of a block.
const BLOCK: usize = 8;

/// Computes a [`Row`].
///
/// # Safety
///
/// As [`RowFn`](crate::depthwise::RowFn): NEON, and the row's pointers.
#[target_feature(enable = "neon")]
unsafe fn row<const SIGNED: bool>(call: &Row) {
    let mut x = 0;
    while x + 4 <= call.outputs {
        // SAFETY: NEON; outputs `x..x + 4` exist.
        unsafe { outputs::<4, SIGNED>(call, x) };
        x += 4;
    }
    while x < call.outputs {
        // SAFETY: NEON; output `x` exists.
        unsafe { outputs::<1, SIGNED>(call, x) };
        x += 1;
    }
}

/// Computes the outputs `x..x + X`.
///
/// # Safety
///
/// As [`row`]; the outputs exist.
#[inline(always)]
unsafe fn outputs<const X: usize, const SIGNED: bool>(call: &Row, x: usize) {
    // SAFETY: a block is whole (`last_overlaps`), so eight channels can be read at every tap and written at every output;
    // weights hold `2 · BLOCK` `i16`s for every column and pair of rows of the kernel.
    unsafe {
        let isa = Neon::new();
        let mut acc = [[isa.load(call.init), isa.load(call.init.add(4))]; X];
        let mut weights = call.weights.cast::<i16>();
        let mut column = call.column + (x * call.stride).cast_signed();
        for _ in 0..call.kernel[1] {
            for ky in (0..call.kernel[0]).step_by(2) {
                let int16x8x2_t(upper, lower) = vld2q_s16(weights);
                weights = weights.add(2 * BLOCK);
                multiply::<X, SIGNED>(&mut acc, call, ky, column, upper);
                if ky + 1 < call.kernel[0] {
                    multiply::<X, SIGNED>(&mut acc, call, ky + 1, column, lower);
                }
            }
            column += call.dilation.cast_signed();
        }
        finish(isa, acc, &call.tile::<X>(x, &call.output_offsets()));
    }
}

/// Multiplies the tap of kernel row `ky` that falls on `column` for the first of the outputs.
///
/// # Safety
///
/// As [`outputs`]; `ky` and `column` are a tap's.
#[inline(always)]
unsafe fn multiply<const X: usize, const SIGNED: bool>(
    acc: &mut [[int32x4_t; 2]; X],
    call: &Row,
    ky: usize,
    column: isize,
    weights: int16x8_t,
) {
    // SAFETY: taps of a whole block are eight readable bytes; columns inside the image are `step` bytes apart.
    unsafe {
        let at = call.taps::<X>(ky, column);
        for_each_row!(X, OUTPUT => {
            let bytes = vld1_u8(at[OUTPUT]);
            let widened = if SIGNED {
                vmovl_s8(vreinterpret_s8_u8(bytes))
            } else {
                vreinterpretq_s16_u16(vmovl_u8(bytes))
            };
            let [low, high] = &mut acc[OUTPUT];
            *low = vmlal_s16(*low, vget_low_s16(widened), vget_low_s16(weights));
            *high = vmlal_high_s16(*high, widened, weights);
        });
    }
}
