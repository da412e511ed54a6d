//! The loops around the blocks of a matrix unit.

use core::slice;

use super::{MAX_TILES, MatrixUnit, TILE, UnitBlock, UnitShape};
use crate::OutputElement;
use crate::gemm::call::{Call, Checked};
use crate::gemm::driver::Pass;
use crate::gemm::m_block::{Position, describe};
use crate::gemm::rows::{Addressing, Cursor, MBlock, PADDED_BYTES, Parts, Region, RowCopy, ScratchMap};
use crate::gemm::{Layout, Lhs, PANEL, PanelShape};
use crate::memory::Room;

/// Bytes of a step in the strip of a tile.
const STEP_BYTES: usize = TILE * TILE * Layout::GROUPS_OF_4.k_group;

/// The most bytes of scratch of a pass on a matrix unit; `None` if they overflow.
pub(in crate::gemm) fn most_scratch_bytes(
    found: (Addressing, Option<RowCopy>),
    panels: &PanelShape,
) -> Option<usize> {
    let steps = UnitShape::most_steps(panels)?;
    let map = map(found, panels, &UnitShape::largest(panels), [steps, PADDED_BYTES])?;
    Some(map.total)
}

/// The scratch of a pass of so many steps, with so many bytes of padded lines; `None` if its size overflows.
fn map(
    found: (Addressing, Option<RowCopy>),
    panels: &PanelShape,
    shape: &UnitShape,
    [steps, padded_bytes]: [usize; 2],
) -> Option<ScratchMap> {
    let map = ScratchMap::new(found, panels, shape.height, shape.m_block)?;
    map.with_unit([steps.checked_mul(MAX_TILES * STEP_BYTES)?, padded_bytes])
}

/// Rows that follow each other in the block of the output.
struct Run<'a> {
    /// The call, or one of the same rows in padded lines.
    call: &'a Call<'a>,
    region: &'a Region,
    /// The first of them, and its number among the pixels of the call's output.
    first: Cursor,
    first_row: usize,
    /// Rows of the block before them, and how many they are.
    before: usize,
    rows: usize,
}

impl Pass<'_> {
    /// Computes the pass on a unit that is permitted.
    pub(in crate::gemm) fn run_on<T: OutputElement>(
        &self,
        unit: &MatrixUnit,
        checked: &mut Checked<'_, '_, T>,
        scratch: &mut Room<'_>,
    ) {
        let call = checked.call();
        let (shape, padded_bytes) = match &self.padded {
            Some(padded) => {
                let rows = self.rows.min(padded.most_pixels());
                (UnitShape::of_lines(rows, padded.width(), self.depth, &call.panels), PADDED_BYTES)
            }
            None => (UnitShape::new(self.rows, self.depth, &call.panels), 0),
        };
        let steps = shape.depth.runs * shape.depth.steps;
        let map =
            map(self.found, &call.panels, &shape, [steps, padded_bytes]).expect("scratch size overflows");
        // SAFETY: the scratch has the bytes that the map asks for, and nothing else uses it before the pass is over.
        let parts = unsafe { map.parts(scratch.raw(map.total)) };
        let missing = if call.lhs_signed { checked.gemm().lhs.offset(true) } else { 0 };
        let panel_count = checked.out().columns().div_ceil(PANEL);
        // SAFETY: the parts are of this pass alone.
        let init = unsafe { self.initial_accumulators(checked, &parts, 0..panel_count, missing) };
        let mut work = || {
            let Some(padded) = &self.padded else {
                let run = Run {
                    call,
                    region: self.region,
                    first: self.first,
                    first_row: checked.out().first_row(),
                    before: 0,
                    rows: self.rows,
                };
                // SAFETY: the pass's rows, map and initial accumulators.
                unsafe { self.multiply(unit, checked, &shape, &map, &parts, &run, init) };
                return;
            };
            let (mut cursor, mut before) = (self.first, 0);
            while before < self.rows {
                let part = padded.part(&cursor, self.rows - before);
                // SAFETY: the map has these bytes, and nothing points to them between two parts.
                let copies = unsafe { slice::from_raw_parts_mut(parts.padded_lines, PADDED_BYTES) };
                let patches = padded.copy(&part, copies);
                let run = Run {
                    call: &Call { lhs: Lhs::Patches(patches), ..*call },
                    region: &part.region(patches.window()),
                    first: part.start(),
                    first_row: part.first,
                    before,
                    rows: part.pixels,
                };
                // SAFETY: as above, of the same rows as patches of the copy.
                unsafe { self.multiply(unit, checked, &shape, &map, &parts, &run, init) };
                before += part.pixels;
                padded.advance(&mut cursor, &part);
            }
        };
        // SAFETY: the backend's features are here, and the driver asked whether the unit is permitted.
        unsafe { (unit.with_tiles)([shape.height, shape.depth.step_groups], &mut work) };
    }

    /// Computes a run of rows.
    ///
    /// # Safety
    ///
    /// The run's rows are those of the pass or in padded lines, the parts are the map's, which has room for the shape, `init` covers every
    /// padded column, and the unit's tiles have the shape.
    #[allow(clippy::too_many_arguments, reason = "what a pass and its runs share")]
    unsafe fn multiply<T: OutputElement>(
        &self,
        unit: &MatrixUnit,
        checked: &Checked<'_, '_, T>,
        shape: &UnitShape,
        map: &ScratchMap,
        parts: &Parts,
        run: &Run<'_>,
        init: *const i32,
    ) {
        let panel_count = checked.out().columns().div_ceil(PANEL);
        let block_panels = UnitShape::block_panels(&run.call.panels);
        let height = shape.height;
        for panel in (0..panel_count).step_by(block_panels) {
            let width = block_panels.min(panel_count - panel);
            let mut cursor = run.first;
            for row in (0..run.rows).step_by(height * shape.m_block) {
                let rows = (height * shape.m_block).min(run.rows - row);
                let tiles = rows.div_ceil(height);
                let m_block = MBlock {
                    region: run.region,
                    first_row: run.first_row,
                    ..self.m_block(checked, map, rows)
                };
                // SAFETY: the m-block's rows exist, by `Checked` or because they are a part's; the map has room for these tiles.
                let mut found = unsafe { parts.prepare(run.call, map, height, &mut cursor, &m_block) };
                found.first_row += run.before;
                let position = Position { row: run.before + row, rows, tiles };
                // SAFETY: the m-block's rows were prepared and are the block's, as the panels are.
                let mut tile =
                    unsafe { describe(checked, self.depth, height, &found, position, [panel, width], init) };
                tile.rows = rows - (tiles - 1) * height;
                let block = UnitBlock { tile, shape: *shape, signed: found.signed, strips: parts.strips };
                // SAFETY: the tile is described as a kernel of vectors wants it, there is room for strips of this depth, and the
                // unit's tiles have this shape.
                unsafe { (unit.m_block)(&block) };
            }
        }
    }
}
