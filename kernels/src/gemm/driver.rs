//! The loops around the tiles.

use core::ops::Range;

use super::regions::{Cursor, Region, Skip};
use super::rows::Addressing;
use super::scratch::{Depth, ScratchMap, Strip, StripRows, depth_of};
use super::small;
use super::tiling::{choose, fitting, longest_strip};
use super::{
    Lhs, LhsForm, OutputBlock, PANEL, PackedPanels, Stage, Tile, TileRows, Tiling, TilingMemo, Variant,
};
use crate::{Backend, OutputElement, Scratch};

/// Everything a multiplication reads.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whose kernels run; the panels must be in its layout.
    pub backend: Backend,
    /// The activations.
    pub lhs: Lhs<'a>,
    /// Whether they are `i8`.
    pub lhs_signed: bool,
    /// The weights.
    pub panels: &'a PackedPanels,
    /// See [`PackedPanels::initial_accumulators`].
    pub init: &'a [i32],
    /// The canonical weights' zero points; `None` if all are 0.
    pub weight_zeros: Option<&'a [i32]>,
    /// What of a convolution's products with its padding is left out.
    pub border: Border<'a>,
    /// What becomes of the accumulators.
    pub stage: Stage<'a>,
    /// Where the choice of tile is kept from call to call, for the same panels and backend only.
    pub memo: Option<&'a TilingMemo>,
}

/// How a convolution treats the taps of its patches that lie outside the image.
#[derive(Clone, Copy, Debug)]
pub struct Border<'a> {
    /// Which products are left out; more than the packed weights' segments allow never are.
    pub skip: Skip,
    /// See [`PackedPanels::tap_sums`]; may be empty if nothing is left out.
    pub tap_sums: &'a [i32],
    /// The activations' zero point.
    pub lhs_zero: i32,
}

impl Border<'_> {
    /// Every product is computed: the only way for a matrix.
    pub const COMPUTED: Border<'static> = Border { skip: Skip::Nothing, tap_sums: &[], lhs_zero: 0 };
}

/// Bytes of scratch that [`run`] needs for these weights, whatever the activations; `None` if that overflows or
/// the backend does not read them.
#[must_use]
pub fn scratch_bytes(backend: Backend, panels: &PackedPanels) -> Option<usize> {
    let gemm = panels.variant(backend)?;
    gemm.tiles.iter().try_fold(0, |most: usize, tile| {
        let strip = longest_strip(tile, panels.depth());
        let map = ScratchMap::new(gemm.lhs, Addressing::Copied, panels, tile.rows, strip)?;
        Some(most.max(map.total))
    })
}

/// Computes the block of the output that `out` covers.
///
/// # Panics
///
/// If the operands' shapes do not fit each other, the panels are not in the backend's layout, `T` is not what the stage
/// writes, or the block's first column is not on a panel's border.
pub fn run<T: OutputElement>(call: &Call<'_>, mut out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    let gemm = call.panels.variant(call.backend).expect("panels of a layout that the backend reads");
    check(call, &out);
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    if let Lhs::Matrix(matrix) = &call.lhs
        // SAFETY: `check` has passed, and the block is not empty.
        && unsafe { small::run(call, gemm, matrix, &mut out, scratch) }
    {
        return;
    }
    let panels = call.panels;
    let addressing = addressing(gemm, &call.lhs, panels);
    let skip = call.border.skip.min(call.lhs.skippable(addressing, gemm.layout.k_group));
    // Factors by row belong to consecutive rows, which those of a region are not.
    let skip = if call.stage.has_row_scale() { Skip::Nothing } else { skip };
    let (start, end) = (out.first_row(), out.first_row() + out.rows());
    let mut pass = |region: &Region, first: Cursor, rows: usize| {
        let panel_count = out.columns().div_ceil(PANEL);
        let depth = &depth_of(&call.lhs, panels, region);
        let groups = depth.groups(gemm.layout.k_group);
        let tiling = match call.memo {
            Some(memo) if skip == Skip::Nothing => memo.choose(gemm, rows, panel_count, panels, groups),
            _ => choose(gemm, rows, panel_count, panels, groups).0,
        };
        let tiling = &tiling;
        Pass { call, gemm, addressing, region, first, rows, depth, tiling }.run(&mut out, scratch);
    };
    match &call.lhs {
        Lhs::Matrix(matrix) => pass(&matrix.region(), Cursor { image: 0, y: 0, x: start }, end - start),
        Lhs::Patches(patches) => {
            let geometry = &patches.geometry;
            for region in geometry.regions(skip) {
                let rows = region.pixels(geometry.output, start, end);
                if rows > 0 {
                    pass(&region, region.first_pixel(geometry.output, start), rows);
                }
            }
        }
    }
}

/// How rows are found.
#[inline]
pub(super) fn addressing(gemm: &Variant, lhs: &Lhs<'_>, panels: &PackedPanels) -> Addressing {
    match gemm.lhs {
        LhsForm::Words { .. } => super::words::addressing(lhs, panels),
        LhsForm::Bytes { .. } => lhs.addressing(panels.segments(), panels.segment_len()),
    }
}

#[inline]
fn check<T: OutputElement>(call: &Call<'_>, out: &OutputBlock<'_, T>) {
    let panels = call.panels;
    assert_eq!(panels.bytes().len(), panels.panels() * panels.panel_bytes(), "panels of another length");
    assert_eq!(call.lhs.depth(), panels.depth(), "depths differ");
    assert_eq!(T::TYPE, call.stage.output(), "the stage writes another type");
    assert_eq!(out.first_column() % PANEL, 0, "a block begins on a panel's border");
    assert!(out.first_column() + out.columns() <= panels.columns(), "block past the last column");
    assert!(out.first_row() + out.rows() <= call.lhs.rows(), "block past the last row");
    assert!(
        call.init.len() >= panels.padded_columns(),
        "one initial accumulator per column, padding included"
    );
    assert!(
        call.weight_zeros.is_none_or(|zeros| zeros.len() >= panels.padded_columns()),
        "one weight zero point per column, padding included"
    );
    if let Lhs::Patches(patches) = &call.lhs
        && call.border.skip != Skip::Nothing
    {
        let sums = patches.geometry.taps() * panels.padded_columns();
        assert!(call.border.tap_sums.len() >= sums, "a sum per tap and column, padding included");
    }
    call.stage.check(panels.padded_columns(), call.lhs.rows());
    call.lhs.check();
}

/// The computation of a region's rows in a block of the output.
struct Pass<'a> {
    call: &'a Call<'a>,
    gemm: &'static Variant,
    addressing: Addressing,
    region: &'a Region,
    /// The region's first pixel in the block, and how many there are.
    first: Cursor,
    rows: usize,
    depth: &'a Depth,
    tiling: &'a Tiling,
}

impl Pass<'_> {
    fn run<T: OutputElement>(&self, out: &mut OutputBlock<'_, T>, scratch: &mut Scratch) {
        let Pass { call, gemm, tiling, .. } = *self;
        let main = fitting(gemm.tiles, tiling.tile_rows);
        let map = ScratchMap::new(gemm.lhs, self.addressing, call.panels, main.rows, tiling.strip)
            .expect("scratch size overflows");
        let memory = scratch.bytes(map.total);
        let first_panel = out.first_column() / PANEL;
        let panel_count = out.columns().div_ceil(PANEL);
        let out_stride = out.row_bytes();
        let columns = first_panel * PANEL..(first_panel + panel_count) * PANEL;
        let init = if self.leaves_out() {
            let init = map.parts(memory).init;
            self.add_left_out(columns, init);
            init.as_ptr()
        } else {
            call.init.as_ptr()
        };
        for block in (0..panel_count).step_by(tiling.block_panels) {
            let block_end = (block + tiling.block_panels).min(panel_count);
            let mut cursor = self.first;
            let mut done = 0;
            while done < self.rows {
                let remaining = self.rows - done;
                let (tile_rows, count) = match remaining / main.rows {
                    0 => (fitting(gemm.tiles, remaining), 1),
                    tiles => (main, tiles.min(tiling.strip)),
                };
                let rows = remaining.min(tile_rows.rows * count);
                let strip = Strip {
                    region: self.region,
                    depth: self.depth,
                    rows,
                    first_row: out.first_row(),
                    out_stride,
                };
                let found = map.parts(memory).prepare(call, &map, tile_rows.rows, &mut cursor, &strip);
                let mut panel = block;
                while panel < block_end {
                    let width = tile_rows.width(block_end - panel);
                    let columns = (width * PANEL).min(out.columns() - panel * PANEL);
                    // SAFETY: `check` and `prepare` have made sure of everything the tile's contract asks for: the strip's
                    // rows lie inside the output, `panel..panel + width` inside the block, and the panels' bytes, initial
                    // accumulators, zeros and stage cover every padded column.
                    unsafe {
                        let place =
                            Place { row: done, rows, count, panel, width, columns, first_panel, init };
                        compute(call, self.depth, tile_rows, &found, place, out);
                    }
                    panel += width;
                }
                done += rows;
            }
        }
    }
    /// Writes the initial accumulators of `columns` with what the taps that the region leaves out would add to them, each
    /// activation being the zero point.
    fn add_left_out(&self, columns: Range<usize>, init: &mut [i32]) {
        let call = self.call;
        let Lhs::Patches(patches) = &call.lhs else { return };
        let &Region { ky, kx, .. } = self.region;
        let kernel_width = patches.geometry.kernel[1];
        let padded = call.panels.padded_columns();
        // What the kernel sees of the zero point: the accumulators have −zero·Σw + K·zero·weight_zero of all taps.
        let zero = call.border.lhs_zero.wrapping_add(self.gemm.lhs.offset(call.lhs_signed));
        let init = &mut init[columns.clone()];
        init.copy_from_slice(&call.init[columns.clone()]);
        for tap in 0..patches.geometry.taps() {
            if ky.contains(tap / kernel_width) && kx.contains(tap % kernel_width) {
                continue;
            }
            let sums = &call.border.tap_sums[tap * padded..][columns.clone()];
            for (x, &sum) in init.iter_mut().zip(sums) {
                *x = x.wrapping_add(zero.wrapping_mul(sum));
            }
            if let Some(zeros) = call.weight_zeros {
                let scale = zero.wrapping_mul(patches.group_channels as i32);
                for (x, &weight_zero) in init.iter_mut().zip(&zeros[columns.clone()]) {
                    *x = x.wrapping_sub(scale.wrapping_mul(weight_zero));
                }
            }
        }
    }

    /// Whether the region's rows are multiplied with some of the taps only.
    fn leaves_out(&self) -> bool {
        self.depth.segments * self.depth.len < self.call.panels.depth()
    }
}

/// Bytes of weights from which on the first rows have them from memory. Later rows find them in a cache.
const FAR_BYTES: usize = 6 << 20;

/// Runs a strip of tiles.
///
/// # Safety
///
/// The call was checked against the block, the rows were prepared, and the place lies inside the block.
#[inline]
pub(super) unsafe fn compute<T: OutputElement>(
    call: &Call<'_>,
    depth: &Depth,
    tile_rows: &TileRows,
    found: &StripRows,
    place: Place,
    out: &mut OutputBlock<'_, T>,
) {
    let panels = call.panels;
    let panel = place.first_panel + place.panel;
    let column = panel * PANEL;
    let kernels = if call.lhs_signed { tile_rows.signed } else { tile_rows.unsigned };
    let segment_bytes = panels.segment_bytes(panels.segment_len());
    // SAFETY: panel `panel` and column `column` exist, and so do the region's segments of it; rows of the whole matrix
    // are counted from the block's first.
    unsafe {
        let zeros = call.weight_zeros.map(|zeros| zeros.as_ptr().add(column));
        let start = panel * panels.panel_bytes() + depth.first_segment * segment_bytes + depth.first * PANEL;
        let mut tile = Tile {
            count: place.count,
            lhs: found.lhs,
            lhs_offset: 0,
            lhs_step: found.lhs_step,
            segments: depth.segments,
            segment_len: depth.len,
            panels: panels.bytes().as_ptr().add(start),
            panel_stride: panels.panel_bytes(),
            panel_skip: segment_bytes - panels.segment_bytes(depth.len),
            far: place.row == 0 && panels.bytes().len() > FAR_BYTES,
            rows: place.rows.min(tile_rows.rows),
            columns: place.columns,
            init: place.init.add(column),
            weight_zeros: zeros.unwrap_or(core::ptr::null()),
            row_sums: found.sums,
            stage: call.stage.at(out.first_row() + place.row, column),
            out: out.address(found.first_row, place.panel * PANEL),
            out_rows: found.out_rows,
            out_step: found.out_step,
        };
        #[cfg(feature = "testing")]
        super::coverage::record(super::coverage::TileUse {
            layout: panels.layout(),
            rows: tile_rows.rows,
            panels: place.width,
            signed: call.lhs_signed,
            half: tile.is_half(),
            whole: tile.rows == tile_rows.rows
                && tile.columns == if tile.is_half() { PANEL / 2 } else { place.width * PANEL },
        });
        kernels[place.width - 1](&mut tile);
    }
}

/// A strip's place in the block.
pub(super) struct Place {
    /// The strip's first row in the block, for factors by row.
    pub(super) row: usize,
    pub(super) rows: usize,
    /// Tiles of the strip.
    pub(super) count: usize,
    pub(super) panel: usize,
    pub(super) width: usize,
    pub(super) columns: usize,
    pub(super) first_panel: usize,
    /// Initial accumulators of all columns.
    pub(super) init: *const i32,
}
