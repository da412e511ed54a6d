//! From accumulators in registers to the output, written once for every ISA.

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

/// Narrows the integers that a block makes of accumulators `x` of vector `v`, and stores them. Of a whole tile, four vectors
/// at a time, in the order of its rows; of a partial one as in [`each_row`].
macro_rules! put_bytes {
    ($S:ident, $R:ident, $V:ident, $tile:ident, $acc:ident, $limits:ident, ($x:ident, $v:ident) => $integer:expr) => {
        if $tile.rows == $R && $tile.columns == $V * $S::LANES {
            for_each_row!(($R * $V).div_ceil(4), GROUP => {
                let mut group = [$S::splat(0); 4];
                for (i, y) in group.iter_mut().enumerate() {
                    // Past the last vector of the tile, that one again.
                    let i = if 4 * GROUP + i < $R * $V { 4 * GROUP + i } else { $R * $V - 1 };
                    let ($x, $v) = ($acc[i / $V][i % $V], i % $V);
                    *y = $integer;
                }
                store_group::<$S, $R, $V>($S::narrow(group, &$limits), $tile, 4 * GROUP);
            });
        } else {
            let memory = $acc;
            for (r, row) in memory.iter().enumerate().take($tile.rows) {
                for first in (0..$V).step_by(4) {
                    let mut group = [$S::splat(0); 4];
                    for (i, y) in group.iter_mut().enumerate() {
                        let $v = (first + i).min($V - 1);
                        let $x = row[$v];
                        *y = $integer;
                    }
                    let column = first * $S::LANES;
                    let out = $tile.out_row(r).wrapping_add(column);
                    let count = $tile.columns.saturating_sub(column).min(4 * $S::LANES);
                    $S::store_first(out, $S::narrow(group, &$limits), count);
                }
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
                put_i32::<S, V>(row, tile.out_row(r).cast(), columns, accumulate);
            }),
            RawStage::Requantize { scale, high, range } => {
                let (high, limits) = (S::splat_f(high), S::byte_limits(range));
                let mut scales = [high; V];
                for (v, x) in scales.iter_mut().enumerate() {
                    *x = S::load_f(scale.add(v * S::LANES));
                }
                put_bytes!(S, R, V, tile, acc, limits, (x, v) => {
                    S::round(S::min_f(S::mul_f(S::to_f32(x), scales[v]), high))
                });
            }
            RawStage::RequantizeFixed { multiplier, shift, high, range } => {
                let (high, limits) = (S::splat(high), S::byte_limits(range));
                put_bytes!(S, R, V, tile, acc, limits, (x, v) => {
                    let shift = S::load(shift.add(v * S::LANES));
                    let none = S::splat(0);
                    let shifted = S::shift_left(x, S::max(shift, none));
                    let product = S::rounding_doubling_high_mul(shifted, S::load(multiplier.add(v * S::LANES)));
                    S::min(S::rounding_shift_right(product, S::max(S::sub(none, shift), none)), high)
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
                    put_f32::<S, V>(real, tile.out_row(r).cast(), columns);
                });
            }
        }
    }
}

/// Stores the bytes of four vectors of a whole tile, from vector `first` in the order of its rows on.
///
/// # Safety
///
/// The features of `S`; `tile.out` is valid for writes of all rows and columns.
#[inline(always)]
unsafe fn store_group<S: Simd, const R: usize, const V: usize>(bytes: S::B, tile: &Tile, first: usize) {
    // SAFETY: vectors below R·V are inside the tile, and as many as are stored at a time lie in one row.
    unsafe {
        let at = |vector: usize| tile.out_row(vector / V).add(vector % V * S::LANES);
        if V.is_multiple_of(4) {
            S::store_bytes(at(first), bytes);
        } else if V.is_multiple_of(2) {
            S::store_half::<0>(at(first), bytes);
            if first + 2 < R * V {
                S::store_half::<1>(at(first + 2), bytes);
            }
        } else {
            S::store_quarter::<0>(at(first), bytes);
            if first + 1 < R * V {
                S::store_quarter::<1>(at(first + 1), bytes);
            }
            if first + 2 < R * V {
                S::store_quarter::<2>(at(first + 2), bytes);
            }
            if first + 3 < R * V {
                S::store_quarter::<3>(at(first + 3), bytes);
            }
        }
    }
}

/// # Safety
///
/// `out` is valid for `columns ≤ V·LANES` writes (and reads, to accumulate).
#[inline(always)]
unsafe fn put_i32<S: Simd, const V: usize>(row: [S::I; V], out: *mut i32, columns: usize, accumulate: bool) {
    // SAFETY: vectors are touched only as far as `columns` covers them.
    unsafe {
        for (v, x) in row.into_iter().enumerate() {
            let at = out.add(v * S::LANES);
            let count = columns.saturating_sub(v * S::LANES);
            if count >= S::LANES {
                S::store(at, if accumulate { S::add(x, S::load(at)) } else { x });
            } else if count > 0 {
                S::store_some(at, if accumulate { S::add(x, S::load_some(at, count)) } else { x }, count);
            }
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
        for (v, x) in row.into_iter().enumerate() {
            let at = out.add(v * S::LANES);
            let count = columns.saturating_sub(v * S::LANES);
            if count >= S::LANES {
                S::store_f(at, x);
            } else if count > 0 {
                S::store_some(at.cast(), S::to_bits(x), count);
            }
        }
    }
}
