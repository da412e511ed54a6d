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
    // Rows of no elements are one part: each adds the addend if it is the last one of the weights.
    let of_part = deepest.checked_div(run).map_or(runs.len(), |whole| whole.clamp(1, runs.len()));
    runs.chunks(of_part).enumerate().flat_map(move |(index, runs)| {
        let first = depth.start + index * of_part * run;
        (0..pieces).map(move |piece| {
            let at = |piece: usize| divided(run, piece, pieces);
            let (skipped, length) = (at(piece), at(piece + 1) - at(piece));
            let begin = first + skipped;
            Part { runs, skipped, length, depth: begin..begin + length * runs.len() }
        })
    })
}

/// Where part `index` of `parts` parts of `count` begins, which differ by one at most. Without a product, which could overflow.
pub(super) fn divided(count: usize, index: usize, parts: usize) -> usize {
    index * (count / parts) + index.min(count % parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_whatever_their_number() {
        for (count, parts) in
            [(0, 1), (7, 3), (9, 3), (usize::MAX, 5), (3_000_000, 2930), (usize::MAX, usize::MAX)]
        {
            assert_eq!(
                (divided(count, 0, parts), divided(count, parts, parts)),
                (0, count),
                "{count} in {parts}"
            );
            let of = |index: usize| divided(count, index + 1, parts) - divided(count, index, parts);
            for index in (0..parts.min(3000)).chain([parts - 1]) {
                assert!(
                    of(index) == count / parts || of(index) == count / parts + 1,
                    "{count} in {parts}: {index}"
                );
            }
        }
    }
}
