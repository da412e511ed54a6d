//! Depthwise convolution on `SDOT`: a 32-bit lane holds four vertical taps of its channel.
//!
//! The bytes of four rows are interleaved by eight `ZIP`s for sixteen channels, and then one `SDOT` for each four of
//! them multiplies a whole column of taps. In a 3×3 kernel a column of the input that is interleaved once serves all
//! outputs that see it.

use core::arch::aarch64::*;

use super::gemm::dot_bytes;
use crate::backend::neon::Neon;
use crate::depthwise::{Columns, DepthwiseKernel, Row};
use crate::gemm::{finish, for_each_row};

pub(crate) static KERNEL: DepthwiseKernel = DepthwiseKernel {
    offsets: [-128, 0],
    ..DepthwiseKernel::new("taps-i8x4-block16", BLOCK, 4, [row::<0x80>, row::<0>])
};

/// Channels of a block.
const BLOCK: usize = 16;
/// Vectors of four channels in a block.
const V: usize = BLOCK / 4;
/// Bytes of weights for four rows of taps.
const GROUP_BYTES: usize = 4 * BLOCK;
/// Outputs computed together: with three or four, the weights of a 3×3 kernel no longer fit beside the accumulators.
const OUTPUTS: usize = 2;

/// Computes a [`Row`]; activations are signed after `FLIP` is XORed to them.
///
/// # Safety
///
/// As [`RowFn`](crate::depthwise::RowFn): NEON and its dot product, and the row's pointers.
#[target_feature(enable = "neon,dotprod")]
unsafe fn row<const FLIP: u8>(call: &Row) {
    let square = call.kernel == [3, 3] && call.dilation == 1;
    let mut x = 0;
    while x + OUTPUTS <= call.outputs {
        // SAFETY: the features; outputs `x..x + OUTPUTS` exist; the kernel and the stride are as the function wants.
        unsafe {
            match call.stride {
                1 if square => outputs_3x3::<1, FLIP>(call, x),
                2 if square => outputs_3x3::<2, FLIP>(call, x),
                _ => outputs::<OUTPUTS, FLIP>(call, x),
            }
        }
        x += OUTPUTS;
    }
    while x < call.outputs {
        // SAFETY: the features; output `x` exists.
        unsafe { outputs::<1, FLIP>(call, x) };
        x += 1;
    }
}

/// Computes the outputs `x..x + X` of any kernel.
///
/// # Safety
///
/// As [`row`]; the outputs exist.
#[inline(always)]
unsafe fn outputs<const X: usize, const FLIP: u8>(call: &Row, x: usize) {
    // SAFETY: a block is whole (`last_overlaps`), so sixteen channels can be read at every tap and written at every
    // output; weights hold GROUP_BYTES for every column and four rows of the kernel.
    unsafe {
        let mut acc = [initial(call); X];
        let mut weights = call.weights;
        let mut column = call.column + (x * call.stride).cast_signed();
        let height = call.kernel[0];
        for _ in 0..call.kernel[1] {
            for ky in (0..height).step_by(4) {
                // Rows past the last are multiplied by zero weights: any row will do.
                let rows = [ky, ky + 1, ky + 2, ky + 3].map(|ky| ky.min(height - 1));
                let at = rows.map(|ky| call.taps::<X>(ky, column));
                let taps = load_weights(weights);
                weights = weights.add(GROUP_BYTES);
                for_each_row!(X, OUTPUT => {
                    let bytes = interleave::<FLIP>(at.map(|row| row[OUTPUT]));
                    multiply(&mut acc[OUTPUT], &taps, &bytes);
                });
            }
            column += call.dilation.cast_signed();
        }
        finish(Neon::new(), acc, &call.tile::<X>(x, &call.output_offsets()));
    }
}

/// Columns of the input that [`OUTPUTS`] outputs of a 3×3 kernel see.
const fn seen(stride: usize) -> usize {
    (OUTPUTS - 1) * stride + 3
}

/// Computes the outputs `x..x + OUTPUTS` of a 3×3 kernel without dilation.
///
/// # Safety
///
/// As [`row`]; the outputs exist, the kernel is 3×3, its stride `S` and its dilation 1.
#[inline(always)]
unsafe fn outputs_3x3<const S: usize, const FLIP: u8>(call: &Row, x: usize) {
    // SAFETY: as in `outputs`; weights hold GROUP_BYTES for each of the three columns.
    unsafe {
        let mut acc = [initial(call); OUTPUTS];
        let taps = [0, 1, 2].map(|kx| load_weights(call.weights.add(kx * GROUP_BYTES)));
        let first = call.column + (x * S).cast_signed();
        let mut columns = Columns::<3>::new(&Row { column: first, ..*call });
        for_each_row!(seen(S), COLUMN => {
            // A fourth row is multiplied by zero weights: any row will do.
            let [top, middle, bottom] = columns.next();
            let bytes = interleave::<FLIP>([top, middle, bottom, bottom]);
            for_each_row!(3, KX => {
                let distance = COLUMN.wrapping_sub(KX);
                if distance % S == 0 && distance / S < OUTPUTS {
                    multiply(&mut acc[distance / S], &taps[KX], &bytes);
                }
            });
        });
        finish(Neon::new(), acc, &call.tile::<OUTPUTS>(x, &call.output_offsets()));
    }
}

/// # Safety
///
/// NEON; the row's initial accumulators are a block.
#[inline(always)]
unsafe fn initial(call: &Row) -> [int32x4_t; V] {
    // SAFETY: four vectors are a block.
    [0, 1, 2, 3].map(|v| unsafe { vld1q_s32(call.init.add(4 * v)) })
}

/// # Safety
///
/// NEON; `GROUP_BYTES` readable bytes.
#[inline(always)]
unsafe fn load_weights(at: *const u8) -> [int8x16_t; V] {
    // SAFETY: four vectors are GROUP_BYTES.
    [0, 1, 2, 3].map(|v| unsafe { vld1q_s8(at.add(16 * v).cast()) })
}

/// Four vectors of four channels, each with its bytes of four rows.
///
/// # Safety
///
/// NEON; each address has sixteen readable bytes.
#[inline(always)]
unsafe fn interleave<const FLIP: u8>(rows: [*const u8; 4]) -> [int8x16_t; V] {
    // SAFETY: as the caller promises.
    unsafe {
        let [a, b, c, d] = rows.map(|row| veorq_u8(vld1q_u8(row), vdupq_n_u8(FLIP)));
        let (ab, cd) = ([vzip1q_u8(a, b), vzip2q_u8(a, b)], [vzip1q_u8(c, d), vzip2q_u8(c, d)]);
        let pair = |x: uint8x16_t| vreinterpretq_u16_u8(x);
        let quads = [
            vzip1q_u16(pair(ab[0]), pair(cd[0])),
            vzip2q_u16(pair(ab[0]), pair(cd[0])),
            vzip1q_u16(pair(ab[1]), pair(cd[1])),
            vzip2q_u16(pair(ab[1]), pair(cd[1])),
        ];
        quads.map(|x| vreinterpretq_s8_u16(x))
    }
}

/// # Safety
///
/// The dot product.
#[inline(always)]
unsafe fn multiply(acc: &mut [int32x4_t; V], taps: &[int8x16_t; V], bytes: &[int8x16_t; V]) {
    for_each_row!(V, VECTOR => {
        // SAFETY: the dot product, as the caller promises.
        acc[VECTOR] = unsafe { dot_bytes(acc[VECTOR], taps[VECTOR], bytes[VECTOR]) };
    });
}
