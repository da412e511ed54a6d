//! Products of a matrix and packed weights.

use core::ops::Range;

use super::{Bounds, FloatWeights, Tile};

/// Bytes of a panel that all rows of a block are multiplied with before the next ones are: most of a first-level cache, because every tile
/// reads them again.
const PANEL_BYTES: usize = 32 << 10;

/// Elements of the first factor that all panels are multiplied with before the next ones are: a part of the second-level cache, because
/// every panel reads them again.
const BLOCK: usize = 1 << 16;

/// The most sums of a tile.
const MOST_SUMS: usize = 12 * 2 * 16;

/// `out = bounded(a · weights + bias)`, or a part of the depth of that.
#[derive(Clone, Debug)]
pub struct ProductCall<'a> {
    /// The first factor: rows of as many elements as `depth` has.
    pub a: &'a [f32],
    /// From a row of the first factor to the next.
    pub a_stride: usize,
    /// The second factor.
    pub weights: &'a FloatWeights,
    /// Rows of the weights to multiply with: all of them, or a part. A part that does not begin at 0 is added to the output, one that does
    /// not end at the last row has no bounds. Parts in order give the bits of the whole.
    pub depth: Range<usize>,
    /// Bounds of the results.
    pub bounds: Bounds,
}

impl<'a> ProductCall<'a> {
    /// Over the whole depth, with rows of the first factor side by side.
    #[must_use]
    pub fn new(a: &'a [f32], weights: &'a FloatWeights, bounds: Bounds) -> Self {
        Self { a, a_stride: weights.depth(), weights, depth: 0..weights.depth(), bounds }
    }
}

/// Multiplies `rows` rows; rows of the output are `stride` elements apart.
///
/// # Panics
///
/// If the depth is not one of the weights, the first factor does not have `rows` rows of it, rows of either matrix overlap, or the output
/// has not room for all rows.
pub fn multiply(call: &ProductCall<'_>, rows: usize, out: &mut [f32], stride: usize) {
    let &ProductCall { a, a_stride, weights, ref depth, .. } = call;
    let columns = weights.columns();
    if rows == 0 || columns == 0 {
        return;
    }
    let end = |stride: usize, length: usize| {
        assert!(length <= stride, "rows do not overlap");
        (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(length))
    };
    assert!(depth.start <= depth.end && depth.end <= weights.depth(), "a part of the weights' depth");
    assert!(end(a_stride, depth.len()).is_some_and(|end| end <= a.len()), "rows of the depth");
    assert!(end(stride, columns).is_some_and(|end| end <= out.len()), "room for all rows");
    let deepest = (PANEL_BYTES / size_of::<f32>() / weights.panel()).max(1);
    let most = weights.backend().entry().ops.float.tiles[0].len();
    // Blocks as large as the others, or a little smaller: a small last one would read all weights for a few rows.
    let blocks = rows.div_ceil((BLOCK / depth.len().clamp(1, deepest)).max(most));
    for block in 0..blocks {
        let at = |block: usize| rows * block / blocks;
        let mut first = depth.start;
        loop {
            let part = first..depth.end.min(first + deepest);
            // SAFETY: rows and parts of the depth lie within what is asserted.
            unsafe { panels(call, at(block)..at(block + 1), part.clone(), out, stride) };
            first = part.end;
            if first == depth.end {
                break;
            }
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
    part: Range<usize>,
    out: &mut [f32],
    stride: usize,
) {
    let &ProductCall { a, a_stride, weights, .. } = call;
    let float = &weights.backend().entry().ops.float;
    let is_last = part.end == weights.depth();
    let out = out.as_mut_ptr();
    // The sums of a tile whose vectors have more lanes than the output has columns.
    let mut begun = [0f32; MOST_SUMS];
    for first in (0..weights.columns()).step_by(weights.panel()) {
        let (panel, width) = (weights.panel_at(first), weights.width(first));
        let tiles = float.tiles[width / float.lanes - 1];
        let here = panel[(1 + part.start) * width..].as_ptr();
        // The panel after this one begins where this one ends. No cache keeps the weights of a whole network until they are needed.
        let next = here.wrapping_add(panel.len());
        // As many rows for each tile as for the others, or one less: a last tile of one row would take almost as long.
        let count = rows.len().div_ceil(tiles.len());
        for index in 0..count {
            let at = |index: usize| rows.start + rows.len() * index / count;
            let (row, end) = (at(index), at(index + 1));
            let columns = width.min(weights.columns() - first);
            // SAFETY: the row ends within the output, as asserted.
            let to = unsafe { out.add(row * stride + first) };
            let (sums, sums_stride) = if part.start == 0 {
                (panel.as_ptr(), 0)
            } else if columns == width {
                (to.cast_const(), stride)
            } else {
                for (index, sums) in begun.chunks_exact_mut(width).enumerate().take(end - row) {
                    // SAFETY: these rows end within the output, too.
                    unsafe { to.add(index * stride).copy_to_nonoverlapping(sums.as_mut_ptr(), columns) };
                }
                (begun.as_ptr(), width)
            };
            let tile = Tile {
                a: a[row * a_stride + part.start - call.depth.start..].as_ptr(),
                a_stride,
                depth: part.len(),
                sums,
                sums_stride,
                weights: here,
                // A line for each row of the panel, of which each has two.
                prefetch: next.wrapping_add(index.min(1) * part.len() * width / 2).cast(),
                out: to,
                out_stride: stride,
                columns,
                bounds: if is_last { call.bounds } else { Bounds::NONE },
            };
            // SAFETY: rows, panel and output are as long as the tile takes them to be, by the assertions and by `panel_at`; the
            // output is borrowed mutably, so it overlaps no other; the backend exists, so its features do.
            unsafe { tiles[end - row - 1](&tile) };
        }
    }
}
