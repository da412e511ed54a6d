//! A tile of work, and the way from counts to the output, written once for every ISA.

use core::ptr;

use super::kernel::MAX_ROWS;
use crate::gemm::{Finish, Tile, finish, for_each_row};
use crate::simd::Simd;

/// `R` rows (the kernel's constant) by one panel.
pub(crate) struct BitTile {
    /// The rows, to which the offset of a segment is added; those past the last one to store repeat a valid one.
    pub(crate) lhs: [*const u8; MAX_ROWS],
    /// Offsets of the segments of a row, in bytes.
    pub(crate) segments: *const usize,
    pub(crate) segment_count: usize,
    /// Bytes of a segment, a multiple of 8.
    pub(crate) segment_bytes: usize,
    /// If bits are stored: a threshold for each column of the panel; else null.
    pub(crate) thresholds: *const i32,
    /// With thresholds: a bit for each column of the panel.
    pub(crate) flips: *const u8,
    /// Panel, initial accumulators, output and stage; weights and rows have no zero points.
    pub(crate) tile: Tile,
}

/// Counts of `R` rows by `V` vectors of columns.
pub(crate) type Counts<C, const R: usize, const V: usize> = [[<<C as CountBits<R, V>>::S as Simd>::I; V]; R];

/// An instruction, or a short sequence, that counts bits: a token, whose values prove that the CPU has it.
///
/// # Safety
///
/// A value exists only if the CPU has the features of `S` and of the implementation.
pub(crate) unsafe trait CountBits<const R: usize, const V: usize>: Copy {
    /// The vectors; `V` of them have a lane for each column of a panel.
    type S: Simd;

    /// The vectors' token, which this one implies.
    fn isa(self) -> Self::S;

    /// For each row and column of the panel, the bits in which they differ.
    ///
    /// # Safety
    ///
    /// The tile's rows are valid for reads of all their segments, and the panel of as many bytes for each column.
    unsafe fn count(self, tile: &BitTile) -> Counts<Self, R, V>;
}

/// Computes a tile.
///
/// # Safety
///
/// The tile's pointers are valid as its description says.
#[inline(always)]
pub(crate) unsafe fn bit_tile<C: CountBits<R, V>, const R: usize, const V: usize>(
    counter: C,
    tile: &BitTile,
) {
    let isa = counter.isa();
    // SAFETY: the caller's promise; there is an initial accumulator for each column of the panel.
    unsafe {
        let mut acc = counter.count(tile);
        let mut init = [isa.splat(0); V];
        for (v, x) in init.iter_mut().enumerate() {
            *x = isa.load(tile.tile.init.add(v * C::S::LANES));
        }
        for_each_row!(R, ROW => {
            for v in 0..V {
                let count = acc[ROW][v];
                acc[ROW][v] = isa.sub(init[v], isa.add(count, count));
            }
        });
        if !tile.thresholds.is_null() {
            put_bits::<C::S, R, V>(isa, &acc, tile);
        } else if R * V <= 8 {
            finish::<C::S, R, V>(isa, acc, &tile.tile);
        } else {
            // There are no registers for so many.
            isa.finish_in_memory(acc.as_ptr().cast(), V, &tile.tile);
        }
    }
}

/// Stores a bit for each column: whether the sum is less than the threshold, flipped where the column says so.
///
/// # Safety
///
/// There are thresholds and flips for all columns of the panel, and the rows of the output have room for as many bits.
#[inline(always)]
unsafe fn put_bits<S: Simd, const R: usize, const V: usize>(isa: S, acc: &[[S::I; V]; R], tile: &BitTile) {
    // SAFETY: the caller's promise.
    unsafe {
        let columns = V * S::LANES;
        let mut flips = [0; 8];
        ptr::copy_nonoverlapping(tile.flips, flips.as_mut_ptr(), columns / 8);
        let flips = u64::from_le_bytes(flips);
        for_each_row!(R, ROW => {
            if ROW < tile.tile.rows {
                let mut bits = flips;
                for (v, &sum) in acc[ROW].iter().enumerate() {
                    let threshold = isa.load(tile.thresholds.add(v * S::LANES));
                    bits ^= u64::from(isa.negative(isa.sub(sum, threshold))) << (v * S::LANES);
                }
                let bytes = bits.to_le_bytes();
                ptr::copy_nonoverlapping(bytes.as_ptr(), tile.tile.out_row(ROW), columns / 8);
            }
        });
    }
}
