//! The loops around the tiles.

use core::slice;

use super::call::CheckedGroupwise;
use super::terms::blocks;
use super::tile::{Ahead, GroupTile, GroupTileRows};
use super::{GroupTerms, GroupwiseCall, QUAD, pair, place};
use crate::gemm::m_block::PREFETCH_BYTES;
use crate::gemm::tiling::{BLOCK_BYTES, i16_row_bytes};
use crate::gemm::variant::MAX_GROUP;
use crate::gemm::weights::Width;
use crate::gemm::{ByteRows, LhsForm, OutputBlock, PANEL, PanelShape, Panels, Tiling, Variant, WeightsPath};
use crate::memory::LINE;
use crate::prefetch::PREFETCH_DISTANCE;
use crate::{Backend, Scratch};

/// Bytes of what is prepared of rows at once: the weights are read again for the next rows.
const PREPARED_BYTES: usize = 512 << 10;

/// Rows that are prepared at once, at least and at most.
const FEWEST_ROWS: usize = 48;
const MOST_ROWS: usize = 1024;

/// Bytes of scratch that [`run_groupwise`] needs for these weights, whatever the activations; `None` if that overflows or the backend
/// does not read them.
#[must_use]
pub fn groupwise_scratch_bytes(backend: Backend, panels: &PanelShape, terms: &GroupTerms) -> Option<usize> {
    let variant = panels.variant(backend)?;
    if panels.panels() == 0 {
        return Some(0);
    }
    let row = Prepared::new(variant, panels.depth(), terms)?;
    let rows = row.rows_at_once().checked_mul(row.pairs_bytes.checked_add(row.copy_bytes)?)?;
    rows.checked_add(LINE)?.checked_add(unfolded_bytes(panels, terms)?)
}

/// The tiling with which a backend multiplies `rows` rows with these weights; `None` if it does not read them.
#[must_use]
pub fn groupwise_tiling(
    backend: Backend,
    rows: usize,
    panels: &PanelShape,
    terms: &GroupTerms,
) -> Option<Tiling> {
    let variant = panels.variant(backend)?;
    let folded = folded_tiles(variant, rows, panels, terms);
    let tile = evenly(folded.unwrap_or(variant.groupwise), rows.max(1));
    let tile_panels = tile.width(panels.panels().clamp(1, QUAD));
    let block_panels = block_panels(panels, terms).min(panels.panels().max(1));
    let weights = match (panels.width(), folded) {
        (Width::Eight, _) => WeightsPath::Bytes,
        (_, None) => WeightsPath::Unfolded,
        (_, Some(_)) => WeightsPath::Folded,
    };
    Some(Tiling { tile_rows: tile.rows, tile_panels, m_block: 1, block_panels, unit: None, weights })
}

/// Computes the block of the output that `out` covers.
///
/// # Panics
///
/// If the operands' shapes do not fit each other, the panels are not in the backend's layout, or the block's first column is not on a
/// panel's border.
pub fn run_groupwise(call: &GroupwiseCall<'_>, out: OutputBlock<'_, f32>, scratch: &mut Scratch) {
    let checked = CheckedGroupwise::new(call, out);
    let (rows, columns) = (checked.out().rows(), checked.out().columns());
    if rows == 0 || columns == 0 {
        return;
    }
    let prepared = Prepared::new(checked.variant(), call.panels.depth(), call.terms);
    let prepared = prepared.expect("scratch size overflows");
    for first in (0..rows).step_by(prepared.rows_at_once()) {
        let rows = prepared.rows_at_once().min(rows - first);
        multiply(&checked, &prepared.rows(&checked, [first, rows], scratch), [first, rows]);
    }
}

/// The tiles that multiply rows with folded panels as they are, if a variant has some that pay, for groups of this depth.
fn folded_tiles(
    variant: &Variant,
    rows: usize,
    panels: &PanelShape,
    terms: &GroupTerms,
) -> Option<&'static [GroupTileRows]> {
    let folded = variant.of_width(panels.width())?;
    let pays = variant.folded.is_some_and(|folded| rows <= folded.most_groupwise_rows);
    (pays && terms.group <= MAX_GROUP).then_some(folded.groupwise)
}

/// Bytes of the panels that are unfolded at once; `None` if they overflow.
fn unfolded_bytes(panels: &PanelShape, terms: &GroupTerms) -> Option<usize> {
    if panels.width() == Width::Eight {
        return Some(0);
    }
    let count = block_panels(panels, terms).min(panels.panels());
    count.checked_mul(panels.unfolded().panel_stride())
}

/// Multiplies rows, counted in the block, that are prepared.
fn multiply(checked: &CheckedGroupwise<'_, '_>, found: &FoundRows, [first, rows]: [usize; 2]) {
    let (call, out) = (checked.call(), checked.out());
    let GroupwiseCall { panels, terms, .. } = call;
    let folded = folded_tiles(checked.variant(), rows, panels, terms);
    let tiles = folded.unwrap_or(checked.variant().groupwise);
    let tall = evenly(tiles, rows);
    let panel_count = out.columns().div_ceil(PANEL);
    let first_panel = out.first_column() / PANEL;
    let block = block_panels(panels, terms);
    let (width, shape) = (panels.width(), panels.unfolded());
    let as_they_are = width == Width::Eight || folded.is_some();
    let from_memory = as_they_are && panels.bytes().len() > PREFETCH_BYTES;
    let tile_count = rows.div_ceil(tall.rows);
    let mut start = 0;
    while start < panel_count {
        // Blocks end where quads do.
        let end = panel_count.min(start + block - (first_panel + start) % QUAD);
        let weights = if as_they_are {
            *panels
        } else {
            let numbers = first_panel + start..first_panel + end;
            let (first, len) = (numbers.start, numbers.len() * shape.panel_stride());
            // SAFETY: there is room for the panels of a block behind what is prepared, which nothing else uses; a backend exists only if
            // the CPU has its features.
            let bytes = unsafe {
                let bytes = slice::from_raw_parts_mut(found.unfolded, len);
                call.backend.entry().ops.unfold.lines(width, panels.folded(numbers), bytes);
                &*bytes
            };
            panels.unfolded_as(&shape, first, bytes)
        };
        let mut row = 0;
        while row < rows {
            let tile_rows = if rows - row >= tall.rows { tall } else { fitting(tiles, rows - row) };
            let mut panel = start;
            while panel < end {
                // What columns have by group lies side by side in a quad.
                let in_quad = QUAD - (first_panel + panel) % QUAD;
                let width = tile_rows.width((end - panel).min(in_quad));
                let height = tile_rows.rows.min(rows - row);
                // SAFETY: the rows are prepared, and the block has them; panels before `end` are panels of the block.
                let tile =
                    unsafe { describe(checked, &weights, found, [first, row], height, [panel, width]) };
                let ahead = match row / tall.rows {
                    _ if !from_memory => Ahead::NONE,
                    // Nothing has prefetched them. Fewer streams need longer distances.
                    0 if tile_count == 1 || start == 0 => {
                        Ahead { near: PREFETCH_DISTANCE * (QUAD / width), ..Ahead::NONE }
                    }
                    _ if end == panel_count => Ahead::NONE,
                    number => Ahead {
                        near: 0,
                        far: (end - start) * panels.panel_stride(),
                        share: [number, number + 1].map(|number| (number << 16).div_ceil(tile_count)),
                    },
                };
                let tile = GroupTile { ahead, ..tile };
                // SAFETY: the variant is the backend's, whose features are here; the tile is as its description says.
                unsafe { tile_rows.tiles[width - 1](&tile) };
                panel += width;
            }
            row += tile_rows.rows;
        }
        start = end;
    }
}

/// The tile of `height` rows, `row` rows below the first prepared one, and of `width` panels, `panel` panels right of the block's first.
///
/// # Safety
///
/// The rows are prepared, the block has rows `first + row ..` of that number, and the panels, which are among the bytes of `panels`: those of the
/// call, or unfolded.
unsafe fn describe(
    checked: &CheckedGroupwise<'_, '_>,
    panels: &Panels<'_>,
    found: &FoundRows,
    [first, row]: [usize; 2],
    height: usize,
    [panel, width]: [usize; 2],
) -> GroupTile {
    let (call, out) = (checked.call(), checked.out());
    let GroupwiseCall { terms, .. } = call;
    let number = out.first_column() / PANEL + panel;
    let sums = place(number, terms.shape.blocks);
    let zeros = &call.row_zeros[out.first_row() + first + row..][..height];
    let one_pair = !terms.zero_points && zeros.iter().all(|&zero| zero == zeros[0]);
    // SAFETY: panel `number` exists, by `CheckedGroupwise`, and so does what belongs to it: terms are of the same panels. There is a
    // factor for each row of the whole matrix, of which the block's rows are some.
    unsafe {
        GroupTile {
            lhs: found.rows.wrapping_add(row.wrapping_mul(found.stride)),
            lhs_stride: found.stride,
            rows: height,
            depth: panels.depth(),
            group: terms.group,
            panels: panels.bytes().as_ptr().add((number - panels.first()) * panels.panel_stride()),
            panel_stride: panels.panel_stride(),
            ahead: Ahead::NONE,
            scales: terms.scales.as_ptr().add(place(number, terms.shape.groups)),
            sums: terms.sums.as_ptr().wrapping_add(sums),
            pairs: if terms.zero_points { terms.pairs.as_ptr().add(sums) } else { core::ptr::null() },
            row_pairs: found.pairs.add(row * found.pairs_of_row),
            row_pairs_step: usize::from(terms.zero_points),
            row_pairs_stride: found.pairs_of_row,
            one_pair,
            row_scales: call.row_scales.as_ptr().add(out.first_row() + first + row),
            bias: call.bias.map_or(core::ptr::null(), |bias| bias.as_ptr().add(number * PANEL)),
            low: call.low,
            high: call.high,
            out: out.address(first + row, panel * PANEL).cast(),
            out_stride: out.row_bytes() / size_of::<f32>(),
            columns: (width * PANEL).min(out.columns() - panel * PANEL),
        }
    }
}

/// What is prepared of rows: their pairs, and their copies if kernels want `i16`s.
struct Prepared {
    variant: &'static Variant,
    /// Pairs of a row: one for each block, or one for all where weights have no zero points.
    pairs_of_row: usize,
    /// Bytes of them, and of a copy.
    pairs_bytes: usize,
    copy_bytes: usize,
}

/// Rows that are prepared.
struct FoundRows {
    /// The first row, and bytes from one to the next.
    rows: *const u8,
    stride: usize,
    /// The first row's pairs, and how many a row has.
    pairs: *const i32,
    pairs_of_row: usize,
    /// Room for the panels of a block, if they are to be unfolded; on a cache line.
    unfolded: *mut u8,
}

impl Prepared {
    /// `None` if a size overflows.
    fn new(variant: &'static Variant, depth: usize, terms: &GroupTerms) -> Option<Prepared> {
        let pairs_of_row = if terms.zero_points { terms.shape.blocks } else { 1 };
        let copy_bytes = match variant.lhs {
            LhsForm::Bytes { .. } => 0,
            LhsForm::I16 { .. } => {
                depth.checked_mul(size_of::<i16>())?;
                i16_row_bytes(depth).checked_next_multiple_of(LINE)?
            }
        };
        let pairs_bytes = pairs_of_row.checked_mul(size_of::<i32>())?;
        Some(Prepared { variant, pairs_of_row, pairs_bytes, copy_bytes })
    }

    /// Rows that are prepared at once.
    fn rows_at_once(&self) -> usize {
        let row = self.pairs_bytes.saturating_add(self.copy_bytes).max(1);
        (PREPARED_BYTES / row).clamp(FEWEST_ROWS, MOST_ROWS)
    }

    /// Prepares `rows` rows from `first` on, counted in the block.
    fn rows(
        &self,
        checked: &CheckedGroupwise<'_, '_>,
        [first, rows]: [usize; 2],
        scratch: &mut Scratch,
    ) -> FoundRows {
        let (call, start) = (checked.call(), checked.out().first_row() + first);
        let pairs_bytes = (rows * self.pairs_bytes).next_multiple_of(LINE);
        let prepared_bytes = pairs_bytes + rows * self.copy_bytes;
        let unfolded = unfolded_bytes(&call.panels, call.terms).expect("scratch size overflows");
        let memory = scratch.raw(prepared_bytes + unfolded);
        // SAFETY: copies are whole lines, and what is unfolded lies behind them.
        let unfolded = unsafe { memory.add(prepared_bytes) };
        // SAFETY: the scratch begins with a pair for each block of the rows, it is aligned, and its bytes are initialized.
        let pairs = unsafe { slice::from_raw_parts_mut(memory.cast(), rows * self.pairs_of_row) };
        let offset = self.variant.lhs.offset(false);
        for (row, pairs) in (start..).zip(pairs.chunks_exact_mut(self.pairs_of_row.max(1))) {
            let zero = call.row_zeros[row];
            if call.terms.zero_points {
                call.lhs.for_each_run(row, |bytes| write_pairs(call.terms, zero, offset, bytes, pairs));
            } else {
                pairs[0] = pair(-(zero + offset), 0);
            }
        }
        let (pairs, pairs_of_row) = (memory.cast::<i32>().cast_const(), self.pairs_of_row);
        let first = call.lhs.row(start);
        let LhsForm::I16 { widen } = self.variant.lhs else {
            return FoundRows { rows: first, stride: call.lhs.row_stride(), pairs, pairs_of_row, unfolded };
        };
        // SAFETY: the copies lie behind the pairs, on a cache line, with room for the `i16`s of each row; the rows exist, by
        // `CheckedGroupwise`, and the backend's features are here.
        unsafe {
            let copies = memory.add(pairs_bytes);
            if call.lhs.columns() > 0 {
                widen(&ByteRows {
                    signed: false,
                    rows,
                    len: call.lhs.columns(),
                    bytes: first,
                    stride: call.lhs.row_stride(),
                    copies,
                    copies_stride: self.copy_bytes,
                });
            }
            FoundRows { rows: copies, stride: self.copy_bytes, pairs, pairs_of_row, unfolded }
        }
    }
}

/// Writes a row's pairs: its zero point as kernels see it, negative, and the sum of the block's activations, each less the zero
/// point, negative.
fn write_pairs(terms: &GroupTerms, zero: i32, offset: i32, row: &[u8], pairs: &mut [i32]) {
    for (block, to) in blocks(row.len(), terms.group).zip(pairs) {
        let bytes = &row[block.start..block.start + block.len];
        let sum: u16 = bytes.iter().map(|&byte| u16::from(byte)).sum();
        *to = pair(-(zero + offset), block.len as i32 * zero - i32::from(sum));
    }
}

/// Panels that all rows are multiplied with before the next ones, in whole quads: with what they have by group they stay in a cache.
fn block_panels(panels: &PanelShape, terms: &GroupTerms) -> usize {
    let panel = panels.panel_bytes().saturating_add(terms.bytes_of_panel());
    (BLOCK_BYTES / panel.max(1)).max(1).next_multiple_of(QUAD)
}

/// The lowest tile that covers `rows` rows.
fn fitting(tiles: &'static [GroupTileRows], rows: usize) -> &'static GroupTileRows {
    tiles.iter().find(|tile| tile.rows >= rows).unwrap_or(&tiles[tiles.len() - 1])
}

/// The tile that covers `rows` rows in as few and as equal parts as possible.
fn evenly(tiles: &'static [GroupTileRows], rows: usize) -> &'static GroupTileRows {
    let tallest = tiles[tiles.len() - 1].rows;
    fitting(tiles, rows.div_ceil(rows.div_ceil(tallest)))
}

impl GroupTileRows {
    /// The panels of the next tile where `left` panels are left: the most equal shares.
    fn width(&self, left: usize) -> usize {
        left.div_ceil(left.div_ceil(self.tiles.len()).max(1)).max(1)
    }
}
