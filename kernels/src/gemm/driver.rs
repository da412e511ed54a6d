//! The loops around the tiles.

use super::rows::{Addressing, Cursor};
use super::tiling::{choose, fitting, longest_strip};
use super::{Lhs, LhsForm, LhsStep, OutputBlock, PANEL, PackedPanels, Stage, Tile, TileRows};
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
    /// What becomes of the accumulators.
    pub stage: Stage<'a>,
}

/// Where things lie in the scratch.
struct ScratchMap {
    form: LhsForm,
    addressing: Addressing,
    /// Pointers of a tile.
    tile_pointers: usize,
    /// Bytes of one copied row; 0 if rows are read in place.
    row_bytes: usize,
    sums: usize,
    rows: usize,
    total: usize,
}

const POINTER: usize = size_of::<*const u8>();

impl ScratchMap {
    /// `[strip][segments][tile_rows]` pointers, then `strip · tile_rows` sums, then as many copied rows. `None` if the
    /// size overflows.
    fn new(
        form: LhsForm,
        addressing: Addressing,
        segments: usize,
        depth: usize,
        tile_rows: usize,
        strip: usize,
    ) -> Option<ScratchMap> {
        let row_bytes = match form {
            LhsForm::Words => depth.checked_next_multiple_of(32)?.checked_mul(2)?.checked_add(64)?,
            LhsForm::Bytes { .. } if addressing == Addressing::InPlace => 0,
            LhsForm::Bytes { .. } => depth.checked_next_multiple_of(64)?.checked_add(64)?,
        };
        let tile_pointers = segments.max(1).checked_mul(tile_rows)?;
        let sums = tile_pointers.checked_mul(strip * POINTER)?.checked_next_multiple_of(64)?;
        let rows = sums.checked_add(strip * tile_rows * size_of::<i32>())?.checked_next_multiple_of(64)?;
        let total = rows.checked_add(row_bytes.checked_mul(strip * tile_rows)?)?;
        Some(ScratchMap { form, addressing, tile_pointers, row_bytes, sums, rows, total })
    }
}

/// Bytes of scratch that [`run`] needs for these weights, whatever the activations; `None` if that overflows or
/// the backend does not read them.
#[must_use]
pub fn scratch_bytes(backend: Backend, panels: &PackedPanels) -> Option<usize> {
    let gemm = panels.table(backend)?;
    let (segments, depth) = (panels.segments(), panels.depth());
    gemm.tiles.iter().try_fold(0, |most: usize, tile| {
        let strip = longest_strip(tile, depth);
        let map = ScratchMap::new(gemm.lhs, Addressing::Copied, segments, depth, tile.rows, strip)?;
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
    let panels = call.panels;
    let gemm = panels.table(call.backend).expect("panels of a layout that the backend reads");
    check(call, &out);
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    let addressing = match gemm.lhs {
        LhsForm::Words => Addressing::Copied,
        LhsForm::Bytes { .. } => call.lhs.addressing(panels.segments(), panels.segment_len()),
    };
    assert!(gemm.lhs != LhsForm::Words || panels.segments() <= 1, "rows of words are one segment");

    let first_panel = out.first_column() / PANEL;
    let panel_count = out.columns().div_ceil(PANEL);
    let tiling = choose(gemm, out.rows(), panel_count, panels.panel_bytes());
    let main = fitting(gemm.tiles, tiling.tile_rows);
    let (segments, depth) = (panels.segments(), panels.depth());
    let map = ScratchMap::new(gemm.lhs, addressing, segments, depth, main.rows, tiling.strip)
        .expect("scratch size overflows");
    let memory = scratch.bytes(map.total);

    for block in (0..panel_count).step_by(tiling.block_panels) {
        let block_end = (block + tiling.block_panels).min(panel_count);
        let mut row = 0;
        while row < out.rows() {
            let remaining = out.rows() - row;
            let (tile_rows, count) = match remaining / main.rows {
                0 => (fitting(gemm.tiles, remaining), 1),
                tiles => (main, tiles.min(tiling.strip)),
            };
            let rows = remaining.min(tile_rows.rows * count);
            prepare_rows(call, memory, &map, out.first_row() + row, rows, tile_rows.rows);
            let mut panel = block;
            while panel < block_end {
                let width = tile_rows.width(block_end - panel);
                let columns = (width * PANEL).min(out.columns() - panel * PANEL);
                // SAFETY: `check` and `prepare_rows` have made sure of everything the tile's contract asks for: the
                // block lies inside the output, `row..row + rows` and `panel..panel + width` inside the block, and the
                // panels' bytes, initial accumulators, zeros and stage cover every padded column.
                unsafe {
                    compute(
                        call,
                        tile_rows,
                        memory,
                        &map,
                        Place { row, rows, count, panel, width, columns, first_panel },
                        &mut out,
                    );
                }
                panel += width;
            }
            row += rows;
        }
    }
}

/// A strip's place in the block.
struct Place {
    row: usize,
    rows: usize,
    /// Tiles of the strip.
    count: usize,
    panel: usize,
    width: usize,
    columns: usize,
    first_panel: usize,
}

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
    call.stage.check(panels.padded_columns(), call.lhs.rows());
    call.lhs.check();
}

/// Writes the pointers, sums and copies that a strip of tiles of `tile_rows` rows reads for the rows `first..first + rows`.
#[inline]
fn prepare_rows(
    call: &Call<'_>,
    memory: &mut [u8],
    map: &ScratchMap,
    first: usize,
    rows: usize,
    tile_rows: usize,
) {
    let (head, copies) = memory.split_at_mut(map.rows);
    let (pointers, sums) = head.split_at_mut(map.sums);
    let pointers = pointers.as_mut_ptr().cast::<*const u8>();
    match &call.lhs {
        // SAFETY: `check` has passed, the rows exist, and there is room for the pointers of a tile. The other tiles of the
        // strip find their rows from those.
        Lhs::Matrix(matrix) if map.addressing == Addressing::InPlace => unsafe {
            matrix.point(first, rows.min(tile_rows), tile_rows, pointers);
        },
        _ => {
            let mut cursor = call.lhs.cursor(first);
            for (tile, start) in (0..rows).step_by(tile_rows).enumerate() {
                // SAFETY: there is room for the pointers of so many tiles.
                let pointers = unsafe { pointers.add(tile * map.tile_pointers) };
                let copies = &mut copies[start * map.row_bytes..];
                find_rows(call, map, &mut cursor, tile_rows.min(rows - start), tile_rows, pointers, copies);
            }
        }
    }
    if call.weight_zeros.is_some() {
        let step = lhs_step(call, map, tile_rows);
        for (row, sum) in sums.chunks_exact_mut(size_of::<i32>()).take(rows).enumerate() {
            let (tile, slot) = (row / tile_rows, row % tile_rows);
            // SAFETY: the pointers were written above.
            let total = unsafe {
                let pointers = pointers.add(tile * step.pointers + slot);
                sum_row(call, map.form, pointers, tile_rows, tile * step.bytes)
            };
            sum.copy_from_slice(&total.to_ne_bytes());
        }
    }
}

/// From the rows of a strip's tile to those of the next.
#[inline]
fn lhs_step(call: &Call<'_>, map: &ScratchMap, tile_rows: usize) -> LhsStep {
    match &call.lhs {
        Lhs::Matrix(matrix) if map.addressing == Addressing::InPlace => {
            LhsStep { pointers: 0, bytes: tile_rows * matrix.row_stride }
        }
        _ => LhsStep { pointers: map.tile_pointers, bytes: 0 },
    }
}

/// Sum of a row as the kernel sees it, offset included, mod 2³².
///
/// # Safety
///
/// `pointers` holds what gives the addresses of the row's segments with `lhs_offset` added, `step` apart.
unsafe fn sum_row(
    call: &Call<'_>,
    form: LhsForm,
    pointers: *const *const u8,
    step: usize,
    lhs_offset: usize,
) -> i32 {
    let panels = call.panels;
    let offset = form.offset(call.lhs_signed);
    let base = (panels.depth() as i32).wrapping_mul(offset);
    (0..panels.segments()).fold(base, |total, segment| {
        // SAFETY: the pointer is valid for a segment of bytes or words, 2-byte aligned in the latter case because copies
        // begin on 64-byte borders.
        total.wrapping_add(unsafe {
            let at = (*pointers.add(segment * step)).wrapping_add(lhs_offset);
            sum_segment(form, call.lhs_signed, at, panels.segment_len())
        })
    })
}

/// Writes the pointers of rows that are patches or copies, and the copies, for one tile from the cursor on.
fn find_rows(
    call: &Call<'_>,
    map: &ScratchMap,
    cursor: &mut Cursor,
    rows: usize,
    tile_rows: usize,
    pointers: *mut *const u8,
    copies: &mut [u8],
) {
    let (segments, segment_len) = (call.panels.segments(), call.panels.segment_len());
    let mut slot = 0;
    while slot < rows {
        // SAFETY: there are `tile_rows` pointers per segment.
        let at = unsafe { pointers.add(slot) };
        let mut count = 1;
        match (&call.lhs, map.addressing) {
            (Lhs::Patches(patches), Addressing::KernelRows { begin, end })
                if (begin..end).contains(&cursor.x) =>
            {
                count = (end - cursor.x).min(rows - slot);
                // SAFETY: `check` has passed, the patches exist and lie inside, and so do their pointers.
                unsafe { patches.point_kernel_rows(cursor, count, at, tile_rows) };
            }
            (Lhs::Patches(patches), Addressing::InPlace) => {
                // SAFETY: `check` has passed, the patch exists, and there is a pointer per tap.
                unsafe { patches.point_taps(cursor, at, tile_rows) };
            }
            _ => {
                let copy = &mut copies[slot * map.row_bytes..(slot + 1) * map.row_bytes];
                copy_row(call, map.form, cursor, copy);
                for segment in 0..segments {
                    // SAFETY: a pointer per segment; the copy has all segments.
                    unsafe { *at.add(segment * tile_rows) = copy.as_ptr().add(segment * segment_len) };
                }
            }
        }
        slot += count;
        call.lhs.advance(cursor, count);
    }
    for segment in 0..segments {
        for slot in rows..tile_rows {
            // SAFETY: `tile_rows` pointers per segment, of which the last row's was written above.
            unsafe {
                *pointers.add(segment * tile_rows + slot) = *pointers.add(segment * tile_rows + rows - 1);
            }
        }
    }
}

/// Copies a row as the kernels want it: bytes, or words up to an even count.
fn copy_row(call: &Call<'_>, form: LhsForm, row: &Cursor, copy: &mut [u8]) {
    let mut at = 0;
    match form {
        LhsForm::Bytes { .. } => call.lhs.for_each_run(row, |run| {
            copy[at..at + run.len()].copy_from_slice(run);
            at += run.len();
        }),
        LhsForm::Words => {
            // SAFETY: initialized bytes, any of which make an i16; copies begin on 64-byte borders, and the assertion
            // holds even if one did not.
            let (before, words, _) = unsafe { copy.align_to_mut::<i16>() };
            assert!(before.is_empty(), "copies are aligned");
            call.lhs.for_each_run(row, |run| {
                let out = &mut words[at..at + run.len()];
                if call.lhs_signed {
                    out.iter_mut().zip(run).for_each(|(word, &x)| *word = i16::from(x.cast_signed()));
                } else {
                    out.iter_mut().zip(run).for_each(|(word, &x)| *word = i16::from(x));
                }
                at += run.len();
            });
            words[at..at.next_multiple_of(2)].fill(0);
        }
    }
}

/// Sum of a segment, mod 2³².
///
/// # Safety
///
/// `at` is valid for `len` bytes, or aligned words for [`LhsForm::Words`].
unsafe fn sum_segment(form: LhsForm, signed: bool, at: *const u8, len: usize) -> i32 {
    // SAFETY: as promised by the caller.
    unsafe {
        match form {
            LhsForm::Words => core::slice::from_raw_parts(at.cast::<i16>(), len)
                .iter()
                .fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x))),
            LhsForm::Bytes { .. } => {
                let bytes = core::slice::from_raw_parts(at, len);
                if signed {
                    bytes.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x.cast_signed())))
                } else {
                    bytes.iter().fold(0, |sum: i32, &x| sum.wrapping_add(i32::from(x)))
                }
            }
        }
    }
}

/// Runs a strip of tiles.
///
/// # Safety
///
/// The call was checked against the block, the rows were prepared, and the place lies inside the block.
#[inline]
unsafe fn compute<T: OutputElement>(
    call: &Call<'_>,
    tile_rows: &TileRows,
    memory: &[u8],
    map: &ScratchMap,
    place: Place,
    out: &mut OutputBlock<'_, T>,
) {
    let panels = call.panels;
    let panel = place.first_panel + place.panel;
    let column = panel * PANEL;
    let kernels = if call.lhs_signed { tile_rows.signed } else { tile_rows.unsigned };
    let (out_data, out_stride) = out.address(place.row, place.panel * PANEL);
    // SAFETY: panel `panel` and column `column` exist; rows of the whole matrix are counted from the block's first.
    unsafe {
        let zeros = call.weight_zeros.map(|zeros| zeros.as_ptr().add(column));
        let tile = Tile {
            count: place.count,
            lhs: memory.as_ptr().cast(),
            lhs_offset: 0,
            lhs_step: lhs_step(call, map, tile_rows.rows),
            segments: panels.segments(),
            segment_len: panels.segment_len(),
            panels: panels.bytes().as_ptr().add(panel * panels.panel_bytes()),
            panel_stride: panels.panel_bytes(),
            rows: place.rows.min(tile_rows.rows),
            columns: place.columns,
            init: call.init.as_ptr().add(column),
            weight_zeros: zeros.unwrap_or(core::ptr::null()),
            row_sums: memory.as_ptr().add(map.sums).cast(),
            stage: call.stage.at(out.first_row() + place.row, column),
            out: out_data,
            out_stride,
        };
        kernels[place.width - 1](&tile);
    }
}
