//! What an m-block reads beside weights: row pointers, output offsets, sums of rows, and copies of rows that a kernel cannot
//! read in place.

use core::slice;

use super::lhs::{Addressing, point_rows};
use super::regions::{Cursor, Region};
use crate::gemm::{Call, Lhs, LhsForm, PackedPanels, Patches, Step};

const POINTER: usize = size_of::<*const u8>();

/// Where things lie in the scratch.
pub(in crate::gemm) struct ScratchMap {
    pub(in crate::gemm) form: LhsForm,
    pub(in crate::gemm) addressing: Addressing,
    /// Pointers of a tile.
    pub(in crate::gemm) tile_pointers: usize,
    /// Bytes of one copied row; 0 if rows are read in place.
    pub(in crate::gemm) row_bytes: usize,
    out_offsets: usize,
    sums: usize,
    init: usize,
    rows: usize,
    pub(in crate::gemm) total: usize,
}

impl ScratchMap {
    /// `[m_block][segments][tile_rows]` row pointers, `[m_block][tile_rows]` output offsets and sums, the initial accumulators of
    /// a region, and `[m_block][tile_rows]` copied rows. `None` if the size overflows.
    pub(in crate::gemm) fn new(
        form: LhsForm,
        addressing: Addressing,
        panels: &PackedPanels,
        tile_rows: usize,
        m_block: usize,
    ) -> Option<ScratchMap> {
        let depth = panels.depth();
        let row_bytes = match form {
            LhsForm::I16 { .. } => depth.checked_next_multiple_of(32)?.checked_mul(2)?.checked_add(64)?,
            LhsForm::Bytes { .. } if addressing == Addressing::InPlace => 0,
            LhsForm::Bytes { .. } => depth.checked_next_multiple_of(64)?.checked_add(64)?,
        };
        let slots = m_block * tile_rows;
        let tile_pointers = panels.segments().max(1).checked_mul(tile_rows)?;
        let out_offsets = tile_pointers.checked_mul(m_block * POINTER)?;
        let sums = out_offsets.checked_add(slots * size_of::<usize>())?;
        let init = sums.checked_add(slots * size_of::<i32>())?.checked_next_multiple_of(64)?;
        let rows = init.checked_add(panels.padded_columns().checked_mul(size_of::<i32>())?)?;
        let rows = rows.checked_next_multiple_of(64)?;
        let total = rows.checked_add(row_bytes.checked_mul(slots)?)?;
        Some(ScratchMap { form, addressing, tile_pointers, row_bytes, out_offsets, sums, init, rows, total })
    }
}

/// Room for what tiles read of rows: pointers to their segments, output offsets, sums.
#[derive(Clone, Copy)]
pub(in crate::gemm) struct RowPointers {
    pub(in crate::gemm) pointers: *mut *const u8,
    pub(in crate::gemm) out_offsets: *mut usize,
    pub(in crate::gemm) sums: *mut i32,
}

/// The parts of a scratch that a map tells apart: addresses that all come from one, so that writing to one part leaves what
/// points into the others valid.
pub(in crate::gemm) struct Parts {
    pub(in crate::gemm) row_pointers: RowPointers,
    /// Initial accumulators, one for each padded column.
    pub(in crate::gemm) init: *mut i32,
    /// A row of `row_bytes` for each slot of the m-block; on a 64-byte border.
    pub(in crate::gemm) copies: *mut u8,
    /// Bytes of them.
    pub(in crate::gemm) copies_len: usize,
}

impl ScratchMap {
    /// The parts of `memory`.
    ///
    /// # Safety
    ///
    /// `memory` is aligned to 64 bytes, and nothing else uses its `total` initialized bytes while the parts are used.
    #[inline]
    pub(in crate::gemm) unsafe fn parts(&self, memory: *mut u8) -> Parts {
        // SAFETY: every offset is at most `total`.
        unsafe {
            let row_pointers = RowPointers {
                pointers: memory.cast(),
                out_offsets: memory.add(self.out_offsets).cast(),
                sums: memory.add(self.sums).cast(),
            };
            let (copies, copies_len) = (memory.add(self.rows), self.total - self.rows);
            Parts { row_pointers, init: memory.add(self.init).cast(), copies, copies_len }
        }
    }
}

/// Where an m-block's tiles find their rows in the parts of a scratch.
pub(in crate::gemm) struct MBlockRows {
    pub(in crate::gemm) lhs: *const *const u8,
    pub(in crate::gemm) lhs_step: Step,
    /// The row of the block from which output offsets count, the offsets, and the step from a tile's offsets to the next one's.
    pub(in crate::gemm) first_row: usize,
    pub(in crate::gemm) out_rows: *const usize,
    pub(in crate::gemm) out_step: Step,
    pub(in crate::gemm) sums: *const i32,
}

/// The rows of an m-block: which ones, and where they go.
pub(in crate::gemm) struct MBlock<'a> {
    pub(in crate::gemm) region: &'a Region,
    /// The part of the depth that they are multiplied with.
    pub(in crate::gemm) depth: &'a Depth,
    /// Number of rows.
    pub(in crate::gemm) rows: usize,
    /// The first row of the block that is computed, and bytes from a row of the output to the next.
    pub(in crate::gemm) first_row: usize,
    pub(in crate::gemm) out_stride: usize,
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
        form: LhsForm,
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
            };
            self.add_up(call, form, tile_rows, m_block, found.lhs_step);
            found
        }
    }

    /// Writes the sums of an m-block's rows, if weights have zero points.
    ///
    /// # Safety
    ///
    /// The pointers of the rows were written, `step` apart for each tile, and there is room for the sums.
    #[inline]
    unsafe fn add_up(
        &self,
        call: &Call<'_>,
        form: LhsForm,
        tile_rows: usize,
        m_block: &MBlock<'_>,
        step: Step,
    ) {
        if call.weight_zeros.is_none() {
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
                row_pointers.equal_steps(call, map.form, first, stride, tile_rows, m_block)
            };
        }
        match (&call.lhs, map.form) {
            (Lhs::Matrix(_), LhsForm::I16 { widen }) => {
                let first = cursor.x;
                cursor.x += m_block.rows;
                // SAFETY: the rows exist, and the map has room for them and their pointers, which are written first.
                return unsafe {
                    self.widen_matrix(call, widen, map, first, m_block.rows, tile_rows);
                    row_pointers.equal_steps(call, map.form, first, map.row_bytes, tile_rows, m_block)
                };
            }
            (Lhs::Patches(_), LhsForm::I16 { widen }) => {
                // SAFETY: the patches exist, and the map has room for them.
                unsafe { self.widen_patches(call, widen, map, tile_rows, cursor, m_block) };
            }
            (_, LhsForm::Bytes { .. }) => {
                for (tile, start) in (0..m_block.rows).step_by(tile_rows).enumerate() {
                    let rows = tile_rows.min(m_block.rows - start);
                    // SAFETY: the rows exist, and the map has room for them.
                    unsafe { self.find_rows(call, map, cursor, m_block, tile, [rows, tile_rows]) };
                }
            }
        }
        let lhs_step = Step { entries: map.tile_pointers, bytes: 0 };
        // SAFETY: the pointers were written above, and the map has room for the sums.
        unsafe { row_pointers.add_up(call, map.form, tile_rows, m_block, lhs_step) };
        MBlockRows {
            lhs: row_pointers.pointers,
            lhs_step,
            first_row: 0,
            out_rows: row_pointers.out_offsets,
            out_step: Step { entries: tile_rows, bytes: 0 },
            sums: row_pointers.sums,
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
        for i in 0..count {
            // SAFETY: there is an output offset per row of the m-block.
            unsafe { *self.row_pointers.out_offsets.add(row + i) = (first + i) * m_block.out_stride };
        }
    }

    /// Writes the pointers, output offsets and copies of tile `tile` of an m-block: `rows` rows of `tile_rows`, which are patches
    /// or copies. Moves the cursor past them.
    ///
    /// # Safety
    ///
    /// As [`prepare`](Self::prepare); the m-block has the tile.
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

/// The part of the depth that a region's rows are multiplied with.
pub(in crate::gemm) struct Depth {
    pub(in crate::gemm) first_segment: usize,
    pub(in crate::gemm) segments: usize,
    /// First element of a segment, and number of elements.
    pub(in crate::gemm) first: usize,
    pub(in crate::gemm) len: usize,
}

impl Depth {
    /// The whole depth.
    #[inline]
    pub(in crate::gemm) fn whole(panels: &PackedPanels) -> Depth {
        Depth { first_segment: 0, segments: panels.segments(), first: 0, len: panels.segment_len() }
    }

    /// K-groups of `group` depths, padding included.
    pub(in crate::gemm) fn groups(&self, group: usize) -> usize {
        self.segments * self.len.div_ceil(group)
    }
}

/// The part of the depth that a region of patches takes.
#[inline]
pub(in crate::gemm) fn depth_of(patches: &Patches, panels: &PackedPanels, region: &Region) -> Depth {
    let (segments, segment_len) = (panels.segments(), panels.segment_len());
    let [height, width] = patches.window().kernel;
    // The segments of a row of the kernel: its taps, the whole row, or all rows at once.
    let per_row = segments / height;
    if region.kx.len() == 0 || region.ky.len() == 0 {
        Depth { first_segment: 0, segments: 0, first: 0, len: segment_len }
    } else if region.ky.len() == height && region.kx.len() == width {
        Depth::whole(panels)
    } else if region.kx.len() == width {
        let (first_segment, segments) = (region.ky.start * per_row, region.ky.len() * per_row);
        Depth { first_segment, segments, first: 0, len: segment_len }
    } else {
        let channels = patches.channels();
        let (first, len) = (region.kx.start * channels, region.kx.len() * channels);
        Depth { first_segment: region.ky.start, segments: region.ky.len(), first, len }
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
