//! Patches of NHWC images, laid out as the rows of a matrix.

use std::ops::Range;

use crate::exec::workers::divided;
use crate::ops::shared::convolution::Geometry;

/// Elements of the patches that are laid out at a time: a part of the second-level cache.
const ELEMENTS: usize = 1 << 17;
/// The least number of patches, which share the loads of weights, as long as they have not more than [`MOST_ELEMENTS`].
const LEAST_ROWS: usize = 48;
const MOST_ELEMENTS: usize = 1 << 22;
/// The least depth of a part of the patches that is multiplied at a time, where a kernel has several rows.
const PART: usize = 1024;
/// Elements of a cache line, which are copied at once.
const LINE: usize = 16;

/// How the patches of a convolution are laid out: in parts of whole rows of the kernel.
#[derive(Debug)]
pub(super) struct Patches {
    /// Elements of a row of the kernel, and the most of such rows in a part.
    line: usize,
    rows_of_part: usize,
    /// From a patch to the next: an odd number of cache lines, because a cache has few places for lines that lie a power of two apart.
    pub(super) stride: usize,
    /// For each column of the output, the taps inside the image, and the pixel of the first of them in a row of the image.
    columns: Vec<(Range<usize>, usize)>,
}

impl Patches {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let (window, (channels, _)) = (&geometry.window, geometry.group_channels());
        let line = window.sizes.kernel[1] * channels;
        let rows_of_part = (PART / line.max(1)).clamp(1, window.sizes.kernel[0]);
        let column = |at: usize| {
            let inside = window.taps_inside(1, at);
            let first = window.position(1, at, inside.start).unwrap_or(0);
            (inside, first)
        };
        let columns = (0..window.sizes.output[1]).map(column).collect();
        Self { line, rows_of_part, stride: (line * rows_of_part).next_multiple_of(LINE) | LINE, columns }
    }

    /// The parts of the kernel's rows.
    pub(super) fn parts(&self, geometry: &Geometry) -> impl Iterator<Item = Range<usize>> {
        let (rows, step) = (geometry.window.sizes.kernel[0], self.rows_of_part);
        (0..rows).step_by(step).map(move |first| first..rows.min(first + step))
    }

    /// The part of the depth that some rows of the kernel are.
    pub(super) fn depth(&self, kernel_rows: &Range<usize>) -> Range<usize> {
        kernel_rows.start * self.line..kernel_rows.end * self.line
    }

    /// Blocks of patches to lay out at a time, as large as each other: of `count` patches.
    pub(super) fn blocks(&self, count: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let blocks = count.div_ceil(self.at_once());
        let at = move |block: usize| divided(count, block, blocks);
        (0..blocks).map(move |block| at(block)..at(block + 1))
    }

    /// The most patches that are laid out at a time.
    fn at_once(&self) -> usize {
        let least = (MOST_ELEMENTS / self.stride).clamp(1, LEAST_ROWS);
        (ELEMENTS / self.stride).max(least)
    }

    /// The most elements that are laid out at a time for `count` patches.
    pub(super) fn elements(&self, count: usize) -> usize {
        self.at_once().min(count) * self.stride
    }

    /// The bytes of the description that [`new`](Self::new) makes.
    pub(super) fn bytes(geometry: &Geometry) -> u64 {
        let column = size_of::<(Range<usize>, usize)>() as u64;
        (geometry.window.sizes.output[1] as u64).saturating_mul(column)
    }

    /// Lays out some rows of the kernel of the patches of output pixels, for the channels of a group.
    pub(super) fn lay_out(
        &self,
        geometry: &Geometry,
        x: &[f32],
        pixels: Range<usize>,
        kernel_rows: Range<usize>,
        group: usize,
        to: &mut Vec<f32>,
    ) {
        let Geometry { window, channels: [in_channels, _], groups, .. } = geometry;
        let (channels, _) = geometry.group_channels();
        let [height, width] = [window.input[0], window.input[1]];
        // The taps of a row are neighbours in the image.
        let in_one_piece = *groups == 1 && window.sizes.dilations[1] == 1;
        to.resize(pixels.len() * self.stride, 0.0);
        if channels == 0 || self.columns.is_empty() {
            return;
        }
        let (mut row, mut column) = (pixels.start / self.columns.len(), pixels.start % self.columns.len());
        for index in 0..pixels.len() {
            let (image, y) = (row / window.sizes.output[0], row % window.sizes.output[0]);
            let (inside, first) = &self.columns[column];
            let inside = inside.start * channels..inside.end * channels;
            for (number, ky) in kernel_rows.clone().enumerate() {
                let begin = index * self.stride + number * self.line;
                let (Some(of_image), false) = (window.position(0, y, ky), inside.is_empty()) else {
                    to[begin..begin + self.line].fill(0.0);
                    continue;
                };
                let from = ((image * height + of_image) * width + first) * in_channels + group * channels;
                to[begin..begin + inside.start].fill(0.0);
                if in_one_piece {
                    copy(x, from, to, begin + inside.start, inside.len());
                } else {
                    let step = window.sizes.dilations[1] * in_channels;
                    let taps = to[begin..][inside.clone()].chunks_exact_mut(channels).enumerate();
                    taps.for_each(|(tap, to)| to.copy_from_slice(&x[from + tap * step..][..channels]));
                }
                to[begin + inside.end..begin + self.line].fill(0.0);
            }
            column += 1;
            if column == self.columns.len() {
                (row, column) = (row + 1, 0);
            }
        }
    }
}

/// Copies `count` elements in whole lines. What they write beyond the last element is written again or never read: patches are laid out
/// in order.
fn copy(x: &[f32], from: usize, to: &mut [f32], begin: usize, count: usize) {
    for at in (0..count).step_by(LINE) {
        let (x, to) = (&x[from + at..], &mut to[begin + at..]);
        match (x.first_chunk::<LINE>(), to.first_chunk_mut::<LINE>()) {
            (Some(x), Some(to)) => *to = *x,
            _ => to[..count - at].copy_from_slice(&x[..count - at]),
        }
    }
}
