//! The loops around the blocks of a matrix unit.

use super::{MAX_TILES, MatrixUnit, TILE, UnitBlock, UnitShape};
use crate::gemm::call::Checked;
use crate::gemm::driver::Pass;
use crate::gemm::m_block::{Position, describe};
use crate::gemm::rows::{Addressing, MBlock, RowCopy, ScratchMap};
use crate::gemm::{Layout, Lhs, PANEL, PanelShape};
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
        let (call, gemm) = (checked.call(), checked.gemm());
        let shape = UnitShape::new(self.rows, self.depth, &call.panels);
        let steps = shape.depth.runs * shape.depth.steps;
        let map = unit_map(self.found, &call.panels, &shape, steps).expect("scratch size overflows");
        // SAFETY: the scratch has the bytes that the map asks for, and nothing else uses it before the pass is over.
        let parts = unsafe { map.parts(scratch.raw(map.total)) };
        // SAFETY: the parts are of this pass alone.
        let mut init = unsafe { self.initial_accumulators(checked, &parts) };
        if call.lhs_signed {
            // SAFETY: as above; the initial accumulators are those of the block's columns.
            init = unsafe { self.without_offset(checked, init, parts.init) };
        }
        let panel_count = checked.out().columns().div_ceil(PANEL);
        let block_panels = UnitShape::block_panels(&call.panels);
        let mut work = || {
            for panel in (0..panel_count).step_by(block_panels) {
                let width = block_panels.min(panel_count - panel);
                let mut cursor = self.first;
                for row in (0..self.rows).step_by(shape.height * shape.m_block) {
                    let rows = (shape.height * shape.m_block).min(self.rows - row);
                    let tiles = rows.div_ceil(shape.height);
                    let m_block = MBlock {
                        region: self.region,
                        depth: self.depth,
                        rows,
                        first_row: checked.out().first_row(),
                        out_stride: checked.out().row_bytes(),
                        gemm,
                        signed: call.lhs_signed,
                    };
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

    /// Writes initial accumulators for signed activations as they are: what the variant's offset adds to the sums of its tiles is
    /// added here. Sums of rows have the offset as before, since these have the zero points of weights with it.
    ///
    /// # Safety
    ///
    /// `init` is valid for the block's columns, `own` for those of all panels; they may be the same.
    unsafe fn without_offset<T: OutputElement>(
        &self,
        checked: &Checked<'_, '_, T>,
        init: *const i32,
        own: *mut i32,
    ) -> *const i32 {
        let (call, out) = (checked.call(), checked.out());
        let offset = checked.gemm().lhs.offset(true);
        let padded = call.panels.padded_columns();
        let columns = out.first_column()..(out.first_column() + out.columns()).next_multiple_of(PANEL);
        for column in columns.clone() {
            let added = offset.wrapping_mul(call.panels.sums()[column]);
            // SAFETY: columns of the block.
            unsafe { *own.add(column) = (*init.add(column)).wrapping_add(added) };
        }
        if let Lhs::Patches(rows) = &call.lhs
            && self.leaves_out(&call.panels)
        {
            for tap in self.taps_left_out(rows.window()) {
                for column in columns.clone() {
                    let left_out = offset.wrapping_mul(call.border.tap_sums[tap * padded + column]);
                    // SAFETY: as above.
                    unsafe { *own.add(column) = (*own.add(column)).wrapping_sub(left_out) };
                }
            }
        }
        own
    }
}
