//! From accumulators in registers to the output, written once for every ISA.

use core::ptr;

use super::{RawStage, Tile};
use crate::simd::Simd;

/// Repeats a block for row 0, 1, … 15, with the row's number as a constant, while it is below `$rows`: accumulators
/// that are indexed by constants stay in registers, which a loop does not promise.
macro_rules! for_each_row {
    ($rows:expr, $r:ident => $body:block) => {
        for_each_row!(@ $rows, $r, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $rows:expr, $r:ident, $body:block, $($n:literal)*) => {
        $( if $n < $rows { const $r: usize = $n; $body } )*
    };
}
pub(crate) use for_each_row;

/// Runs a block for every row that is to be stored, with its number, its accumulators and the number of its columns. Of a
/// whole tile the accumulators stay in registers and the columns are a constant; those of a partial one, which is rare or
/// small, go through memory, in a loop that takes little code.
macro_rules! each_row {
    ($S:ident, $R:ident, $V:ident, $tile:ident, $acc:ident, ($r:ident, $row:ident, $columns:ident) => $body:block) => {
        if $tile.rows == $R && $tile.columns == $V * $S::LANES {
            let $columns = $V * $S::LANES;
            for_each_row!($R, ROW => {
                let ($r, $row) = (ROW, $acc[ROW]);
                $body
            });
        } else {
            let $columns = $tile.columns;
            let memory = $acc;
            for ($r, &$row) in memory.iter().enumerate().take($tile.rows) {
                $body
            }
        }
    };
}

/// Takes the accumulators of a tile (without the initial ones) through its stage and stores them.
///
/// `V` vectors make a row of the tile: `panels · PANEL / S::LANES`.
///
/// # Safety
///
/// As [`TileFn`](super::TileFn): the features of `S`, and the tile's pointers.
#[inline(always)]
pub(crate) unsafe fn finish<S: Simd, const R: usize, const V: usize>(mut acc: [[S::I; V]; R], tile: &Tile) {
    // SAFETY: the tile has V·LANES = P·PANEL initial accumulators and weight zeros, R row sums, and as many scales and
    // biases; output is addressed within `rows` and `columns` only (see `put`).
    unsafe {
        if !tile.weight_zeros.is_null() {
            let mut zeros = [S::splat(0); V];
            for (v, zero) in zeros.iter_mut().enumerate() {
                *zero = S::load(tile.weight_zeros.add(v * S::LANES));
            }
            for_each_row!(R, ROW => {
                let sum = S::splat(*tile.row_sums.add(ROW));
                for v in 0..V {
                    acc[ROW][v] = S::sub(acc[ROW][v], S::mul(zeros[v], sum));
                }
            });
        }
        match tile.stage {
            RawStage::Accumulators { accumulate } => each_row!(S, R, V, tile, acc, (r, row, columns) => {
                put_i32::<S, V>(row, tile.out.add(r * tile.out_stride).cast(), columns, accumulate);
            }),
            RawStage::Requantize { scale, low, high, zero_point } => {
                let (low, high, zero_point) = (S::splat_f(low), S::splat_f(high), S::splat(zero_point));
                let mut scales = [low; V];
                for (v, x) in scales.iter_mut().enumerate() {
                    *x = S::load_f(scale.add(v * S::LANES));
                }
                each_row!(S, R, V, tile, acc, (r, row, columns) => {
                    let mut row = row;
                    for v in 0..V {
                        let scaled = S::mul_f(S::to_f32(row[v]), scales[v]);
                        row[v] = S::add(S::round(S::min_f(S::max_f(scaled, low), high)), zero_point);
                    }
                    put_bytes::<S, V>(row, tile.out.add(r * tile.out_stride), columns);
                });
            }
            RawStage::RequantizeFixed { multiplier, shift, low, high, zero_point } => {
                let (low, high, zero_point) = (S::splat(low), S::splat(high), S::splat(zero_point));
                each_row!(S, R, V, tile, acc, (r, row, columns) => {
                    let mut row = row;
                    for (v, x) in row.iter_mut().enumerate() {
                        let shift = S::load(shift.add(v * S::LANES));
                        let none = S::splat(0);
                        let shifted = S::shift_left(*x, S::max(shift, none));
                        let product = S::rounding_doubling_high_mul(shifted, S::load(multiplier.add(v * S::LANES)));
                        let scaled = S::rounding_shift_right(product, S::max(S::sub(none, shift), none));
                        *x = S::add(S::min(S::max(scaled, low), high), zero_point);
                    }
                    put_bytes::<S, V>(row, tile.out.add(r * tile.out_stride), columns);
                });
            }
            RawStage::Dequantize { scale, row_scale, bias, low, high } => {
                let (low, high) = (S::splat_f(low), S::splat_f(high));
                each_row!(S, R, V, tile, acc, (r, row, columns) => {
                    let mut real = [low; V];
                    for (v, y) in real.iter_mut().enumerate() {
                        *y = S::mul_f(S::to_f32(row[v]), S::load_f(scale.add(v * S::LANES)));
                        if !row_scale.is_null() {
                            *y = S::mul_f(*y, S::splat_f(*row_scale.add(r)));
                        }
                        if !bias.is_null() {
                            *y = S::add_f(*y, S::load_f(bias.add(v * S::LANES)));
                        }
                        *y = S::min_f(S::max_f(*y, low), high);
                    }
                    put_f32::<S, V>(real, tile.out.add(r * tile.out_stride).cast(), columns);
                });
            }
        }
    }
}

/// The widest row of a tile, in columns.
const MAX_COLUMNS: usize = 128;

/// # Safety
///
/// `out` is valid for `columns ≤ V·LANES` writes (and reads, to accumulate).
#[inline(always)]
unsafe fn put_i32<S: Simd, const V: usize>(row: [S::I; V], out: *mut i32, columns: usize, accumulate: bool) {
    // SAFETY: whole vectors are touched only where `columns` covers them; the rest goes through `buffer`, which holds
    // every vector of a row.
    unsafe {
        if columns == V * S::LANES {
            for (v, x) in row.into_iter().enumerate() {
                let at = out.add(v * S::LANES);
                S::store(at, if accumulate { S::add(x, S::load(at)) } else { x });
            }
        } else {
            let mut buffer = [0i32; MAX_COLUMNS];
            for (v, x) in row.into_iter().enumerate() {
                S::store(buffer.as_mut_ptr().add(v * S::LANES), x);
            }
            for (column, x) in buffer[..columns].iter().enumerate() {
                let at = out.add(column);
                *at = if accumulate { x.wrapping_add(*at) } else { *x };
            }
        }
    }
}

/// # Safety
///
/// `out` is valid for `columns ≤ V·LANES` writes.
#[inline(always)]
unsafe fn put_bytes<S: Simd, const V: usize>(row: [S::I; V], out: *mut u8, columns: usize) {
    // SAFETY: as in `put_i32`.
    unsafe {
        if columns == V * S::LANES {
            for (v, x) in row.into_iter().enumerate() {
                S::store_low_bytes(out.add(v * S::LANES), x);
            }
        } else {
            let mut buffer = [0u8; MAX_COLUMNS];
            for (v, x) in row.into_iter().enumerate() {
                S::store_low_bytes(buffer.as_mut_ptr().add(v * S::LANES), x);
            }
            ptr::copy_nonoverlapping(buffer.as_ptr(), out, columns);
        }
    }
}

/// # Safety
///
/// `out` is valid for `columns ≤ V·LANES` writes.
#[inline(always)]
unsafe fn put_f32<S: Simd, const V: usize>(row: [S::F; V], out: *mut f32, columns: usize) {
    // SAFETY: as in `put_i32`.
    unsafe {
        if columns == V * S::LANES {
            for (v, x) in row.into_iter().enumerate() {
                S::store_f(out.add(v * S::LANES), x);
            }
        } else {
            let mut buffer = [0f32; MAX_COLUMNS];
            for (v, x) in row.into_iter().enumerate() {
                S::store_f(buffer.as_mut_ptr().add(v * S::LANES), x);
            }
            ptr::copy_nonoverlapping(buffer.as_ptr(), out, columns);
        }
    }
}
