//! The epilogue of a block whose accumulators were stored: in parts, so that a part fits between two steps of the next block.

use core::ptr;

use super::m_block::Sums;
use crate::backend::x86::Avx512;
use crate::gemm::{PANEL, RawStage, Tile, requantize};
use crate::simd::{ByteLimits, Simd};

/// Requantization of blocks of `P` panels whose columns are all stored: what their rows share is in registers.
pub(super) struct Requantization<const P: usize> {
    isa: Avx512,
    scales: [<Avx512 as Simd>::F; P],
    high: <Avx512 as Simd>::F,
    /// Whether saturation to bytes does what the minimum with `high` does.
    saturates: bool,
    limits: ByteLimits<Avx512>,
    /// The weights' zero points, and the sums of the rows; null if all zero points are 0.
    zeros: [<Avx512 as Simd>::I; P],
    row_sums: *const i32,
}

impl<const P: usize> Requantization<P> {
    /// Rows whose bytes fill a vector.
    pub(super) const ROWS: usize = 4 / P;

    /// Whether it is the epilogue of these sums.
    #[inline(always)]
    pub(super) fn suits(tile: &Tile, sums: &Sums) -> bool {
        let whole = sums.panels == P && sums.column + P * PANEL <= tile.columns;
        let simple = tile.zeros.of_rows.is_null() && (tile.weight_zeros.is_null() || !tile.has_plain_sums());
        whole && simple && matches!(tile.stage, RawStage::Requantize { .. })
    }

    /// For the columns of `sums`; `None` if it does not [suit](Self::suits) them.
    ///
    /// # Safety
    ///
    /// The tile has what stage and zero points need for the columns, and sums of the rows.
    #[inline(always)]
    pub(super) unsafe fn new(isa: Avx512, tile: &Tile, sums: &Sums) -> Option<Self> {
        let RawStage::Requantize { scale, high, range } = tile.stage else { return None };
        if !Self::suits(tile, sums) {
            return None;
        }
        // With all bytes in the output's range, what is too high saturates; below 1, scales let no accumulator leave the integers.
        let mut saturates = high == (255 - i32::from(range.zero_point)) as f32;
        let below_one = isa.splat_f(1.0f32.next_down());
        let high = isa.splat_f(high);
        let (mut scales, mut zeros) = ([high; P], [isa.splat(0); P]);
        let mut row_sums = ptr::null();
        // SAFETY: the caller's promise.
        unsafe {
            for (panel, x) in scales.iter_mut().enumerate() {
                *x = isa.load_f(scale.add(sums.column + panel * PANEL));
                saturates &= !isa.any_greater(*x, below_one);
            }
            if !tile.weight_zeros.is_null() {
                for (panel, x) in zeros.iter_mut().enumerate() {
                    *x = isa.load(tile.weight_zeros.add(sums.column + panel * PANEL));
                }
                row_sums = tile.row_sums.add(sums.first_row);
            }
        }
        Some(Requantization { isa, scales, high, saturates, limits: isa.byte_limits(range), zeros, row_sums })
    }

    /// Stores rows from `first` on, a multiple of [`ROWS`](Self::ROWS), until `end` or the last one; returns the next.
    ///
    /// # Safety
    ///
    /// `sums` are those of the columns, with their rows' addresses.
    #[inline(always)]
    pub(super) unsafe fn store(&self, sums: &Sums, mut first: usize, end: usize) -> usize {
        let end = end.min(sums.rows);
        while first + Self::ROWS <= end {
            // SAFETY: the caller's promise.
            unsafe { self.store_rows::<true>(sums, first) };
            first += Self::ROWS;
        }
        if first < end {
            // SAFETY: the caller's promise.
            unsafe { self.store_rows::<false>(sums, first) };
            first += Self::ROWS;
        }
        first
    }

    /// Stores the rows from `first` on whose bytes fill a vector: all of them if the group is `WHOLE`, else those that there are.
    ///
    /// # Safety
    ///
    /// As [`store`](Self::store).
    #[inline(always)]
    unsafe fn store_rows<const WHOLE: bool>(&self, sums: &Sums, first: usize) {
        let isa = self.isa;
        // SAFETY: vectors up to the last one are accumulators, and rows below `rows` are written where they lie.
        unsafe {
            let last = sums.rows * P - 1;
            let mut group = [isa.splat(0); 4];
            for (i, y) in group.iter_mut().enumerate() {
                let vector = if WHOLE { first * P + i } else { (first * P + i).min(last) };
                let mut x = isa.load(sums.accumulators.add(vector * PANEL));
                if !self.row_sums.is_null() {
                    x = isa.subtract_zeros(x, self.zeros[i % P], *self.row_sums.add(vector / P));
                }
                *y = if self.saturates {
                    isa.round(isa.mul_f(isa.to_f32(x), self.scales[i % P]))
                } else {
                    requantize(isa, x, self.scales[i % P], self.high)
                };
            }
            let bytes = isa.narrow(group, &self.limits);
            let at = |row: usize| (*sums.out.add(row)).add(sums.column);
            let left = sums.rows - first;
            match P {
                4 => isa.store_bytes(at(first), bytes),
                2 => {
                    isa.store_half::<0>(at(first), bytes);
                    if WHOLE || left > 1 {
                        isa.store_half::<1>(at(first + 1), bytes);
                    }
                }
                _ => {
                    isa.store_quarter::<0>(at(first), bytes);
                    if WHOLE || left > 1 {
                        isa.store_quarter::<1>(at(first + 1), bytes);
                    }
                    if WHOLE || left > 2 {
                        isa.store_quarter::<2>(at(first + 2), bytes);
                    }
                    if WHOLE || left > 3 {
                        isa.store_quarter::<3>(at(first + 3), bytes);
                    }
                }
            }
        }
    }
}
