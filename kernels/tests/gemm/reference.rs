//! The stages by their definitions (`../../src/gemm/stage.rs`), on one accumulator.

use eightbit_kernels::gemm::Stage;

/// The element at row `m`, column `n` for the accumulator `acc`, where `before` was: as the bits of its type.
pub(crate) fn apply(stage: &Stage<'_>, acc: i32, before: i32, m: usize, n: usize) -> i32 {
    match *stage {
        Stage::Accumulators { accumulate } => acc.wrapping_add(if accumulate { before } else { 0 }),
        Stage::Requantize { scale, zero_point, low, high, .. } => {
            let scaled = acc as f32 * scale[n];
            let clamped = scaled.clamp((low - zero_point) as f32, (high - zero_point) as f32);
            clamped.round_ties_even() as i32 + zero_point
        }
        Stage::RequantizeFixed { multiplier, shift, zero_point, low, high, .. } => {
            let shifted = acc.wrapping_shl(shift[n].max(0) as u32);
            let doubled = 2 * i128::from(shifted) * i128::from(multiplier[n]);
            let product = ((doubled + (1 << 31)) >> 32).min(i128::from(i32::MAX));
            let right = (-shift[n]).max(0);
            let half = if right == 0 { 0 } else { 1i128 << (right - 1) };
            let magnitude = (product.abs() + half) >> right;
            let rounded = magnitude * product.signum();
            (rounded as i32).clamp(low - zero_point, high - zero_point) + zero_point
        }
        Stage::Dequantize { scale, row_scale, bias, low, high } => {
            let mut x = acc as f32 * scale[n];
            if let Some(row_scale) = row_scale {
                x *= row_scale[m];
            }
            if let Some(bias) = bias {
                x += bias[n];
            }
            x.clamp(low, high).to_bits().cast_signed()
        }
    }
}
