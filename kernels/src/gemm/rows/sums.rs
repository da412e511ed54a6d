//! Sums of rows, which weights with zero points need.

use core::slice;

use super::depth::Depth;
use super::lhs::Lhs;
use super::prepare::MBlock;
use super::scratch::RowPointers;
use crate::gemm::{Call, LhsForm, Step};

impl RowPointers {
    /// Writes what the weights' zero points are multiplied with for each row of an m-block, if they have any: the sums of the rows. If
    /// rows have zero points, the sums of the weights are in the place of the weights' zero points, and rows' zero points in that
    /// of their sums. `first` is the m-block's first row, if it is one of a matrix.
    ///
    /// # Safety
    ///
    /// The pointers of the rows were written, `step` apart for each tile, and there is room for the sums.
    #[inline]
    pub(super) unsafe fn add_up(
        &self,
        call: &Call<'_>,
        form: LhsForm,
        tile_rows: usize,
        m_block: &MBlock<'_>,
        first: usize,
        step: Step,
    ) {
        if call.weight_zeros.is_none() {
            return;
        }
        if let Lhs::Matrix(matrix) = &call.lhs
            && let Some(zeros) = matrix.zeros_from(first)
        {
            for (row, zero) in zeros.take(m_block.rows).enumerate() {
                // SAFETY: as the caller promises.
                unsafe { *self.sums.add(row) = zero };
            }
            return;
        }
        for row in 0..m_block.rows {
            let (tile, slot) = (row / tile_rows, row % tile_rows);
            // SAFETY: as the caller promises.
            unsafe {
                let pointers = self.pointers.add(tile * step.entries + slot);
                *self.sums.add(row) =
                    sum_row(call, form, m_block.depth, pointers, tile_rows, tile.wrapping_mul(step.bytes));
            }
        }
    }
}

/// Sum of a row as the kernel sees it, offset included, mod 2³².
///
/// # Safety
///
/// `pointers` holds pointers, `step` apart, that give the addresses of the row's segments when `lhs_offset` is added.
unsafe fn sum_row(
    call: &Call<'_>,
    form: LhsForm,
    depth: &Depth,
    pointers: *const *const u8,
    step: usize,
    lhs_offset: usize,
) -> i32 {
    let offset = form.offset(call.lhs_signed);
    let base = ((depth.segments * depth.len) as i32).wrapping_mul(offset);
    (0..depth.segments).fold(base, |total, segment| {
        // SAFETY: the pointer is valid for a segment of bytes or `i16`s, 2-byte aligned in the latter case because copies
        // begin on 64-byte borders.
        total.wrapping_add(unsafe {
            let at = (*pointers.add(segment * step)).wrapping_add(lhs_offset);
            sum_segment(form, call.lhs_signed, at, depth.len)
        })
    })
}

/// Sum of a segment, mod 2³².
///
/// # Safety
///
/// `at` is valid for `len` bytes, or `len` aligned `i16`s for [`LhsForm::I16`].
unsafe fn sum_segment(form: LhsForm, signed: bool, at: *const u8, len: usize) -> i32 {
    // SAFETY: as promised by the caller.
    unsafe {
        match form {
            LhsForm::I16 { .. } => slice::from_raw_parts(at.cast::<i16>(), len)
                .iter()
                .fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x))),
            LhsForm::Bytes { .. } => {
                let bytes = slice::from_raw_parts(at, len);
                if signed {
                    bytes.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x.cast_signed())))
                } else {
                    bytes.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x)))
                }
            }
        }
    }
}
