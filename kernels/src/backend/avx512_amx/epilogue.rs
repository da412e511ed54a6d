//! The epilogue of a block whose accumulators were stored: in parts, so that a part fits between two steps of the next block.

use core::ptr;

use super::m_block::Sums;
use crate::backend::x86::Avx512;
use crate::gemm::{
    PANEL, RawStage, Tile, are_below_one, requantize, requantize_fixed, requantize_saturating,
};
use crate::simd::{ByteLimits, Simd};

/// Vectors of accumulators, and of floats.
type I = <Avx512 as Simd>::I;
type F = <Avx512 as Simd>::F;

/// Whether the stage requantizes, and the columns of the sums are all stored, with no more than the zero points of weights to correct:
/// the epilogue is then a [`Requantization`] of `P` panels.
#[inline(always)]
pub(super) fn requantizes<const P: usize>(tile: &Tile, sums: &Sums) -> bool {
    let whole = sums.panels == P && sums.column + P * PANEL <= tile.columns;
    let simple = tile.zeros.of_rows.is_null() && (tile.weight_zeros.is_null() || !tile.has_plain_sums());
    whole && simple && matches!(tile.stage, RawStage::Requantize { .. } | RawStage::RequantizeFixed { .. })
}

/// Requantization of blocks of `P` panels: what their rows share is in registers.
pub(super) struct Requantization<const P: usize> {
    isa: Avx512,
    scaling: Scaling<P>,
    limits: ByteLimits<Avx512>,
    /// The weights' zero points, and the sums of the rows; null if all zero points are 0.
    zeros: [I; P],
    row_sums: *const i32,
}

/// The step from accumulators to integers.
enum Scaling<const P: usize> {
    Float(Float<P>),
    Saturating(Saturating<P>),
    Fixed(Fixed<P>),
}

/// The integer of a vector of accumulators, with what a panel has by column.
trait Scale: Copy {
    fn integer(self, isa: Avx512, x: I, panel: usize) -> I;
}

#[derive(Clone, Copy)]
struct Float<const P: usize> {
    scales: [F; P],
    high: F,
}

impl<const P: usize> Scale for Float<P> {
    #[inline(always)]
    fn integer(self, isa: Avx512, x: I, panel: usize) -> I {
        requantize(isa, x, self.scales[panel], self.high)
    }
}

/// [`Float`] without the minimum.
#[derive(Clone, Copy)]
struct Saturating<const P: usize> {
    scales: [F; P],
}

impl<const P: usize> Scale for Saturating<P> {
    #[inline(always)]
    fn integer(self, isa: Avx512, x: I, panel: usize) -> I {
        requantize_saturating(isa, x, self.scales[panel])
    }
}

/// Multipliers and shifts.
#[derive(Clone, Copy)]
struct Fixed<const P: usize> {
    factors: [[I; 2]; P],
    high: I,
}

impl<const P: usize> Scale for Fixed<P> {
    #[inline(always)]
    fn integer(self, isa: Avx512, x: I, panel: usize) -> I {
        requantize_fixed(isa, x, self.factors[panel], self.high)
    }
}

impl<const P: usize> Requantization<P> {
    /// Rows whose bytes fill a vector.
    pub(super) const ROWS: usize = 4 / P;

    /// For the columns of `sums`.
    ///
    /// # Safety
    ///
    /// It [requantizes](requantizes) them. The tile has what stage and zero points need for the columns, and sums of the rows.
    #[inline(always)]
    pub(super) unsafe fn new(isa: Avx512, tile: &Tile, sums: &Sums) -> Self {
        let (mut zeros, mut row_sums) = ([isa.splat(0); P], ptr::null());
        // SAFETY: the caller's promise.
        unsafe {
            if !tile.weight_zeros.is_null() {
                for (panel, x) in zeros.iter_mut().enumerate() {
                    *x = isa.load(tile.weight_zeros.add(sums.column + panel * PANEL));
                }
                row_sums = tile.row_sums.add(sums.first_row);
            }
            let (scaling, range) = match tile.stage {
                RawStage::Requantize { scale, high, range } => {
                    let mut scales = [isa.splat_f(0.0); P];
                    for (panel, x) in scales.iter_mut().enumerate() {
                        *x = isa.load_f(scale.add(sums.column + panel * PANEL));
                    }
                    let scaling = if range.saturates(high) && are_below_one(isa, &scales) {
                        Scaling::Saturating(Saturating { scales })
                    } else {
                        Scaling::Float(Float { scales, high: isa.splat_f(high) })
                    };
                    (scaling, range)
                }
                RawStage::RequantizeFixed { multiplier, shift, high, range } => {
                    let mut factors = [[isa.splat(0); 2]; P];
                    for (panel, x) in factors.iter_mut().enumerate() {
                        let column = sums.column + panel * PANEL;
                        *x = [isa.load(multiplier.add(column)), isa.load(shift.add(column))];
                    }
                    (Scaling::Fixed(Fixed { factors, high: isa.splat(high) }), range)
                }
                _ => unreachable!("the stage requantizes"),
            };
            Requantization { isa, scaling, limits: isa.byte_limits(range), zeros, row_sums }
        }
    }

    /// Stores rows from `first` on, a multiple of [`ROWS`](Self::ROWS), until `end` or the last one; returns the next.
    ///
    /// # Safety
    ///
    /// `sums` are those of the columns, with their rows' addresses.
    #[inline(always)]
    pub(super) unsafe fn store(&self, sums: &Sums, first: usize, end: usize) -> usize {
        let end = end.min(sums.rows);
        // SAFETY: the caller's promise.
        unsafe {
            match self.scaling {
                Scaling::Float(scale) => self.store_by(scale, sums, first, end),
                Scaling::Saturating(scale) => self.store_by(scale, sums, first, end),
                Scaling::Fixed(scale) => self.store_by(scale, sums, first, end),
            }
        }
    }

    /// [`store`](Self::store), by a scale, until `end`, which is a row or past the last one.
    ///
    /// # Safety
    ///
    /// As [`store`](Self::store).
    #[inline(always)]
    unsafe fn store_by(&self, scale: impl Scale, sums: &Sums, mut first: usize, end: usize) -> usize {
        while first + Self::ROWS <= end {
            // SAFETY: the caller's promise.
            unsafe { self.store_rows::<true, _>(scale, sums, first) };
            first += Self::ROWS;
        }
        if first < end {
            // SAFETY: the caller's promise.
            unsafe { self.store_rows::<false, _>(scale, sums, first) };
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
    unsafe fn store_rows<const WHOLE: bool, S: Scale>(&self, scale: S, sums: &Sums, first: usize) {
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
                *y = scale.integer(isa, x, i % P);
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
