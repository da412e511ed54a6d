//! Products of a matrix and packed weights.

use core::ops::Range;
use core::ptr;

use super::parts::{Part, divided, parts};
use super::{Bounds, FloatWeights, ROW_PANELS, Rows, Tile};

/// Bytes of a panel that all rows of a block are multiplied with before the next ones are: most of a first-level cache, because every tile
/// reads them again.
const PANEL_BYTES: usize = 32 << 10;

/// Elements of the first factor that all panels are multiplied with before the next ones are: a part of the second-level cache, because
/// every panel reads them again.
const BLOCK: usize = 1 << 16;

/// The most sums of a tile.
const MOST_SUMS: usize = 14 * 2 * 16;

/// `out = bounded(a · weights + bias + addend)`, or a part of the depth of that.
#[derive(Clone, Debug)]
pub struct ProductCall<'a> {
    /// The elements of the first factor.
    pub a: &'a [f32],
    /// Where its rows lie in them, which have as many elements as `depth`.
    pub rows: Rows<'a>,
    /// The second factor.
    pub weights: &'a FloatWeights,
    /// Rows of the weights to multiply with: all of them, or a part. A part that does not begin at 0 is added to the output, one that does
    /// not end at the last row has neither addend nor bounds. Parts in order give the bits of the whole.
    pub depth: Range<usize>,
    /// What is added to the finished sums, in rows that lie like those of the output.
    pub addend: Option<&'a [f32]>,
    /// Bounds of the results.
    pub bounds: Bounds,
}

impl<'a> ProductCall<'a> {
    /// Over the whole depth, with rows of the first factor side by side and no addend.
    #[must_use]
    pub fn new(a: &'a [f32], weights: &'a FloatWeights, bounds: Bounds) -> Self {
        let rows = Rows::apart(weights.depth());
        Self { a, rows, weights, depth: 0..weights.depth(), addend: None, bounds }
    }
}

/// Multiplies `rows` rows; rows of the output are `stride` elements apart.
///
/// # Panics
///
/// If the depth is not one of the weights, the first factor does not have `rows` rows of it, rows of the output overlap, or output or addend
/// have not room for all rows.
pub fn multiply(call: &ProductCall<'_>, rows: usize, out: &mut [f32], stride: usize) {
    let &ProductCall { a, rows: places, weights, ref depth, addend, .. } = call;
    let columns = weights.columns();
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(columns <= stride, "rows of the output do not overlap");
    let end = (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(columns));
    let has_room = |length: usize| end.is_some_and(|end| end <= length);
    assert!(has_room(out.len()) && addend.is_none_or(|addend| has_room(addend.len())), "room for all rows");
    assert!(depth.start <= depth.end && depth.end <= weights.depth(), "a part of the weights' depth");
    assert!(places.reach(rows, depth.len()).is_some_and(|end| end <= a.len()), "rows of the depth");
    // One row reads a panel once.
    let deepest = if rows == 1 { usize::MAX } else { PANEL_BYTES / size_of::<f32>() / weights.panel() };
    let most = weights.backend().entry().ops.float.tiles[0].len();
    // Blocks as large as the others, or a little smaller: a small last one would read all weights for a few rows.
    let blocks = rows.div_ceil((BLOCK / places.new_elements(depth.len(), deepest)).max(most));
    for block in 0..blocks {
        let at = |block: usize| places.cut(divided(rows, block, blocks), rows, rows / blocks);
        for part in parts(places.runs, depth.clone(), deepest) {
            // SAFETY: rows and parts of the depth lie within what is asserted.
            unsafe { panels(call, at(block)..at(block + 1), &part, out, stride) };
        }
    }
}

/// Multiplies some rows with all panels, in a part of the call's depth.
///
/// # Safety
///
/// The assertions of [`multiply`] hold, and `rows` and `part` lie within the rows and the depth of the call.
unsafe fn panels(
    call: &ProductCall<'_>,
    rows: Range<usize>,
    part: &Part<'_>,
    out: &mut [f32],
    stride: usize,
) {
    let &ProductCall { a, rows: places, weights, addend, .. } = call;
    let float = &weights.backend().entry().ops.float;
    let is_last = part.depth.end == weights.depth();
    let out = out.as_mut_ptr();
    let mut next_column = 0;
    while next_column < weights.columns() {
        let first = next_column;
        let (panels, of_panel) = (weights.panels_from(first), weights.width(first));
        let panel = (weights.depth() + 1) * of_panel;
        let is_row = rows.len() == 1 && first + ROW_PANELS * weights.panel() <= weights.columns();
        let (tiles, width) = if is_row {
            (&float.row[..], ROW_PANELS * of_panel)
        } else {
            (float.tiles[of_panel / float.lanes - 1], of_panel)
        };
        next_column += width;
        let here = panels[(1 + part.depth.start) * of_panel..].as_ptr();
        // The panel after this one begins where this one ends. No cache keeps the weights of a whole network until they are needed.
        let next = here.wrapping_add(panel * width / of_panel);
        let columns = width.min(weights.columns() - first);
        let mut is_first = true;
        places.for_each_tile(rows.clone(), tiles.len(), |row, count, place| {
            // SAFETY: the row ends within the output, as asserted.
            let to = unsafe { out.add(row * stride + first) };
            let (sums, sums_stride, to_next_sums) = match part.depth.start {
                0 => (panels.as_ptr(), 0, panel),
                _ => (to.cast_const(), stride, of_panel),
            };
            // A line for each row of the panel, of which each has two.
            let prefetched = if is_first { 0 } else { part.depth.len() * of_panel / 2 };
            is_first = false;
            let tile = Tile {
                a: a[place + part.skipped..].as_ptr(),
                a_stride: places.stride,
                runs: part.runs,
                length: part.length,
                sums,
                sums_stride,
                weights: here,
                to_next_panel: [panel, to_next_sums],
                prefetch: next.wrapping_add(prefetched).cast(),
                out: to,
                stride,
                addend: addend.filter(|_| is_last).map(|addend| addend[row * stride + first..].as_ptr()),
                bounds: if is_last { call.bounds } else { Bounds::NONE },
            };
            let kernel = tiles[count - 1];
            // SAFETY: rows, panels, output and addend are as long as the tile takes them to be, by the assertions and by `panels_from`, or
            // have at least `columns` columns; the output is borrowed mutably, so it overlaps no other; the backend exists, so its
            // features do.
            unsafe {
                if columns == width { kernel(&tile) } else { beside(&tile, kernel, [count, columns], width) }
            }
        });
    }
}

/// Computes a tile of `width` columns, of which output and addend have only the first ones, in memory beside them.
///
/// # Safety
///
/// As that of the kernel, but for the columns that output and addend lack.
unsafe fn beside(tile: &Tile<'_>, kernel: unsafe fn(&Tile<'_>), [rows, columns]: [usize; 2], width: usize) {
    let [mut out, mut addend] = [[0f32; MOST_SUMS]; 2];
    // SAFETY: the caller's promise; a tile has not more than `MOST_SUMS` sums.
    unsafe {
        for (row, (out, own)) in
            out.chunks_exact_mut(width).zip(addend.chunks_exact_mut(width)).enumerate().take(rows)
        {
            let at = row * tile.stride;
            out.as_mut_ptr().copy_from_nonoverlapping(tile.out.add(at), columns);
            if let Some(addend) = tile.addend {
                own.as_mut_ptr().copy_from_nonoverlapping(addend.add(at), columns);
            }
        }
        let is_begun = ptr::eq(tile.sums, tile.out);
        let to = out.as_mut_ptr();
        kernel(&Tile {
            sums: if is_begun { to } else { tile.sums },
            sums_stride: if is_begun { width } else { tile.sums_stride },
            out: to,
            stride: width,
            addend: tile.addend.map(|_| addend.as_ptr()),
            ..*tile
        });
        for row in 0..rows {
            tile.out.add(row * tile.stride).copy_from_nonoverlapping(to.add(row * width), columns);
        }
    }
}
