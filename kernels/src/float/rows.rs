//! Where the rows of a product's first factor lie.

use core::ops::Range;

use super::parts::divided;

/// Rows, in lines whose rows are equally far apart. A row is one or more runs of elements, all as long as each other.
///
/// The patches of an image are such rows: a line is one of the output, and a run is what a row of the kernel sees.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Where the first row of each line begins.
    pub lines: &'a [usize],
    /// The number of rows of a line.
    pub per_line: usize,
    /// The rows of the first line that are left out.
    pub skipped: usize,
    /// From a row to the next one of its line, in elements.
    pub stride: usize,
    /// Where the runs of a row begin, counted from its place; at least one.
    pub runs: &'a [usize],
}

impl Rows<'_> {
    /// Rows of one run each, all of which are `stride` elements apart.
    #[must_use]
    pub const fn apart(stride: usize) -> Self {
        Self { lines: &[0], per_line: usize::MAX, skipped: 0, stride, runs: &[0] }
    }

    /// Where the last of `rows` ≥ 1 rows of `depth` elements ends; `None` where there are no such rows.
    pub(super) fn reach(&self, rows: usize, depth: usize) -> Option<usize> {
        let end = self.skipped.checked_add(rows)?;
        let lines = self.lines.get(..end.div_ceil(self.per_line.max(1)))?;
        if self.skipped >= self.per_line || !depth.is_multiple_of(self.runs.len()) {
            return None;
        }
        let last = (self.per_line.min(end) - 1).checked_mul(self.stride)?;
        let run = self.runs.iter().max()?.checked_add(depth / self.runs.len())?;
        lines.iter().max()?.checked_add(last)?.checked_add(run)
    }

    /// About how many elements a row reads that the one before it does not, in a part of the depth; at least 1.
    pub(super) fn new_elements(&self, depth: usize, deepest: usize) -> usize {
        let run = depth / self.runs.len();
        let of_part = (deepest / run.max(1)).clamp(1, self.runs.len());
        (run.min(deepest).min(self.stride) * of_part).max(1)
    }

    /// A place near row `row` of `rows` where blocks of about `block` rows may be cut: the beginning of a line, if blocks have whole lines.
    pub(super) fn cut(&self, row: usize, rows: usize, block: usize) -> usize {
        if row == rows || self.per_line > block {
            return row;
        }
        row.saturating_sub((self.skipped + row) % self.per_line)
    }

    /// Calls `visit(row, count, place)` for tiles of at most `most` rows of one line each: their first row, their number, and where the first
    /// one begins.
    #[inline(always)]
    pub(super) fn for_each_tile(
        &self,
        rows: Range<usize>,
        most: usize,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let mut first = rows.start;
        while first < rows.end {
            let (line, skipped) =
                ((self.skipped + first) / self.per_line, (self.skipped + first) % self.per_line);
            let count = (self.per_line - skipped).min(rows.end - first);
            // As many rows for each tile as for the others, or one less: a last tile of one row would take almost as long.
            let tiles = count.div_ceil(most);
            for tile in 0..tiles {
                let at = |tile: usize| divided(count, tile, tiles);
                let place = self.lines[line] + (skipped + at(tile)) * self.stride;
                visit(first + at(tile), at(tile + 1) - at(tile), place);
            }
            first += count;
        }
    }
}
