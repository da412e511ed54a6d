//! From accumulators in registers to the output, written once for every ISA.

use crate::gemm::{PANEL, RawStage, RowSums, Tile};
use crate::simd::{ByteLimits, Simd, copy_short};

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

/// Stores the result of a block for the vector `$x` of accumulators in memory, in row `$row` from `$column` on: 32-bit lanes.
macro_rules! put_lanes {
    (
        $isa:ident: $S:ident, $tile:ident, $acc:ident, $vectors:ident, $accumulate:expr,
        ($x:ident, $row:ident, $column:ident) => $lanes:block
    ) => {
        for $row in 0..$tile.rows {
            let out = $tile.out_row($row).cast::<i32>();
            for v in 0..$vectors {
                let $column = v * $S::LANES;
                let $x = $isa.load($acc.add($row * $vectors * $S::LANES + $column));
                let lanes = $lanes;
                let count = $tile.columns.saturating_sub($column).min($S::LANES);
                put_i32($isa, lanes, out.wrapping_add($column), count, $accumulate);
            }
        }
    };
}

/// Takes the accumulators of a tile (without the initial ones) through its stage and stores them. Those of a whole tile
/// stay in registers; those of a partial one, and of fixed-point arithmetic, go through memory, in a loop that takes
/// little code.
///
/// `V` vectors make a row of the tile: `panels · PANEL / S::LANES`, or fewer that hold all columns to be stored.
///
/// # Safety
///
/// The tile's pointers are valid as its description says.
#[inline(always)]
pub(crate) unsafe fn finish<S: Simd, const R: usize, const V: usize>(
    isa: S,
    mut acc: [[S::I; V]; R],
    tile: &Tile,
) {
    // SAFETY: the tile has V·LANES initial accumulators or more, weight zeros and sums of weights, R row sums, zero points of the rows to
    // store, and V·LANES scales and biases or more; of a whole tile all of the output is addressed, of others what `in_memory` addresses.
    unsafe {
        if !tile.weight_zeros.is_null() {
            if tile.has_plain_sums() {
                let mut memory = acc;
                subtract_zeros(memory.as_mut_ptr().cast(), R, V * S::LANES, tile);
                acc = memory;
            } else {
                let mut zeros = [isa.splat(0); V];
                for (v, zero) in zeros.iter_mut().enumerate() {
                    *zero = isa.load(tile.weight_zeros.add(v * S::LANES));
                }
                for_each_row!(R, ROW => {
                    let sum = *tile.row_sums.add(ROW);
                    for v in 0..V {
                        acc[ROW][v] = isa.subtract_zeros(acc[ROW][v], zeros[v], sum);
                    }
                });
            }
        }
        if !tile.zeros.of_rows.is_null() {
            let mut sums = [isa.splat(0); V];
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = isa.load(tile.zeros.sums.add(v * S::LANES));
            }
            for_each_row!(R, ROW => {
                // Rows past the last one repeat it.
                let zero = *tile.zeros.of_rows.add(if ROW < tile.rows { ROW } else { tile.rows - 1 });
                let zero = isa.splat(zero.wrapping_sub(tile.zeros.of_init));
                for v in 0..V {
                    acc[ROW][v] = isa.sub(acc[ROW][v], isa.mul(sums[v], zero));
                }
            });
        }
        let whole = tile.rows == R && tile.columns == V * S::LANES;
        match tile.stage {
            RawStage::Accumulators { accumulate } if whole => {
                if accumulate {
                    for_each_row!(R, ROW => {
                        let out = tile.out_row(ROW).cast::<i32>();
                        for (v, x) in acc[ROW].iter_mut().enumerate() {
                            *x = isa.add(*x, isa.load(out.add(v * S::LANES)));
                        }
                    });
                }
                for_each_row!(R, ROW => {
                    let out = tile.out_row(ROW).cast::<i32>();
                    for (v, &x) in acc[ROW].iter().enumerate() {
                        isa.store(out.add(v * S::LANES), x);
                    }
                });
            }
            RawStage::Requantize { scale, high, range } if whole => {
                let mut scales = [isa.splat_f(high); V];
                for (v, x) in scales.iter_mut().enumerate() {
                    *x = isa.load_f(scale.add(v * S::LANES));
                }
                let limits = isa.byte_limits(range);
                if R * V > 1 && range.saturates(high) && are_below_one(isa, &scales) {
                    put_requantized::<S, R, V>(isa, &acc, &scales, None, &limits, tile);
                } else {
                    put_requantized::<S, R, V>(isa, &acc, &scales, Some(isa.splat_f(high)), &limits, tile);
                }
            }
            RawStage::Dequantize { scale, row_scale, bias, low, high } if whole => {
                let (low, high) = (isa.splat_f(low), isa.splat_f(high));
                for_each_row!(R, ROW => {
                    let mut real = [low; V];
                    for (v, y) in real.iter_mut().enumerate() {
                        *y = isa.mul_f(isa.to_f32(acc[ROW][v]), isa.load_f(scale.add(v * S::LANES)));
                    }
                    if !row_scale.is_null() {
                        let factor = isa.splat_f(*row_scale.add(ROW));
                        for y in &mut real {
                            *y = isa.mul_f(*y, factor);
                        }
                    }
                    if !bias.is_null() {
                        for (v, y) in real.iter_mut().enumerate() {
                            *y = isa.add_f(*y, isa.load_f(bias.add(v * S::LANES)));
                        }
                    }
                    let out = tile.out_row(ROW).cast::<f32>();
                    for (v, &y) in real.iter().enumerate() {
                        isa.store_f(out.add(v * S::LANES), isa.min_f(isa.max_f(y, low), high));
                    }
                });
            }
            _ => {
                let memory = acc;
                isa.finish_in_memory(memory.as_ptr().cast(), V, tile);
            }
        }
    }
}

/// Requantizes the accumulators of a whole tile, and stores them.
///
/// # Safety
///
/// As [`finish`].
#[inline(always)]
unsafe fn put_requantized<S: Simd, const R: usize, const V: usize>(
    isa: S,
    acc: &[[S::I; V]; R],
    scales: &[S::F; V],
    high: Option<S::F>,
    limits: &ByteLimits<S>,
    tile: &Tile,
) {
    // Four vectors at a time, in the order of the tile's rows.
    for_each_row!((R * V).div_ceil(4), GROUP => {
        let mut group = [isa.splat(0); 4];
        for (i, y) in group.iter_mut().enumerate() {
            // Vectors past the last one of the tile repeat it.
            let i = if 4 * GROUP + i < R * V { 4 * GROUP + i } else { R * V - 1 };
            let (x, scale) = (acc[i / V][i % V], scales[i % V]);
            *y = match high {
                Some(high) => requantize(isa, x, scale, high),
                None => requantize_saturating(isa, x, scale),
            };
        }
        // SAFETY: the caller's promise.
        unsafe { store_group::<S, R, V>(isa, isa.narrow(group, limits), tile, 4 * GROUP) };
    });
}

/// Subtracts what weights with zero points have too much, in sums of any size.
///
/// # Safety
///
/// `acc` is valid for `rows` rows of `columns` accumulators, and the tile has zero points and sums for them.
#[cold]
#[inline(never)]
unsafe fn subtract_zeros(acc: *mut i32, rows: usize, columns: usize, tile: &Tile) {
    for row in 0..rows {
        for column in 0..columns {
            // SAFETY: the caller's promises.
            unsafe {
                let zero = RowSums::zero_point(*tile.weight_zeros.add(column));
                let x = acc.add(row * columns + column);
                *x = (*x).wrapping_sub(zero.wrapping_mul(*tile.row_sums.add(row)));
            }
        }
    }
}

/// As [`finish`], of accumulators in memory, `vectors` vectors a row: what has no registers for a whole tile.
///
/// # Safety
///
/// As [`finish`]; `acc` is valid for the tile's rows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn finish_sums<S: Simd>(isa: S, acc: *mut i32, vectors: usize, tile: &Tile) {
    // SAFETY: the tile has `vectors · LANES` weight zeros and sums of weights or more, and sums and zero points of the rows to store.
    unsafe {
        if !tile.weight_zeros.is_null() && tile.has_plain_sums() {
            subtract_zeros(acc, tile.rows, vectors * S::LANES, tile);
        } else if !tile.weight_zeros.is_null() {
            for row in 0..tile.rows {
                let sum = *tile.row_sums.add(row);
                for column in (0..vectors * S::LANES).step_by(S::LANES) {
                    let x = acc.add(row * vectors * S::LANES + column);
                    isa.store(
                        x,
                        isa.subtract_zeros(isa.load(x), isa.load(tile.weight_zeros.add(column)), sum),
                    );
                }
            }
        }
        if !tile.zeros.of_rows.is_null() {
            for row in 0..tile.rows {
                let zero = (*tile.zeros.of_rows.add(row)).wrapping_sub(tile.zeros.of_init);
                for column in (0..vectors * S::LANES).step_by(S::LANES) {
                    let x = acc.add(row * vectors * S::LANES + column);
                    let sums = isa.load(tile.zeros.sums.add(column));
                    isa.store(x, isa.sub(isa.load(x), isa.mul(sums, isa.splat(zero))));
                }
            }
        }
        isa.finish_in_memory(acc, vectors, tile);
    }
}

/// Takes accumulators in memory, `vectors` vectors a row, through the tile's stage and stores them: for any stage and any
/// number of rows and columns.
///
/// # Safety
///
/// As [`finish`]; `acc` is valid for the tile's rows.
#[inline(always)]
pub(crate) unsafe fn in_memory<S: Simd>(isa: S, acc: *const i32, vectors: usize, tile: &Tile) {
    // SAFETY: the caller's promises.
    unsafe {
        // Most tiles are a panel wide or half-width, and a constant makes these faster.
        if vectors == PANEL / S::LANES {
            rows_in_memory(isa, acc, PANEL / S::LANES, tile);
        } else if 2 * S::LANES == PANEL && vectors == 1 {
            rows_in_memory(isa, acc, 1, tile);
        } else {
            rows_in_memory(isa, acc, vectors, tile);
        }
    }
}

/// # Safety
///
/// As [`in_memory`].
#[inline(always)]
unsafe fn rows_in_memory<S: Simd>(isa: S, acc: *const i32, vectors: usize, tile: &Tile) {
    // SAFETY: there are `vectors` vectors of accumulators a row, and of what a stage has for the columns; vectors of the
    // output are touched only as far as `columns` covers them.
    unsafe {
        match tile.stage {
            RawStage::Accumulators { accumulate } => {
                put_lanes!(isa: S, tile, acc, vectors, accumulate, (x, _row, _column) => { x });
            }
            RawStage::Requantize { scale, high, range } => {
                let scaled = Scaled { isa, scale, high: isa.splat_f(high) };
                put_bytes(isa, acc, vectors, scaled, &isa.byte_limits(range), tile);
            }
            RawStage::RequantizeFixed { multiplier, shift, high, range } => {
                let shifted = Shifted { isa, multiplier, shift, high: isa.splat(high) };
                put_bytes(isa, acc, vectors, shifted, &isa.byte_limits(range), tile);
            }
            RawStage::Dequantize { scale, row_scale, bias, low, high } => {
                let (low, high) = (isa.splat_f(low), isa.splat_f(high));
                put_lanes!(isa: S, tile, acc, vectors, false, (x, row, column) => {
                    let mut y = isa.mul_f(isa.to_f32(x), isa.load_f(scale.add(column)));
                    if !row_scale.is_null() {
                        y = isa.mul_f(y, isa.splat_f(*row_scale.add(row)));
                    }
                    if !bias.is_null() {
                        y = isa.add_f(y, isa.load_f(bias.add(column)));
                    }
                    isa.to_bits(isa.min_f(isa.max_f(y, low), high))
                });
            }
        }
    }
}

/// The step from an accumulator to the integer before the zero point is added.
trait ToInteger<S: Simd>: Copy {
    /// Of a vector of accumulators, from `column` on.
    ///
    /// # Safety
    ///
    /// There is a vector of the stage's parameters at the column.
    unsafe fn integer(self, x: S::I, column: usize) -> S::I;
}

/// [`RawStage::Requantize`].
#[derive(Clone, Copy)]
struct Scaled<S: Simd> {
    isa: S,
    scale: *const f32,
    high: S::F,
}

impl<S: Simd> ToInteger<S> for Scaled<S> {
    #[inline(always)]
    unsafe fn integer(self, x: S::I, column: usize) -> S::I {
        // SAFETY: the caller's promise.
        let scale = unsafe { self.isa.load_f(self.scale.add(column)) };
        requantize(self.isa, x, scale, self.high)
    }
}

/// [`RawStage::RequantizeFixed`].
#[derive(Clone, Copy)]
struct Shifted<S: Simd> {
    isa: S,
    multiplier: *const i32,
    shift: *const i32,
    high: S::I,
}

impl<S: Simd> ToInteger<S> for Shifted<S> {
    #[inline(always)]
    unsafe fn integer(self, x: S::I, column: usize) -> S::I {
        let isa = self.isa;
        // SAFETY: the caller's promise.
        let (multiplier, shift) =
            unsafe { (isa.load(self.multiplier.add(column)), isa.load(self.shift.add(column))) };
        requantize_fixed(isa, x, [multiplier, shift], self.high)
    }
}

/// Narrows the integers of the tile's rows, four vectors at a time, and stores those that belong to the tile.
///
/// # Safety
///
/// As [`in_memory`].
#[inline(always)]
unsafe fn put_bytes<S: Simd, I: ToInteger<S>>(
    isa: S,
    acc: *const i32,
    vectors: usize,
    stage: I,
    limits: &ByteLimits<S>,
    tile: &Tile,
) {
    // SAFETY: the caller's promises; every position is that of a vector in the tile's rows.
    unsafe {
        if vectors == 1 || vectors * S::LANES == PANEL && vectors < 4 {
            // The four vectors belong to several rows; rows past the last one repeat it.
            let mut bytes = [0u8; 4 * PANEL];
            let row_bytes = vectors * S::LANES;
            for first in (0..tile.rows).step_by(4 / vectors) {
                let mut group = [isa.splat(0); 4];
                for (i, y) in group.iter_mut().enumerate() {
                    let (row, v) = ((first + i / vectors).min(tile.rows - 1), i % vectors);
                    *y = stage.integer(isa.load(acc.add((row * vectors + v) * S::LANES)), v * S::LANES);
                }
                isa.store_bytes(bytes.as_mut_ptr(), isa.narrow(group, limits));
                for row in first..tile.rows.min(first + 4 / vectors) {
                    copy_short(
                        bytes.as_ptr().add((row - first) * row_bytes),
                        tile.out_row(row),
                        tile.columns,
                    );
                }
            }
            return;
        }
        for row in 0..tile.rows {
            for first in (0..vectors).step_by(4) {
                let start = first * S::LANES;
                if start >= tile.columns {
                    break;
                }
                let mut group = [isa.splat(0); 4];
                for (i, y) in group.iter_mut().enumerate() {
                    // Vectors past the last one of the row repeat it.
                    let v = (first + i).min(vectors - 1);
                    *y = stage.integer(isa.load(acc.add((row * vectors + v) * S::LANES)), v * S::LANES);
                }
                let count = (tile.columns - start).min(4 * S::LANES);
                isa.store_first(tile.out_row(row).add(start), isa.narrow(group, limits), count);
            }
        }
    }
}

/// The integer that an accumulator becomes before the zero point is added: scaled, at most `high`, rounded.
#[inline(always)]
pub(crate) fn requantize<S: Simd>(isa: S, x: S::I, scale: S::F, high: S::F) -> S::I {
    isa.round(isa.min_f(isa.mul_f(isa.to_f32(x), scale), high))
}

/// The same without the minimum, where the output takes all bytes ([`ByteRange::saturates`](crate::byte_range::ByteRange::saturates)) and all
/// scales [are below 1](are_below_one): no accumulator leaves the integers, and what is too high saturates when it becomes a byte.
#[inline(always)]
pub(crate) fn requantize_saturating<S: Simd>(isa: S, x: S::I, scale: S::F) -> S::I {
    isa.round(isa.mul_f(isa.to_f32(x), scale))
}

/// Whether all scales are below 1.
#[inline(always)]
pub(crate) fn are_below_one<S: Simd, const V: usize>(isa: S, scales: &[S::F; V]) -> bool {
    let below_one = isa.splat_f(1.0f32.next_down());
    let mut greatest = below_one;
    for &scale in scales {
        greatest = isa.max_f(greatest, scale);
    }
    !isa.any_greater(greatest, below_one)
}

/// The same of fixed-point arithmetic, with a multiplier and a shift.
#[inline(always)]
pub(crate) fn requantize_fixed<S: Simd>(isa: S, x: S::I, [multiplier, shift]: [S::I; 2], high: S::I) -> S::I {
    let none = isa.splat(0);
    let product = isa.rounding_doubling_high_mul(isa.shift_left(x, isa.max(shift, none)), multiplier);
    isa.min(isa.rounding_shift_right(product, isa.max(isa.sub(none, shift), none)), high)
}

/// Stores the bytes of four vectors of a whole tile, starting with vector `first` in the order of its rows.
///
/// # Safety
///
/// `tile.out` is valid for writes of all rows and columns.
#[inline(always)]
unsafe fn store_group<S: Simd, const R: usize, const V: usize>(
    isa: S,
    bytes: S::B,
    tile: &Tile,
    first: usize,
) {
    // SAFETY: vectors below R·V are inside the tile, and those that are stored together lie in one row.
    unsafe {
        let at = |vector: usize| tile.out_row(vector / V).add(vector % V * S::LANES);
        if V.is_multiple_of(4) {
            isa.store_bytes(at(first), bytes);
        } else if V.is_multiple_of(2) {
            isa.store_half::<0>(at(first), bytes);
            if first + 2 < R * V {
                isa.store_half::<1>(at(first + 2), bytes);
            }
        } else {
            isa.store_quarter::<0>(at(first), bytes);
            if first + 1 < R * V {
                isa.store_quarter::<1>(at(first + 1), bytes);
            }
            if first + 2 < R * V {
                isa.store_quarter::<2>(at(first + 2), bytes);
            }
            if first + 3 < R * V {
                isa.store_quarter::<3>(at(first + 3), bytes);
            }
        }
    }
}

/// Stores the first `count` lanes, or adds them to the output.
///
/// # Safety
///
/// `out` is valid for `count ≤ LANES` writes (and reads, to accumulate).
#[inline(always)]
unsafe fn put_i32<S: Simd>(isa: S, x: S::I, out: *mut i32, count: usize, accumulate: bool) {
    // SAFETY: lanes are touched only as far as `count` covers them.
    unsafe {
        if count == S::LANES {
            isa.store(out, if accumulate { isa.add(x, isa.load(out)) } else { x });
        } else if count > 0 {
            isa.store_some(out, if accumulate { isa.add(x, isa.load_some(out, count)) } else { x }, count);
        }
    }
}
