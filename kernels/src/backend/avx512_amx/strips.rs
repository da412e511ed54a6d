//! Strips: copies of rows in the order in which steps read them.

use core::arch::x86_64::*;

use super::tiles::{ROW, TILE_BYTES};
use crate::gemm::{Layout, Tile, UnitDepth, UnitShape};

/// Bytes of a group of depths of a row.
const GROUP: usize = Layout::GROUPS_OF_4.k_group;

/// Copies the rows of a tile to a strip: `[step][16 rows][64 bytes]`, of which the rows and bytes that steps do not multiply are left
/// as they are.
///
/// # Safety
///
/// The CPU has AVX-512 F, BW and VL. The tile has these rows; the strip is aligned to 64 bytes, and long enough for the steps.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn copy(tile: &Tile, shape: &UnitShape, rows: usize, strip: *mut u8) {
    let depth = &shape.depth;
    if depth.segments == 1 {
        for row in 0..rows {
            // SAFETY: there is a pointer for each row, of as many elements, and room for the steps.
            unsafe {
                let from = (*tile.lhs.add(row)).wrapping_add(tile.lhs_offset);
                copy_only_segment(from, depth, strip.add(row * ROW));
            }
        }
        return;
    }
    let segments = depth.segments / depth.runs.max(1);
    for run in 0..depth.runs {
        for row in 0..rows {
            // SAFETY: there is a pointer for each row and segment, of as many elements, and room for the steps of each run.
            unsafe {
                let to = strip.add(run * depth.steps * TILE_BYTES + row * ROW);
                if depth.overlap() > 0 {
                    let last = to.add((depth.steps - 1) * TILE_BYTES);
                    _mm512_store_si512(last.cast(), _mm512_setzero_si512());
                }
                for segment in 0..segments {
                    let pointer = *tile.lhs.add((run * segments + segment) * shape.height + row);
                    let from = pointer.wrapping_add(tile.lhs_offset);
                    copy_segment(from, depth, segment * depth.segment_groups * GROUP, to);
                }
            }
        }
    }
}

/// Copies a row of one segment.
///
/// # Safety
///
/// As [`copy`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
unsafe fn copy_only_segment(from: *const u8, depth: &UnitDepth, to: *mut u8) {
    let (whole, left) = (depth.segment_len / ROW, depth.segment_len % ROW);
    // SAFETY: bytes of the segment, and of the row in each step; bytes that are masked are not touched.
    unsafe {
        for step in 0..whole {
            let bytes = _mm512_loadu_si512(from.add(step * ROW).cast());
            _mm512_store_si512(to.add(step * TILE_BYTES).cast(), bytes);
        }
        if left > 0 {
            // The last step's groups are its last ones; before them are zeros.
            let shift = depth.overlap() * GROUP;
            let mask = (u64::MAX >> (ROW - left)) << shift;
            let bytes = _mm512_maskz_loadu_epi8(mask, from.add(whole * ROW).wrapping_sub(shift).cast());
            _mm512_store_si512(to.add(whole * TILE_BYTES).cast(), bytes);
        }
    }
}

/// Copies a segment of a row: `start` is its position among the bytes of the run's row, of which `to` is the first.
///
/// # Safety
///
/// As [`copy`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
#[inline]
unsafe fn copy_segment(from: *const u8, depth: &UnitDepth, start: usize, to: *mut u8) {
    // The last step's groups are its last ones, if they are not whole.
    let (last, shift) = ((depth.steps - 1) * ROW, depth.overlap() * GROUP);
    let in_order = if shift == 0 { last + ROW } else { last };
    let (mut done, mut position) = (0, start);
    // SAFETY: bytes of the segment, and of the row in each step; bytes that are masked are not touched.
    unsafe {
        if start.is_multiple_of(ROW) && start < in_order {
            let whole = (depth.segment_len / ROW).min((in_order - start) / ROW);
            let first = to.add(start / ROW * TILE_BYTES);
            for step in 0..whole {
                let bytes = _mm512_loadu_si512(from.add(step * ROW).cast());
                _mm512_store_si512(first.add(step * TILE_BYTES).cast(), bytes);
            }
            (done, position) = (whole * ROW, start + whole * ROW);
        }
        while done < depth.segment_len {
            let shift = if position < last { 0 } else { shift };
            let count = (ROW - position % ROW).min(depth.segment_len - done);
            let bytes = _mm512_maskz_loadu_epi8(u64::MAX >> (ROW - count), from.add(done).cast());
            // Zeros fill the segment's last group: they are multiplied by the panel's padding, which is not 0 in damaged weights.
            let mask = u64::MAX >> (ROW - count.next_multiple_of(GROUP));
            let at = to.add(position / ROW * TILE_BYTES + position % ROW + shift);
            _mm512_mask_storeu_epi8(at.cast(), mask, bytes);
            (done, position) = (done + count, position + count);
        }
    }
}
