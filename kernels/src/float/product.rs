//! Products of a matrix and packed weights.

use super::{Bounds, FloatWeights, Tile};

/// Elements of the first factor that all panels are multiplied with before the next ones are: a part of the second-level cache, because
/// every panel reads them again.
const BLOCK: usize = 1 << 16;

/// `out = bounded(a · weights + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct ProductCall<'a> {
    /// The first factor: rows of `weights.depth()` elements, without gaps.
    pub a: &'a [f32],
    /// The second factor.
    pub weights: &'a FloatWeights,
    /// Bounds of the results.
    pub bounds: Bounds,
}

/// Multiplies `rows` rows; rows of the output are `stride` elements apart.
///
/// # Panics
///
/// If the first factor does not have `rows` rows, `stride` is less than the number of columns, or the output has not room for all
/// rows.
pub fn multiply(call: &ProductCall<'_>, rows: usize, out: &mut [f32], stride: usize) {
    let &ProductCall { a, weights, bounds } = call;
    let (depth, columns) = (weights.depth(), weights.columns());
    if rows == 0 || columns == 0 {
        return;
    }
    assert_eq!(rows.checked_mul(depth), Some(a.len()), "rows of the weights' depth");
    assert!(columns <= stride, "rows of the output do not overlap");
    let last = (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(columns));
    assert!(last.is_some_and(|end| end <= out.len()), "room for all rows");
    let float = &weights.backend().entry().ops.float;
    let out = out.as_mut_ptr();
    let block = (BLOCK / depth.max(1)).max(float.tiles[0].len());
    for begin in (0..rows).step_by(block) {
        let end = rows.min(begin + block);
        for first in (0..columns).step_by(weights.panel()) {
            let (panel, width) = (weights.panel_at(first), weights.width(first));
            let tiles = float.tiles[width / float.lanes - 1];
            // As many rows for each tile as for the others, or one less: a last tile of one row would take almost as long.
            let count = (end - begin).div_ceil(tiles.len());
            for index in 0..count {
                let at = |index: usize| begin + (end - begin) * index / count;
                let (row, next) = (at(index), at(index + 1));
                let tile = Tile {
                    a: a[row * depth..].as_ptr(),
                    a_stride: depth,
                    depth,
                    panel: panel.as_ptr(),
                    // SAFETY: the row ends within the output, as asserted.
                    out: unsafe { out.add(row * stride + first) },
                    out_stride: stride,
                    columns: width.min(columns - first),
                    bounds,
                };
                // SAFETY: rows, panel and output are as long as the tile takes them to be, by the assertions and by `panel_at`; the
                // output is borrowed mutably, so it overlaps no other; the backend exists, so its features do.
                unsafe { tiles[next - row - 1](&tile) };
            }
        }
    }
}
