//! Sums of rows, which weights with zero points need.

use core::slice;

use super::prepare::MBlock;
use super::scratch::RowPointers;
use crate::gemm::{Call, Step};

/// How a variant's kernels take what weights with zero points need: the sums of rows, and the zero points.
pub(crate) struct RowSums {
    /// Writes the sums of rows.
    pub(crate) add_up: AddUp,
    /// The kernels' form of a zero point of canonical weights, whose low half it is.
    pub(crate) zero_factor: fn(i8) -> i32,
}

impl RowSums {
    /// A zero point from its form.
    #[inline]
    pub(crate) fn zero_point(factor: i32) -> i32 {
        i32::from(factor as i16)
    }

    /// Whether sums over this depth are written as they are, whatever the form: it is for sums within ±2²³.
    #[inline(always)]
    pub(crate) fn are_plain(depth: usize) -> bool {
        depth > 1 << 15
    }
}

/// Writes the sum of each row.
///
/// # Safety
///
/// The CPU has the backend's features, and the rows are as their description says.
pub(crate) type AddUp = unsafe fn(&AddedRows);

/// Rows to be added up: those of an m-block, in the form of the kernels.
pub(crate) struct AddedRows {
    /// The pointers of the first tile's rows: `[segments][tile_rows]`.
    pointers: *const *const u8,
    tile_rows: usize,
    /// From a tile's pointers to those of the next one.
    step: Step,
    /// Bytes from a row to the next, if they are the same for all.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 adds up several rows at a time")
    )]
    pub(crate) stride: Option<usize>,
    pub(crate) rows: usize,
    pub(crate) segments: usize,
    /// Elements of a segment.
    pub(crate) len: usize,
    /// Whether bytes are `i8`.
    pub(crate) signed: bool,
    /// What is added to the sum of every row.
    pub(crate) offset: i32,
    /// Where the sums go, one for each row.
    pub(crate) sums: *mut i32,
}

/// Where a row lies.
#[derive(Clone, Copy)]
pub(crate) struct AddedRow {
    /// The pointer to its first segment; the next one's is `tile_rows` further on.
    pointers: *const *const u8,
    /// What is added to the pointers.
    bytes: usize,
    /// Its position in the tile.
    slot: usize,
}

impl AddedRows {
    /// The first row.
    #[inline(always)]
    pub(crate) fn first(&self) -> AddedRow {
        AddedRow { pointers: self.pointers, bytes: 0, slot: 0 }
    }

    /// The row below.
    #[inline(always)]
    pub(crate) fn below(&self, row: AddedRow) -> AddedRow {
        let AddedRow { pointers, bytes, slot } = row;
        if slot + 1 < self.tile_rows {
            return AddedRow { pointers: pointers.wrapping_add(1), bytes, slot: slot + 1 };
        }
        AddedRow {
            pointers: pointers.wrapping_sub(slot).wrapping_add(self.step.entries),
            bytes: bytes.wrapping_add(self.step.bytes),
            slot: 0,
        }
    }

    /// A segment of a row.
    ///
    /// # Safety
    ///
    /// The row and the segment exist.
    #[inline(always)]
    pub(crate) unsafe fn segment(&self, row: AddedRow, segment: usize) -> *const u8 {
        // SAFETY: there is a pointer for each segment of the row.
        unsafe { (*row.pointers.add(segment * self.tile_rows)).wrapping_add(row.bytes) }
    }

    /// Writes the sum of each row, one after the other.
    ///
    /// # Safety
    ///
    /// As [`AddUp`]; `add` adds up a segment.
    #[inline(always)]
    unsafe fn one_by_one(&self, add: impl Fn(*const u8, usize) -> i32) {
        let mut row = self.first();
        for index in 0..self.rows {
            let mut sum = self.offset;
            for segment in 0..self.segments {
                // SAFETY: the row and the segment exist.
                sum = sum.wrapping_add(add(unsafe { self.segment(row, segment) }, self.len));
            }
            // SAFETY: there is room for a sum of each row.
            unsafe { *self.sums.add(index) = sum };
            row = self.below(row);
        }
    }
}

/// Sums and zero points as they are, of rows of bytes.
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) static PLAIN_BYTES: RowSums = RowSums { add_up: add_bytes, zero_factor: i32::from };
/// Sums and zero points as they are, of rows of `i16`s.
pub(crate) static PLAIN_I16: RowSums = RowSums { add_up: add_i16s, zero_factor: i32::from };

/// # Safety
///
/// As [`AddUp`].
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
unsafe fn add_bytes(rows: &AddedRows) {
    // SAFETY: a segment is `len` bytes.
    let bytes = |at: *const u8, len| unsafe { slice::from_raw_parts(at, len) }.iter();
    // SAFETY: the caller's promises.
    unsafe {
        if rows.signed {
            rows.one_by_one(|at, len| {
                bytes(at, len).fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x.cast_signed())))
            });
        } else {
            rows.one_by_one(|at, len| bytes(at, len).fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x))));
        }
    }
}

/// # Safety
///
/// As [`AddUp`].
unsafe fn add_i16s(rows: &AddedRows) {
    // SAFETY: the caller's promises; a segment is `len` `i16`s, aligned because copies begin on 64-byte borders.
    unsafe {
        rows.one_by_one(|at, len| {
            let elements = slice::from_raw_parts(at.cast::<i16>(), len);
            elements.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x)))
        });
    }
}

impl RowPointers {
    /// Writes the sums of an m-block's rows as the kernels see them, offsets included, mod 2³², if weights have zero points.
    ///
    /// # Safety
    ///
    /// The pointers of the rows were written, `step` apart for each tile, and there is room for the sums. If there is a `stride`, the
    /// rows lie so many bytes apart.
    #[inline]
    pub(super) unsafe fn add_up(
        &self,
        call: &Call<'_>,
        tile_rows: usize,
        m_block: &MBlock<'_>,
        step: Step,
        stride: Option<usize>,
    ) {
        if call.weight_zeros.is_none() {
            return;
        }
        let &MBlock { depth, gemm, signed, .. } = m_block;
        let elements = (depth.segments * depth.len) as i32;
        let rows = AddedRows {
            pointers: self.pointers,
            tile_rows,
            step,
            stride,
            rows: m_block.rows,
            segments: depth.segments,
            len: depth.len,
            signed,
            offset: elements.wrapping_mul(gemm.lhs.offset(signed)),
            sums: self.sums,
        };
        // SAFETY: the caller's promises; the backend's features are here.
        unsafe { (gemm.row_sums.add_up)(&rows) };
    }
}

#[cfg(test)]
mod tests;
