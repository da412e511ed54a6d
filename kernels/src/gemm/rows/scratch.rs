//! Where the scratch of a call holds what an m-block reads beside weights: row pointers, output offsets, sums of rows, and
//! copies of rows that a kernel cannot read in place.

use super::addressing::Addressing;
use super::copies::RowCopy;
use crate::gemm::PanelShape;

const POINTER: usize = size_of::<*const u8>();

/// Where things lie in the scratch.
pub(in crate::gemm) struct ScratchMap {
    pub(in crate::gemm) addressing: Addressing,
    /// How rows are copied, if they are not read in place or copied as they are.
    pub(in crate::gemm) copy: Option<RowCopy>,
    /// Pointers of a tile.
    pub(in crate::gemm) tile_pointers: usize,
    /// Bytes of one copied row; 0 if rows are read in place.
    pub(in crate::gemm) row_bytes: usize,
    out_offsets: usize,
    sums: usize,
    init: usize,
    rows: usize,
    strips: usize,
    padded_lines: usize,
    pub(in crate::gemm) total: usize,
}

impl ScratchMap {
    /// `[m_block][segments][tile_rows]` row pointers, `[m_block][tile_rows]` output offsets and sums, the initial accumulators of
    /// a region, and `[m_block][tile_rows]` copied rows. `None` if the size overflows.
    pub(in crate::gemm) fn new(
        (addressing, copy): (Addressing, Option<RowCopy>),
        panels: &PanelShape,
        tile_rows: usize,
        m_block: usize,
    ) -> Option<ScratchMap> {
        let depth = panels.depth();
        let element = copy.map_or(1, |copy| copy.element);
        let row_bytes = match (addressing, copy) {
            (Addressing::InPlace, None) => 0,
            _ => depth.checked_next_multiple_of(64 / element)?.checked_mul(element)?.checked_add(64)?,
        };
        let slots = m_block * tile_rows;
        let tile_pointers = panels.segments().max(1).checked_mul(tile_rows)?;
        let out_offsets = tile_pointers.checked_mul(m_block * POINTER)?;
        let sums = out_offsets.checked_add(slots * size_of::<usize>())?;
        let init = sums.checked_add(slots * size_of::<i32>())?.checked_next_multiple_of(64)?;
        let rows = init.checked_add(panels.padded_columns().checked_mul(size_of::<i32>())?)?;
        let rows = rows.checked_next_multiple_of(64)?;
        let total = rows.checked_add(row_bytes.checked_mul(slots)?)?;
        let (strips, padded_lines) = (total, total);
        Some(ScratchMap {
            addressing,
            copy,
            tile_pointers,
            row_bytes,
            out_offsets,
            sums,
            init,
            rows,
            strips,
            padded_lines,
            total,
        })
    }

    /// The same with room for what a matrix unit reads: bytes of strips, and of padded lines. `None` if the size overflows.
    pub(in crate::gemm) fn with_unit(self, [strips, padded_lines]: [usize; 2]) -> Option<ScratchMap> {
        let at = self.total.checked_next_multiple_of(64)?;
        let lines_at = at.checked_add(strips)?.checked_next_multiple_of(64)?;
        let total = lines_at.checked_add(padded_lines)?;
        Some(ScratchMap { strips: at, padded_lines: lines_at, total, ..self })
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
    /// What [`with_unit`](ScratchMap::with_unit) added; on 64-byte borders.
    pub(in crate::gemm) strips: *mut u8,
    pub(in crate::gemm) padded_lines: *mut u8,
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
            let (copies, copies_len) = (memory.add(self.rows), self.strips - self.rows);
            let (init, strips) = (memory.add(self.init).cast(), memory.add(self.strips));
            let padded_lines = memory.add(self.padded_lines);
            Parts { row_pointers, init, copies, copies_len, strips, padded_lines }
        }
    }
}
