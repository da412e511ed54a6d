//! The loops around the blocks of a matrix unit.

use super::{MAX_TILES, MatrixUnit, TILE, UnitBlock, UnitShape};
use crate::gemm::call::Checked;
use crate::gemm::driver::Pass;
use crate::gemm::m_block::{Position, describe};
use crate::gemm::rows::{Addressing, RowCopy, ScratchMap};
use crate::gemm::{Layout, PANEL, PanelShape};
use crate::{OutputElement, Scratch};

/// Bytes of a step in the strip of a tile.
const STEP_BYTES: usize = TILE * TILE * Layout::GROUPS_OF_4.k_group;

/// The scratch of a pass on a matrix unit, of so many steps; `None` if its size overflows.
pub(in crate::gemm) fn unit_map(
    found: (Addressing, Option<RowCopy>),
    panels: &PanelShape,
    shape: &UnitShape,
    steps: usize,
) -> Option<ScratchMap> {
    let map = ScratchMap::new(found, panels, shape.height, shape.m_block)?;
    map.with_strips(steps.checked_mul(MAX_TILES * STEP_BYTES)?)
}

impl Pass<'_> {
    /// Computes the pass on a unit that is permitted.
    pub(in crate::gemm) fn run_on<T: OutputElement>(
        &self,
        unit: &MatrixUnit,
        checked: &mut Checked<'_, '_, T>,
        scratch: &mut Scratch,
    ) {
        let call = checked.call();
        let shape = UnitShape::new(self.rows, self.depth, &call.panels);
        let steps = shape.depth.runs * shape.depth.steps;
        let map = unit_map(self.found, &call.panels, &shape, steps).expect("scratch size overflows");
        // SAFETY: the scratch has the bytes that the map asks for, and nothing else uses it before the pass is over.
        let parts = unsafe { map.parts(scratch.raw(map.total)) };
        let missing = if call.lhs_signed { checked.gemm().lhs.offset(true) } else { 0 };
        let panel_count = checked.out().columns().div_ceil(PANEL);
        // SAFETY: the parts are of this pass alone.
        let init = unsafe { self.initial_accumulators(checked, &parts, 0..panel_count, missing) };
        let block_panels = UnitShape::block_panels(&call.panels);
        let mut work = || {
            for panel in (0..panel_count).step_by(block_panels) {
                let width = block_panels.min(panel_count - panel);
                let mut cursor = self.first;
                for row in (0..self.rows).step_by(shape.height * shape.m_block) {
                    let rows = (shape.height * shape.m_block).min(self.rows - row);
                    let tiles = rows.div_ceil(shape.height);
                    let m_block = self.m_block(checked, &map, rows);
                    // SAFETY: the m-block's rows exist, by `Checked`; the map has room for these tiles of these rows.
                    let found = unsafe { parts.prepare(call, &map, shape.height, &mut cursor, &m_block) };
                    let position = Position { row, rows, tiles };
                    // SAFETY: the m-block's rows were prepared and are the block's, as the panels are; `init` covers every padded
                    // column.
                    let mut tile = unsafe {
                        describe(checked, self.depth, shape.height, &found, position, [panel, width], init)
                    };
                    tile.rows = rows - (tiles - 1) * shape.height;
                    let block = UnitBlock { tile, shape, signed: found.signed, strips: parts.strips };
                    // SAFETY: the tile is described as a kernel of vectors wants it, there is room for strips of this depth, and the
                    // unit's tiles have this shape.
                    unsafe { (unit.m_block)(&block) };
                }
            }
        };
        // SAFETY: the backend's features are here, and the driver asked whether the unit is permitted.
        unsafe { (unit.with_tiles)([shape.height, shape.depth.step_groups], &mut work) };
    }
}
