//! Parts of a product's depth, whose panel fits a first-level cache.

use core::ops::Range;

/// Some runs of a row, or a piece of one.
pub(super) struct Part<'a> {
    /// Where they begin, counted from the place of their row, but for the elements before the piece.
    pub(super) runs: &'a [usize],
    /// The elements of the run before the piece.
    pub(super) skipped: usize,
    /// Elements of each run, or of the piece.
    pub(super) length: usize,
    /// Rows of the weights.
    pub(super) depth: Range<usize>,
}

/// Parts of `depth`, which `runs` runs of a row have in common: of whole runs and at most `deepest` rows, as far as a run has no more. There
/// is at least one.
pub(super) fn parts(runs: &[usize], depth: Range<usize>, deepest: usize) -> impl Iterator<Item = Part<'_>> {
    let run = depth.len() / runs.len();
    let pieces = run.div_ceil(deepest).max(1);
    let of_part = (deepest / run.max(1)).clamp(1, runs.len());
    runs.chunks(of_part).enumerate().flat_map(move |(index, runs)| {
        let first = depth.start + index * of_part * run;
        (0..pieces).map(move |piece| {
            let at = |piece: usize| run * piece / pieces;
            let (skipped, length) = (at(piece), at(piece + 1) - at(piece));
            let begin = first + skipped;
            Part { runs, skipped, length, depth: begin..begin + length * runs.len() }
        })
    })
}
