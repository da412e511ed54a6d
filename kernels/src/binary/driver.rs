//! The loops around the tiles.

use core::ops::Range;
use core::ptr;

use super::kernel::{BitKernel, MAX_ROWS};
use super::strip::{self, RowCursor, Steps, Strip};
use super::{BitCall, BitPatches, BitRows, BitStage, BitTile, Outside, row_bytes};
use crate::gemm::{OutputBlock, PaddingElision, RawStage, Region, Step, Tile, TileZeros};
use crate::{OutputElement, Scratch, Window2d};

/// Bytes of scratch that [`run`] needs for these rows.
#[must_use]
pub fn scratch_bytes(rows: &BitRows<'_>) -> usize {
    match rows {
        BitRows::Matrix(_) => 0,
        BitRows::Patches(patches) => patches.geometry.scratch_bytes(),
    }
}

/// Columns of the widest panel.
const MAX_COLUMNS: usize = 64;

/// Computes the block of the output that `out` covers: of bits, all columns of some rows.
///
/// # Panics
///
/// If shapes do not fit each other, `T` is not what the stage writes, the panels are another backend's, or the block's first column is not on
/// a panel's border.
pub fn run<T: OutputElement>(call: &BitCall<'_>, mut out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    check(call, &out);
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    let rows = out.first_row()..out.first_row() + out.rows();
    match call.rows {
        BitRows::Matrix(matrix) => {
            for strip in strip::of_matrix(matrix, call.panels.row_bytes(), rows) {
                // SAFETY: the rows of the strip are rows of the matrix, of as many bytes.
                unsafe { multiply(call, &strip, &mut out) };
            }
        }
        BitRows::Patches(patches) => {
            let copies = scratch.raw(scratch_bytes(&call.rows));
            let mut start = rows.start;
            while start < rows.end {
                let rows = strip::rows_of_patches(&patches, start, rows.end);
                start = rows.end;
                // SAFETY: the scratch has the bytes that a strip needs, and the input was checked. Every patch of the strip lies in its lines.
                unsafe {
                    let strip = strip::of_patches(&patches, rows, copies);
                    multiply(call, &strip, &mut out);
                }
            }
        }
    }
}

fn check<T: OutputElement>(call: &BitCall<'_>, out: &OutputBlock<'_, T>) {
    let panels = call.panels;
    assert!(ptr::eq(panels.kernel(), call.backend.entry().bit_kernel()), "panels of another backend");
    assert_eq!(T::TYPE, call.stage.output(), "an output of the stage's type");
    let padded = panels.padded_columns();
    assert!(call.init.len() >= padded, "one initial accumulator per column, padding included");
    let rows = match &call.rows {
        BitRows::Matrix(matrix) => {
            let len = matrix.rows.checked_mul(panels.row_bytes());
            assert!(len.is_some_and(|len| len <= matrix.data.len()), "activations too short");
            matrix.rows
        }
        BitRows::Patches(patches) => {
            let window = patches.geometry.window();
            assert_eq!(window.taps(), panels.taps(), "as many taps");
            assert_eq!(window.channels, row_bytes(panels.tap_bits()), "as many channels");
            assert!(patches.input.len() >= window.input_len(), "image too small");
            if let Outside::Nothing { tap_sums } = patches.outside {
                let [height, width] = window.kernel;
                let corners =
                    (height + 1).checked_mul(width + 1).and_then(|corners| corners.checked_mul(padded));
                assert!(corners.is_some_and(|corners| tap_sums.len() >= corners), "sums of all taps");
            }
            window.rows()
        }
    };
    assert!(out.first_row() + out.rows() <= rows, "more rows than there are");
    match &call.stage {
        BitStage::Sums(stage) => {
            stage.check(padded, rows);
            assert!(!stage.has_row_scale(), "factors by row are not for bits");
            assert!(out.first_column().is_multiple_of(panels.panel_columns()), "a block begins with a panel");
            assert!(out.first_column() + out.columns() <= panels.columns(), "more columns than there are");
        }
        BitStage::Bits { thresholds, flips } => {
            assert!(
                thresholds.len() >= padded && flips.len() >= padded / 8,
                "one per column, padding included"
            );
            let whole = (out.first_column(), out.columns()) == (0, row_bytes(panels.columns()));
            assert!(whole || out.columns() == 0, "bits of all columns");
        }
    }
}

/// Multiplies a strip with all panels of the block.
///
/// # Safety
///
/// The call was [checked](check) for the output, which has the strip's rows; and these are valid for reads of all their segments.
unsafe fn multiply<T: OutputElement>(call: &BitCall<'_>, strip: &Strip, out: &mut OutputBlock<'_, T>) {
    let panels = call.panels;
    let width = panels.panel_columns();
    let whole = [0];
    let (segments, segment_bytes) = match &call.rows {
        BitRows::Matrix(_) => (&whole[..], panels.row_bytes()),
        BitRows::Patches(patches) => patches.geometry.segments(),
    };
    let panel_bytes = panels.row_bytes() * width;
    let (first, end) = match call.stage {
        BitStage::Sums(_) => (out.first_column(), out.first_column() + out.columns()),
        BitStage::Bits { .. } => (0, panels.columns()),
    };
    let out_rows: [usize; MAX_ROWS] = core::array::from_fn(|row| row.wrapping_mul(out.row_bytes()));
    for column in (first..end).step_by(width) {
        // SAFETY: the panel exists, and what the call has by column is there for its columns, padding included.
        unsafe {
            let (mut thresholds, mut flips) = (ptr::null(), ptr::null());
            let (stage, at) = match &call.stage {
                BitStage::Sums(stage) => (stage.at(0, column), column - first),
                BitStage::Bits { thresholds: at, flips: bits } => {
                    (thresholds, flips) = (at.as_ptr().add(column), bits.as_ptr().add(column / 8));
                    (RawStage::Accumulators { accumulate: false }, column / 8)
                }
            };
            let tile = Tile {
                count: 1,
                lhs: ptr::null(),
                lhs_offset: 0,
                lhs_step: Step::NONE,
                segments: 0,
                segment_len: 0,
                panels: panels.packed().as_ptr().add(column / width * panel_bytes),
                panel_stride: panel_bytes,
                panel_skip: 0,
                prefetch: false,
                prefetch_out: false,
                rows: 0,
                columns: width.min(end - column),
                init: call.init.as_ptr().add(column),
                weight_zeros: ptr::null(),
                row_sums: ptr::null(),
                zeros: TileZeros::NONE,
                stage,
                out: ptr::null_mut(),
                out_rows: out_rows.as_ptr(),
                out_step: Step::NONE,
            };
            let mut tile = BitTile {
                lhs: [ptr::null(); MAX_ROWS],
                segments: segments.as_ptr(),
                segment_count: segments.len(),
                segment_bytes,
                thresholds,
                flips,
                tile,
            };
            let first_row = out.first_row();
            let address = |row: usize| out.address(row - first_row, at);
            match &call.rows {
                BitRows::Patches(BitPatches { geometry, outside: Outside::Nothing { tap_sums }, .. }) => {
                    let sums = Correction {
                        init: call.init,
                        tap_sums,
                        padded: panels.padded_columns(),
                        column,
                        width,
                    };
                    by_borders(panels.kernel(), geometry.window(), &sums, strip, &mut tile, address);
                }
                _ => {
                    down(panels.kernel(), strip.steps, strip.first(), strip.rows.clone(), &mut tile, address);
                }
            }
        }
    }
    let filled = panels.padded_columns() / 8;
    if matches!(call.stage, BitStage::Bits { .. }) && filled < out.columns() {
        for row in strip.rows.clone() {
            // SAFETY: an output of bytes, `filled` of which were written in each row.
            unsafe { out.address(row - out.first_row(), filled).write_bytes(0, out.columns() - filled) };
        }
    }
}

/// Computes the tile and those below it, until `rows` have their sums.
///
/// # Safety
///
/// The tile is valid for any rows from the cursor on, whose columns `address` gives.
#[inline(always)]
unsafe fn down(
    kernel: &BitKernel,
    steps: Steps,
    mut cursor: RowCursor,
    rows: Range<usize>,
    tile: &mut BitTile,
    address: impl Fn(usize) -> *mut u8,
) {
    let mut row = rows.start;
    while row < rows.end {
        let height = kernel.tile(rows.end - row);
        let count = height.rows.min(rows.end - row);
        for lhs in &mut tile.lhs[..count] {
            *lhs = cursor.at;
            cursor.advance(steps);
        }
        let last = tile.lhs[count - 1];
        tile.lhs[count..height.rows].fill(last);
        tile.tile.rows = count;
        tile.tile.out = address(row);
        // SAFETY: the caller's promise; rows past the last one repeat it.
        unsafe { (height.code)(tile) };
        row += count;
    }
}

/// What initial accumulators of patches over the border are made of.
struct Correction<'a> {
    init: &'a [i32],
    tap_sums: &'a [i32],
    padded: usize,
    /// The panel's columns.
    column: usize,
    width: usize,
}

impl Correction<'_> {
    /// The initial accumulators without the taps that are outside, if there are any.
    fn of<'a>(
        &self,
        window: &Window2d,
        region: &Region,
        memory: &'a mut [i32; MAX_COLUMNS],
    ) -> Option<&'a [i32]> {
        let [height, width] = window.kernel;
        if [region.ky.len(), region.kx.len()] == [height, width] {
            return None;
        }
        let columns = &mut memory[..self.width];
        columns.copy_from_slice(&self.init[self.column..][..self.width]);
        let corner = |y: usize, x: usize| {
            &self.tap_sums[(y * (width + 1) + x) * self.padded + self.column..][..self.width]
        };
        let Region { ky, kx, .. } = *region;
        // Less those of all taps, which are the last corner's, and plus those inside.
        let of_inside = [
            corner(ky.end, kx.end),
            corner(ky.start, kx.end),
            corner(ky.end, kx.start),
            corner(ky.start, kx.start),
        ];
        let all = corner(height, width);
        for (n, x) in columns.iter_mut().enumerate() {
            let [last, above, left, first] = of_inside.map(|sums| sums[n]);
            let inside = last.wrapping_sub(above).wrapping_sub(left).wrapping_add(first);
            *x = x.wrapping_add(inside.wrapping_sub(all[n]));
        }
        Some(columns)
    }
}

/// As [`down`] for a strip of patches, whose taps outside the image add nothing: regions that have the same taps inside, one after the other.
///
/// # Safety
///
/// As [`down`].
unsafe fn by_borders(
    kernel: &BitKernel,
    window: &Window2d,
    sums: &Correction<'_>,
    strip: &Strip,
    tile: &mut BitTile,
    address: impl Fn(usize) -> *mut u8,
) {
    let mut memory = [0; MAX_COLUMNS];
    let whole = tile.tile.init;
    for region in window.regions(PaddingElision::All) {
        let lines = strip.lines();
        let (first, end) = (region.y.start.max(lines.start), region.y.end.min(lines.end));
        if first >= end {
            continue;
        }
        let init = sums.of(window, &region, &mut memory);
        tile.tile.init = init.map_or(whole, <[i32]>::as_ptr);
        for line in first..end {
            let (rows, cursor) = strip.part(line, region.x.start..region.x.end);
            // SAFETY: the caller's promise; there is an initial accumulator for each column.
            unsafe { down(kernel, strip.steps, cursor, rows, tile, &address) };
        }
    }
}
