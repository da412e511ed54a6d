//! Prepares the rows of an m-block: writes their pointers and output offsets, and copies of those that a kernel cannot read in
//! place.

use core::slice;

use super::addressing::Addressing;
use super::depth::Depth;
use super::lhs::Lhs;
use super::regions::{Cursor, Region};
use super::scratch::{Parts, RowPointers, ScratchMap};
use super::strided::point_rows;
use crate::gemm::{Call, Step, Variant};

/// Where an m-block's tiles find their rows in the parts of a scratch.
pub(in crate::gemm) struct MBlockRows {
    pub(in crate::gemm) lhs: *const *const u8,
    pub(in crate::gemm) lhs_step: Step,
    /// The row of the block from which output offsets count, the offsets, and the step from a tile's offsets to the next one's.
    pub(in crate::gemm) first_row: usize,
    pub(in crate::gemm) out_rows: *const usize,
    pub(in crate::gemm) out_step: Step,
    pub(in crate::gemm) sums: *const i32,
    /// Whether the kernels see signed bytes.
    pub(in crate::gemm) signed: bool,
}

/// The rows of an m-block: which ones, and where they go.
pub(in crate::gemm) struct MBlock<'a> {
    pub(in crate::gemm) region: &'a Region,
    /// The part of the depth that they are multiplied with.
    pub(in crate::gemm) depth: &'a Depth,
    /// Number of rows.
    pub(in crate::gemm) rows: usize,
    /// The last tile of the m-block above, if that had as many rows as this m-block's tiles have, all of them in use.
    pub(in crate::gemm) above: Option<usize>,
    /// The first row of the block that is computed, and bytes from a row of the output to the next.
    pub(in crate::gemm) first_row: usize,
    pub(in crate::gemm) out_stride: usize,
    pub(in crate::gemm) gemm: &'static Variant,
    /// Whether the kernels see signed bytes.
    pub(in crate::gemm) signed: bool,
}

impl RowPointers {
    /// Completes an m-block whose rows lie `row_bytes` apart, from row `first` of a matrix on, after the pointers of its first
    /// tile were written.
    ///
    /// # Safety
    ///
    /// Those pointers were written, and there is room for the output offsets of a tile and the sums of the m-block.
    #[inline]
    pub(in crate::gemm) unsafe fn equal_steps(
        &self,
        call: &Call<'_>,
        first: usize,
        row_bytes: usize,
        tile_rows: usize,
        m_block: &MBlock<'_>,
    ) -> MBlockRows {
        // SAFETY: as the caller promises.
        unsafe {
            for slot in 0..tile_rows {
                *self.out_offsets.add(slot) = slot.wrapping_mul(m_block.out_stride);
            }
            let found = MBlockRows {
                lhs: self.pointers,
                lhs_step: Step { entries: 0, bytes: tile_rows.wrapping_mul(row_bytes) },
                first_row: first - m_block.first_row,
                out_rows: self.out_offsets,
                out_step: Step { entries: 0, bytes: tile_rows.wrapping_mul(m_block.out_stride) },
                sums: self.sums,
                signed: m_block.signed,
            };
            self.add_up(call, tile_rows, m_block, found.lhs_step, Some(row_bytes));
            found
        }
    }
}

impl Parts {
    /// Writes what an m-block reads from the cursor on, and moves the cursor past the m-block.
    ///
    /// # Safety
    ///
    /// The call is that of a [`Checked`](crate::gemm::call::Checked), the parts and the addressing are the map's, which has room for
    /// the m-block in tiles of `tile_rows` rows. The m-block has at least one row, and its rows exist from the cursor on.
    /// Nothing that was written for an earlier m-block is read again.
    #[inline]
    pub(in crate::gemm) unsafe fn prepare(
        &self,
        call: &Call<'_>,
        map: &ScratchMap,
        tile_rows: usize,
        cursor: &mut Cursor,
        m_block: &MBlock<'_>,
    ) -> MBlockRows {
        let row_pointers = self.row_pointers;
        if let Lhs::Matrix(matrix) = &call.lhs
            && map.addressing == Addressing::InPlace
        {
            let (first, stride) = (cursor.x, matrix.row_stride());
            cursor.x += m_block.rows;
            // SAFETY: the rows exist, and the map has room for the pointers and output offsets of a tile and the sums of the
            // m-block. The other tiles of the m-block find their rows from the first one's.
            return unsafe {
                let row = matrix.row(first);
                point_rows(row, stride, m_block.rows.min(tile_rows), tile_rows, row_pointers.pointers);
                row_pointers.equal_steps(call, first, stride, tile_rows, m_block)
            };
        }
        match (&call.lhs, map.copy) {
            (Lhs::Matrix(_), Some(by)) => {
                let first = cursor.x;
                cursor.x += m_block.rows;
                // SAFETY: the rows exist, and the map has room for them and their pointers, which are written first.
                return unsafe {
                    self.copy_matrix(call, by, map, first, m_block.rows, tile_rows);
                    row_pointers.equal_steps(call, first, map.row_bytes, tile_rows, m_block)
                };
            }
            (Lhs::Patches(_), Some(by)) => {
                // SAFETY: the patches exist, and the map has room for them.
                unsafe { self.copy_patches(call, by, map, tile_rows, cursor, m_block) };
            }
            (_, None) => {
                for (tile, start) in (0..m_block.rows).step_by(tile_rows).enumerate() {
                    let rows = tile_rows.min(m_block.rows - start);
                    // SAFETY: the rows exist, and the map has room for them.
                    unsafe {
                        if !(rows == tile_rows && self.step_down(call, map, cursor, m_block, tile, tile_rows))
                        {
                            self.find_rows(call, map, cursor, m_block, tile, [rows, tile_rows]);
                        }
                    }
                }
            }
        }
        let lhs_step = Step { entries: map.tile_pointers, bytes: 0 };
        // SAFETY: the pointers were written above, and the map has room for the sums.
        unsafe { row_pointers.add_up(call, tile_rows, m_block, lhs_step, None) };
        MBlockRows {
            lhs: row_pointers.pointers,
            lhs_step,
            first_row: 0,
            out_rows: row_pointers.out_offsets,
            out_step: Step { entries: tile_rows, bytes: 0 },
            sums: row_pointers.sums,
            signed: m_block.signed,
        }
    }

    /// Writes the output offsets of `count` neighbouring pixels from the cursor on: rows `row..row + count` of the m-block.
    ///
    /// # Safety
    ///
    /// The m-block has these rows, and the parts have room for its output offsets.
    #[inline]
    pub(in crate::gemm) unsafe fn write_out_offsets(
        &self,
        call: &Call<'_>,
        cursor: &Cursor,
        m_block: &MBlock<'_>,
        row: usize,
        count: usize,
    ) {
        let [height, width] = call.lhs.output();
        let first = (cursor.image * height + cursor.y) * width + cursor.x - m_block.first_row;
        let mut offset = first * m_block.out_stride;
        for i in 0..count {
            // SAFETY: there is an output offset per row of the m-block.
            unsafe { *self.row_pointers.out_offsets.add(row + i) = offset };
            offset = offset.wrapping_add(m_block.out_stride);
        }
    }

    /// Writes the pointers and output offsets of tile `tile` of an m-block, if its `tile_rows` rows continue those of the tile above in
    /// a line of the output, as most of them do: then each lies as far from the one above as all others do. Moves the cursor past them.
    /// Returns whether it was so.
    ///
    /// # Safety
    ///
    /// As [`find_rows`](Self::find_rows), and the tiles above were written.
    #[inline]
    unsafe fn step_down(
        &self,
        call: &Call<'_>,
        map: &ScratchMap,
        cursor: &mut Cursor,
        m_block: &MBlock<'_>,
        tile: usize,
        tile_rows: usize,
    ) -> bool {
        let MBlock { region, depth, .. } = *m_block;
        let (Lhs::Patches(patches), Addressing::KernelRows { begin, end }, Some(above)) =
            (&call.lhs, map.addressing, tile.checked_sub(1).or(m_block.above))
        else {
            return false;
        };
        let (begin, end) = if depth.len < call.panels.segment_len() {
            (region.x.start, region.x.end)
        } else {
            (begin.max(region.x.start), end.min(region.x.end))
        };
        let in_line = cursor.x >= begin + tile_rows && cursor.x + tile_rows <= end;
        if !in_line || !patches.kernel_rows_inside(cursor, region) {
            return false;
        }
        let window = patches.window();
        let (distance, out_distance) =
            (tile_rows * window.stride[1] * window.channels, tile_rows * m_block.out_stride);
        let RowPointers { pointers, out_offsets, .. } = self.row_pointers;
        // SAFETY: the tile above was written, all of whose patches are in this line, and there is room for this one.
        unsafe {
            let (from, to) =
                (pointers.add(above * map.tile_pointers), pointers.add(tile * map.tile_pointers));
            for i in 0..depth.segments * tile_rows {
                *to.add(i) = (*from.add(i)).wrapping_add(distance);
            }
            let (from, to) = (out_offsets.add(above * tile_rows), out_offsets.add(tile * tile_rows));
            for i in 0..tile_rows {
                *to.add(i) = *from.add(i) + out_distance;
            }
        }
        region.advance(cursor, tile_rows);
        true
    }

    /// Writes the pointers, output offsets and copies of tile `tile` of an m-block: `rows` rows of `tile_rows`, which are patches
    /// or copies. Moves the cursor past them.
    ///
    /// # Safety
    ///
    /// As [`prepare`](Self::prepare); the m-block has the tile.
    #[inline(never)]
    unsafe fn find_rows(
        &self,
        call: &Call<'_>,
        map: &ScratchMap,
        cursor: &mut Cursor,
        m_block: &MBlock<'_>,
        tile: usize,
        [rows, tile_rows]: [usize; 2],
    ) {
        let MBlock { region, depth, .. } = *m_block;
        let panels = &call.panels;
        // SAFETY: there is room for the pointers and output offsets of the m-block's tiles.
        let (pointers, out_offsets) = unsafe {
            (
                self.row_pointers.pointers.add(tile * map.tile_pointers),
                self.row_pointers.out_offsets.add(tile * tile_rows),
            )
        };
        let mut slot = 0;
        while slot < rows {
            // SAFETY: there are `tile_rows` pointers per segment.
            let at = unsafe { pointers.add(slot) };
            let mut count = 1;
            match (&call.lhs, map.addressing) {
                (Lhs::Patches(patches), Addressing::KernelRows { begin, end })
                    if depth.len < panels.segment_len() || (begin..end).contains(&cursor.x) =>
                {
                    // A region that leaves out taps has the others inside the image in all of its patches.
                    let end = if depth.len < panels.segment_len() { region.x.end } else { end };
                    count = (end.min(region.x.end) - cursor.x).min(rows - slot);
                    // SAFETY: the patches exist and lie inside, and there is a pointer per row of the kernel.
                    unsafe { patches.point_kernel_rows(cursor, count, region, at, tile_rows) };
                }
                (Lhs::Patches(patches), Addressing::InPlace) => {
                    // SAFETY: the patch exists, and there is a pointer per tap.
                    unsafe { patches.point_taps(cursor, region.ky, at, tile_rows) };
                }
                _ => {
                    debug_assert!((tile * tile_rows + slot + 1) * map.row_bytes <= self.copies_len);
                    // SAFETY: a row of bytes for every slot of the m-block, which nothing that is still read points into.
                    let row = unsafe { self.copies.add((tile * tile_rows + slot) * map.row_bytes) };
                    // SAFETY: as above.
                    let copy = unsafe { slice::from_raw_parts_mut(row, map.row_bytes) };
                    let mut end = 0;
                    call.lhs.for_each_run(cursor, |run| {
                        copy[end..end + run.len()].copy_from_slice(run);
                        end += run.len();
                    });
                    for segment in 0..depth.segments {
                        let start = (depth.first_segment + segment) * panels.segment_len();
                        // SAFETY: a pointer per segment; the copy has all segments.
                        unsafe { *at.add(segment * tile_rows) = row.add(start).cast_const() };
                    }
                }
            }
            // SAFETY: rows of the m-block.
            unsafe { self.write_out_offsets(call, cursor, m_block, tile * tile_rows + slot, count) };
            slot += count;
            region.advance(cursor, count);
        }
        for slot in rows..tile_rows {
            for segment in 0..depth.segments {
                // SAFETY: `tile_rows` pointers per segment, of which the last row's was written above.
                unsafe {
                    let of_segment = pointers.add(segment * tile_rows);
                    *of_segment.add(slot) = *of_segment.add(rows - 1);
                }
            }
            // SAFETY: as above.
            unsafe { *out_offsets.add(slot) = *out_offsets.add(rows - 1) };
        }
    }
}
