//! The epilogue of a block whose accumulators were stored: in parts, so that a part fits between two steps of the next block.

use super::m_block::Sums;
use crate::backend::x86::Avx512;
use crate::gemm::{PANEL, RawStage, Tile, requantize};
use crate::simd::{ByteLimits, Simd};

/// Requantization of blocks of `P` panels whose columns are all stored: what their rows share is in registers.
pub(super) struct Requantization<const P: usize> {
    isa: Avx512,
    scales: [<Avx512 as Simd>::F; P],
    high: <Avx512 as Simd>::F,
    limits: ByteLimits<Avx512>,
}

impl<const P: usize> Requantization<P> {
    /// Rows whose bytes fill a vector.
    pub(super) const ROWS: usize = 4 / P;

    /// For the columns of `sums`; `None` if the stage is another one, or needs more than the accumulators.
    ///
    /// # Safety
    ///
    /// The tile's stage has the columns.
    #[inline(always)]
    pub(super) unsafe fn new(isa: Avx512, tile: &Tile, sums: &Sums) -> Option<Self> {
        let RawStage::Requantize { scale, high, range } = tile.stage else { return None };
        let corrected = !tile.weight_zeros.is_null() || !tile.zeros.of_rows.is_null();
        if corrected || sums.panels != P || sums.column + P * PANEL > tile.columns {
            return None;
        }
        let high = isa.splat_f(high);
        let mut scales = [high; P];
        for (panel, x) in scales.iter_mut().enumerate() {
            // SAFETY: the caller's promise.
            *x = unsafe { isa.load_f(scale.add(sums.column + panel * PANEL)) };
        }
        Some(Requantization { isa, scales, high, limits: isa.byte_limits(range) })
    }

    /// Stores the [rows](Self::ROWS) from `first` on, which exists; those past the last one are left out.
    ///
    /// # Safety
    ///
    /// `sums` are those of the columns, with their rows' addresses.
    #[inline(always)]
    pub(super) unsafe fn store_rows(&self, sums: &Sums, first: usize) {
        let isa = self.isa;
        // SAFETY: vectors up to the last one are accumulators, and rows below `rows` are written where they lie.
        unsafe {
            let last = sums.rows * P - 1;
            let mut group = [isa.splat(0); 4];
            for (i, y) in group.iter_mut().enumerate() {
                let vector = (first * P + i).min(last);
                let x = isa.load(sums.accumulators.add(vector * PANEL));
                *y = requantize(isa, x, self.scales[i % P], self.high);
            }
            let bytes = isa.narrow(group, &self.limits);
            let at = |row: usize| (*sums.out.add(row)).add(sums.column);
            let left = sums.rows - first;
            match P {
                4 => isa.store_bytes(at(first), bytes),
                2 => {
                    isa.store_half::<0>(at(first), bytes);
                    if left > 1 {
                        isa.store_half::<1>(at(first + 1), bytes);
                    }
                }
                _ => {
                    isa.store_quarter::<0>(at(first), bytes);
                    if left > 1 {
                        isa.store_quarter::<1>(at(first + 1), bytes);
                    }
                    if left > 2 {
                        isa.store_quarter::<2>(at(first + 2), bytes);
                    }
                    if left > 3 {
                        isa.store_quarter::<3>(at(first + 3), bytes);
                    }
                }
            }
        }
    }
}
