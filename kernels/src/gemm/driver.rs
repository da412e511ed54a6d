//! The loops around the tiles.

use core::ops::Range;
use core::slice;

use super::call::Checked;
use super::m_block::{Position, compute};
use super::matrix_unit::{ProductSize, most_scratch_bytes};
use super::rows::{
    Addressing, Cursor, Depth, MBlock, PaddedLines, Parts, Region, RowCopy, ScratchMap, addressing, depth_of,
};
use super::small;
use super::tiling::{choose, choose_again, fitting, longest_m_block, shared_panels};
use super::{Call, Lhs, OutputBlock, PANEL, PaddingElision, PanelShape, RowSums, Tiling};
use crate::memory::Room;
use crate::{Backend, OutputElement, Window2d};

/// Bytes of scratch that [`run`] needs for these weights, whatever the activations; `None` if that overflows or
/// the backend does not read them.
pub(super) fn scratch_bytes(backend: Backend, panels: &PanelShape) -> Option<usize> {
    let gemm = panels.variant(backend)?;
    if panels.columns() == 0 {
        return Some(0);
    }
    let copied = (Addressing::Copied, RowCopy::always(gemm));
    let of_tiles = gemm.tiles.iter().try_fold(0, |most: usize, tile| {
        let m_block = longest_m_block(tile, panels.depth());
        let map = ScratchMap::new(copied, panels, tile.rows, m_block)?;
        Some(most.max(map.total))
    })?;
    if gemm.unit.is_none() {
        return Some(of_tiles);
    }
    Some(of_tiles.max(most_scratch_bytes(copied, panels)?))
}

/// Computes the block of the output that `out` covers, with panels of bytes.
///
/// # Panics
///
/// As [`run`](super::run).
pub(super) fn run<T: OutputElement>(call: &Call<'_>, out: OutputBlock<'_, T>, scratch: &mut Room<'_>) {
    let mut checked = Checked::new(call, out);
    if checked.out().rows() == 0 || checked.out().columns() == 0 {
        return;
    }
    let (gemm, panels) = (checked.gemm(), &call.panels);
    let unit = gemm.unit_for(ProductSize::new(checked.out().rows(), panels, checked.out().columns()));
    if unit.is_none()
        && let Lhs::Matrix(matrix) = &call.lhs
        && small::run(&mut checked, matrix, scratch)
    {
        return;
    }
    let padded = match (&call.lhs, unit) {
        (Lhs::Patches(patches), Some(_)) => PaddedLines::new(patches, panels),
        _ => None,
    };
    let found = match (unit, &padded) {
        // Its strips are copies already.
        (Some(_), Some(padded)) => (padded.addressing, None),
        (Some(_), None) => (call.lhs.addressing(panels.segments(), panels.segment_len()), None),
        (None, _) => addressing(gemm, call),
    };
    let elision = call.border.elision.min(call.lhs.possible_elision(found.0, gemm.layout.k_group));
    // Factors and zero points by row belong to consecutive rows, which those of a region are not.
    let by_row = call.stage.has_row_scale() || call.row_zeros.is_some();
    let elision = if by_row || padded.is_some() { PaddingElision::Nothing } else { elision };
    let (start, end) = (checked.out().first_row(), checked.out().first_row() + checked.out().rows());
    let panel_count = checked.out().columns().div_ceil(PANEL);
    let mut pass = |region: &Region, first: Cursor, rows: usize, columns: Range<usize>| {
        let depth = &match &call.lhs {
            Lhs::Matrix(_) => Depth::whole(panels),
            Lhs::Patches(patches) => depth_of(patches.patches(), panels, region),
        };
        let pass = Pass { found, region, first, rows, depth, padded };
        if let Some(unit) = unit {
            pass.run_on(unit, &mut checked, scratch);
            return;
        }
        let groups = depth.groups(gemm.layout.k_group);
        let tiling = match call.memo {
            Some(memo) if elision == PaddingElision::Nothing => {
                choose_again(memo, gemm, rows, panel_count, panels, groups)
            }
            _ => choose(gemm, rows, columns.len(), panels, groups).0,
        };
        pass.run(&tiling, &mut checked, columns, scratch);
    };
    match &call.lhs {
        Lhs::Matrix(matrix) => {
            pass(&matrix.region(), Cursor { image: 0, y: 0, x: start }, end - start, 0..panel_count)
        }
        Lhs::Patches(patches) => {
            let window = patches.window();
            // All regions read the same weights: while these are in the second-level cache.
            let width = match elision {
                PaddingElision::Nothing => panel_count,
                _ if unit.is_some() => panel_count,
                _ => shared_panels(gemm, panel_count, panels),
            };
            for first in (0..panel_count).step_by(width) {
                for region in window.regions(elision) {
                    let rows = region.pixels(window.output, start, end);
                    if rows > 0 {
                        let columns = first..(first + width).min(panel_count);
                        pass(&region, region.first_pixel(window.output, start), rows, columns);
                    }
                }
            }
        }
    }
}

/// The computation of a region's rows in a block of the output.
pub(super) struct Pass<'a> {
    /// How rows are found.
    pub(super) found: (Addressing, Option<RowCopy>),
    pub(super) region: &'a Region,
    /// The region's first pixel in the block, and how many there are.
    pub(super) first: Cursor,
    pub(super) rows: usize,
    pub(super) depth: &'a Depth,
    /// Where a matrix unit reads them, if it does not read patches of the image itself.
    pub(super) padded: Option<PaddedLines<'a>>,
}

impl Pass<'_> {
    fn run<T: OutputElement>(
        &self,
        tiling: &Tiling,
        checked: &mut Checked<'_, '_, T>,
        panels: Range<usize>,
        scratch: &mut Room<'_>,
    ) {
        let (call, gemm) = (checked.call(), checked.gemm());
        let main = fitting(gemm.tiles, tiling.tile_rows);
        let map = ScratchMap::new(self.found, &call.panels, main.rows, tiling.m_block)
            .expect("scratch size overflows");
        // SAFETY: the scratch has the bytes that the map asks for, and nothing else uses it before the pass is over.
        let parts = unsafe { map.parts(scratch.raw(map.total)) };
        // SAFETY: the parts are of this pass alone.
        let init = unsafe { self.initial_accumulators(checked, &parts, panels.clone(), 0) };
        for block in panels.clone().step_by(tiling.block_panels) {
            let block_end = (block + tiling.block_panels).min(panels.end);
            let mut cursor = self.first;
            let (mut done, mut above) = (0, None);
            while done < self.rows {
                let remaining = self.rows - done;
                let (tile_rows, tiles) = match remaining / main.rows {
                    0 => (fitting(gemm.tiles, remaining), 1),
                    whole => (main, whole.min(tiling.m_block)),
                };
                let rows = remaining.min(tile_rows.rows * tiles);
                // Of an m-block of lower tiles the pointers have another order.
                let above = above.replace(tiles - 1).filter(|_| tile_rows.rows == main.rows);
                let m_block = MBlock { above, ..self.m_block(checked, &map, rows) };
                // SAFETY: the m-block's rows exist, by `Checked`; the map has room for these tiles of these rows.
                let found = unsafe { parts.prepare(call, &map, tile_rows.rows, &mut cursor, &m_block) };
                let position = Position { row: done, rows, tiles };
                // SAFETY: the m-block's rows were prepared and are the block's, as the panels are; `init` covers every padded
                // column.
                unsafe {
                    compute(checked, self.depth, tile_rows, &found, position, block..block_end, init);
                }
                done += rows;
            }
        }
    }

    /// The next `rows` rows.
    #[inline]
    pub(super) fn m_block<T: OutputElement>(
        &self,
        checked: &Checked<'_, '_, T>,
        map: &ScratchMap,
        rows: usize,
    ) -> MBlock<'_> {
        MBlock {
            region: self.region,
            depth: self.depth,
            rows,
            above: None,
            first_row: checked.out().first_row(),
            out_stride: checked.out().row_bytes(),
            gemm: checked.gemm(),
            signed: checked.call().lhs_signed && !map.copy.is_some_and(|copy| copy.flips()),
        }
    }

    /// The initial accumulators of all columns, of which those of `panels` of the block are valid: the call's, or in `parts`. `missing` is the part of
    /// the variant's offset that the activations do not have when they are multiplied: a matrix unit takes signed ones as they are. Sums of rows
    /// have all of it.
    ///
    /// # Safety
    ///
    /// The parts are those of a map of the call's panels, and nothing points to their initial accumulators yet.
    pub(super) unsafe fn initial_accumulators<T: OutputElement>(
        &self,
        checked: &Checked<'_, '_, T>,
        parts: &Parts,
        panels: Range<usize>,
        missing: i32,
    ) -> *const i32 {
        let call = checked.call();
        let leaves_out = self.leaves_out(&call.panels);
        if !leaves_out && missing == 0 {
            return call.init.as_ptr();
        }
        let first_panel = checked.out().first_column() / PANEL;
        let columns = (first_panel + panels.start) * PANEL..(first_panel + panels.end) * PANEL;
        // SAFETY: the map has room for the initial accumulators of all columns, and nothing else points there yet.
        let init = unsafe { slice::from_raw_parts_mut(parts.init, call.panels.padded_columns()) };
        let init = &mut init[columns.clone()];
        init.copy_from_slice(&call.init[columns.clone()]);
        if missing != 0 {
            for (x, &sum) in init.iter_mut().zip(&call.panels.sums()[columns.clone()]) {
                *x = x.wrapping_add(missing.wrapping_mul(sum));
            }
        }
        if leaves_out {
            let zero = call.border.lhs_zero.wrapping_add(checked.gemm().lhs.offset(call.lhs_signed));
            self.add_left_out(call, [zero, zero.wrapping_sub(missing)], columns, init);
        }
        parts.init.cast_const()
    }

    /// Adds to the initial accumulators of `columns` what the taps that the region leaves out would add: each of their activations is the
    /// zero point, as sums of rows have it and as it is multiplied. The accumulators have −zero·Σw + K·zero·weight_zero of all taps.
    fn add_left_out(
        &self,
        call: &Call<'_>,
        [zero, multiplied]: [i32; 2],
        columns: Range<usize>,
        init: &mut [i32],
    ) {
        let Lhs::Patches(rows) = &call.lhs else { return };
        let padded = call.panels.padded_columns();
        for tap in self.taps_left_out(rows.window()) {
            let sums = &call.border.tap_sums[tap * padded..][columns.clone()];
            for (x, &sum) in init.iter_mut().zip(sums) {
                *x = x.wrapping_add(multiplied.wrapping_mul(sum));
            }
            if let Some(zeros) = call.weight_zeros {
                let scale = zero.wrapping_mul(rows.patches().channels() as i32);
                for (x, &factor) in init.iter_mut().zip(&zeros[columns.clone()]) {
                    *x = x.wrapping_sub(scale.wrapping_mul(RowSums::zero_point(factor)));
                }
            }
        }
    }

    /// The taps that the region leaves out.
    fn taps_left_out(&self, window: &Window2d) -> impl Iterator<Item = usize> {
        let (&Region { ky, kx, .. }, kernel_width) = (self.region, window.kernel[1]);
        let inside = move |tap: usize| ky.contains(tap / kernel_width) && kx.contains(tap % kernel_width);
        (0..window.taps()).filter(move |&tap| !inside(tap))
    }

    /// Whether the region leaves out taps.
    fn leaves_out(&self, panels: &PanelShape) -> bool {
        self.depth.segments * self.depth.len < panels.depth()
    }
}
