//! Strips: as many rows as stay in the first cache while all panels are multiplied with them.

use core::ops::Range;

use super::{BitGeometry, BitMatrix, BitPatches};

/// Bytes of activations that are multiplied with all panels before the next ones are.
pub(super) const STRIP_BYTES: usize = 24 << 10;

/// Some consecutive rows of one image, or of a matrix.
pub(super) struct Strip {
    /// The output's rows.
    pub(super) rows: Range<usize>,
    /// The line of the image that the first one lies in, and its place there.
    pub(super) first_line: usize,
    first_x: usize,
    /// What the first pixel of that line reads.
    start: *const u8,
    pub(super) steps: Steps,
}

/// From one row to the next: lines of `width` rows.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    pub(super) width: usize,
    row: usize,
    line: usize,
}

impl Strip {
    /// What is read for the strip's first row.
    pub(super) fn first(&self) -> RowCursor {
        RowCursor::new(self.start, self.first_x, self.steps)
    }

    /// The lines of the image that rows lie in.
    pub(super) fn lines(&self) -> Range<usize> {
        self.first_line..self.first_line + (self.first_x + self.rows.len()).div_ceil(self.steps.width)
    }

    /// Those of the strip's rows that lie in one of its lines, from `x.start` to `x.end`; and what is read for the first of them.
    pub(super) fn part(&self, line: usize, x: Range<usize>) -> (Range<usize>, RowCursor) {
        let below = line - self.first_line;
        // The row that the line begins with may be before the first one.
        let (first, last) = (self.rows.start + self.first_x, self.rows.end + self.first_x);
        let start = self.rows.start + below * self.steps.width;
        let (from, to) = ((start + x.start).clamp(first, last), (start + x.end).clamp(first, last));
        let cursor =
            RowCursor::new(self.start.wrapping_add(below * self.steps.line), from - start, self.steps);
        (from - self.first_x..to - self.first_x, cursor)
    }
}

/// A row of activations.
#[derive(Clone, Copy)]
pub(super) struct RowCursor {
    pub(super) at: *const u8,
    line: *const u8,
    x: usize,
}

impl RowCursor {
    /// Row `x` of a line, which begins at `line`.
    fn new(line: *const u8, x: usize, steps: Steps) -> RowCursor {
        RowCursor { at: line.wrapping_add(x * steps.row), line, x }
    }

    /// Moves to the next row.
    #[inline(always)]
    pub(super) fn advance(&mut self, steps: Steps) {
        self.x += 1;
        self.at = self.at.wrapping_add(steps.row);
        if self.x == steps.width {
            *self = RowCursor::new(self.line.wrapping_add(steps.line), 0, steps);
        }
    }
}

/// Strips of a matrix.
pub(super) fn of_matrix(
    matrix: BitMatrix<'_>,
    row_bytes: usize,
    rows: Range<usize>,
) -> impl Iterator<Item = Strip> {
    let size = (STRIP_BYTES / row_bytes.max(1)).max(super::kernel::MAX_ROWS);
    let steps = Steps { width: usize::MAX, row: row_bytes, line: 0 };
    rows.clone().step_by(size).map(move |first| Strip {
        rows: first..rows.end.min(first + size),
        first_line: 0,
        first_x: first,
        start: matrix.data.as_ptr(),
        steps,
    })
}

/// The rows of the output from `start` on that one strip has, at most up to `end`.
pub(super) fn rows_of_patches(patches: &BitPatches<'_>, start: usize, end: usize) -> Range<usize> {
    let [height, width] = patches.geometry.window().output;
    let line = start / width;
    let lines = patches.geometry.strip_lines().min(height - line % height);
    start..end.min((line + lines) * width)
}

/// The strip of rows of one image, which [`rows_of_patches`] gave. Lines that need be are copied to `copies`.
///
/// # Safety
///
/// `copies` is valid for writes of [`scratch_bytes`](super::BitGeometry::scratch_bytes) bytes, and the input is that of the window.
pub(super) unsafe fn of_patches(patches: &BitPatches<'_>, rows: Range<usize>, copies: *mut u8) -> Strip {
    let geometry = patches.geometry;
    let window = geometry.window();
    let [height, width] = window.output;
    let (line, last) = (rows.start / width, (rows.end - 1) / width);
    let (image, y) = (line / height, line % height);
    let image_bytes = window.input[0] * window.input[1] * window.channels;
    let image = &patches.input[image * image_bytes..][..image_bytes];
    let start = if geometry.is_copied() {
        let lines = geometry.lines(last - line + 1);
        // SAFETY: these are no more lines than a strip has.
        unsafe { copy_lines(geometry, image, y * window.stride[0], lines, copies) };
        copies.cast_const()
    } else {
        image[y * window.stride[0] * geometry.line_bytes()..].as_ptr()
    };
    let steps = Steps {
        width,
        row: window.stride[1] * window.channels,
        line: window.stride[0] * geometry.line_bytes(),
    };
    Strip { first_line: y, first_x: rows.start % width, start, rows, steps }
}

/// Copies lines of an image with their padding: `count` of those that are read, from line `first` of the padded image on.
///
/// # Safety
///
/// `to` is valid for writes of `count` lines.
unsafe fn copy_lines(geometry: &BitGeometry, image: &[u8], first: usize, count: usize, to: *mut u8) {
    let (window, line_bytes) = (geometry.window(), geometry.line_bytes());
    // SAFETY: the caller's promise. The memory of a scratch is initialized.
    let lines = unsafe { core::slice::from_raw_parts_mut(to, count * line_bytes) };
    let image_line = window.input[1] * window.channels;
    let left = (window.pad[1] * window.channels).min(line_bytes);
    let taken = image_line.min(line_bytes - left);
    for (i, line) in lines.chunks_exact_mut(line_bytes).enumerate() {
        let y = (first + i * geometry.line_step()).wrapping_sub(window.pad[0]);
        if y >= window.input[0] {
            line.fill(0);
            continue;
        }
        line[..left].fill(0);
        line[left..left + taken].copy_from_slice(&image[y * image_line..][..taken]);
        line[left + taken..].fill(0);
    }
}
