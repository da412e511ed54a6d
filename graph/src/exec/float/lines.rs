//! The image of a convolution, read in place as rows of a matrix, or with its padding laid out around it.

use std::ops::Range;

use eightbit_kernels::float::Rows;

use crate::exec::workers::divided;
use crate::ops::shared::convolution::Geometry;

/// Elements of the image that are laid out at a time: a part of the second-level cache.
const ELEMENTS: usize = 1 << 18;
/// The most elements of what is laid out for one line of the output.
const MOST_ELEMENTS: usize = 1 << 22;
/// The least pixels of a line: fewer would share the loads of weights too rarely.
const LEAST_WIDTH: usize = 4;

/// How the windows of a line of the output lie in the lines of the image that they see.
#[derive(Debug)]
pub(super) struct Lines {
    /// Where the runs of a window begin, counted from its first tap: the rows of the kernel, or its taps where these are no neighbours.
    runs: Vec<usize>,
    /// Elements from a window to the next, and of a laid out line of the image.
    step: usize,
    line: usize,
    /// Lines of the image that the windows of a line of the output see, and those from a line of the output to the next.
    seen: usize,
    lines_step: usize,
    /// Whether there is padding, so that lines are laid out.
    is_padded: bool,
}

/// Memory of a thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    image: Vec<f32>,
    /// Where the lines of the output begin.
    begins: Vec<usize>,
}

impl Lines {
    /// `None` if lines are too short or what they see is too much.
    pub(super) fn new(geometry: &Geometry) -> Option<Self> {
        let (window, channels) = (&geometry.window, geometry.channels[0]);
        let sizes = &window.sizes;
        let step = sizes.strides[1].checked_mul(channels)?;
        let (inputs, outputs) = geometry.group_channels();
        if inputs == 0 || outputs == 0 || sizes.output[1] < LEAST_WIDTH {
            return None;
        }
        let span = |axis: usize, windows: usize| {
            let taps = (sizes.kernel[axis].checked_sub(1)?).checked_mul(sizes.dilations[axis])?;
            (windows - 1).checked_mul(sizes.strides[axis])?.checked_add(taps)?.checked_add(1)
        };
        // Windows may end behind the image without padding: if the sizes of the output are rounded up.
        let ends_behind =
            |axis: usize| span(axis, sizes.output[axis].max(1)).is_none_or(|span| span > window.input[axis]);
        let has_pads =
            [&sizes.pads_begin, &sizes.pads_end].iter().any(|pads| pads.iter().any(|&pad| pad > 0));
        let is_padded = has_pads || ends_behind(0) || ends_behind(1);
        let width = if is_padded { span(1, sizes.output[1])? } else { window.input[1] };
        let (line, seen) = (width.checked_mul(channels)?, span(0, 1)?);
        if is_padded && line.checked_mul(seen.max(sizes.strides[0])).is_none_or(|all| all > MOST_ELEMENTS) {
            return None;
        }
        let are_neighbours = geometry.groups == 1 && sizes.dilations[1] == 1;
        let of_row = if are_neighbours { 1 } else { sizes.kernel[1] };
        let runs = (0..sizes.kernel[0] * of_row).map(|run| {
            let (row, tap) = (run / of_row, run % of_row);
            row * sizes.dilations[0] * line + tap * sizes.dilations[1] * channels
        });
        Some(Self { runs: runs.collect(), step, line, seen, lines_step: sizes.strides[0], is_padded })
    }

    /// The lines of the output that are computed at a time.
    fn at_once(&self, geometry: &Geometry) -> usize {
        if !self.is_padded {
            return usize::MAX;
        }
        // Each image begins with lines of its own.
        let seen = self.lines_step + self.seen.div_ceil(geometry.window.sizes.output[0].max(1));
        (ELEMENTS / (self.line * seen).max(1)).max(1)
    }

    /// The most elements that are laid out for `lines` lines of the output.
    fn elements(&self, geometry: &Geometry, lines: usize) -> usize {
        if !self.is_padded {
            return 0;
        }
        let images = lines / geometry.window.sizes.output[0].max(1) + 2;
        let seen = lines.saturating_mul(self.lines_step).saturating_add(images.saturating_mul(self.seen));
        seen.saturating_mul(self.line)
    }

    /// The most bytes that are kept for `pixels` pixels of the output.
    pub(super) fn scratch_bytes(&self, geometry: &Geometry, pixels: usize) -> u64 {
        let width = geometry.window.sizes.output[1].max(1);
        let lines = (pixels.div_ceil(width) + 1).min(self.at_once(geometry));
        let bytes = |count: usize, size: usize| (count as u64).saturating_mul(size as u64);
        bytes(self.elements(geometry, lines), size_of::<f32>())
            .saturating_add(bytes(lines, size_of::<usize>()))
    }

    pub(super) fn describe(&self) -> &'static str {
        if self.is_padded { "windows of the padded image" } else { "windows of the image" }
    }

    /// The most bytes of the description that [`new`](Self::new) makes.
    pub(super) fn bytes(geometry: &Geometry) -> u64 {
        let taps =
            geometry.window.sizes.kernel.iter().fold(1u64, |all, &size| all.saturating_mul(size as u64));
        taps.saturating_mul(size_of::<usize>() as u64)
    }

    /// Calls `multiply(pixels, elements, rows)` for blocks of the output's pixels `pixels`, whose windows are `rows` of `elements`.
    pub(super) fn for_each_block(
        &self,
        geometry: &Geometry,
        x: &[f32],
        pixels: Range<usize>,
        scratch: &mut Scratch,
        mut multiply: impl FnMut(Range<usize>, &[f32], Rows<'_>),
    ) {
        let width = geometry.window.sizes.output[1];
        let lines = pixels.start / width..pixels.end.div_ceil(width);
        let blocks = lines.len().div_ceil(self.at_once(geometry));
        for block in 0..blocks {
            let at = |block: usize| lines.start + divided(lines.len(), block, blocks);
            let lines = at(block)..at(block + 1);
            self.place(geometry, x, lines.clone(), scratch);
            let block = pixels.start.max(lines.start * width)..pixels.end.min(lines.end * width);
            let rows = Rows {
                lines: &scratch.begins,
                per_line: width,
                skipped: block.start - lines.start * width,
                stride: self.step,
                runs: &self.runs,
            };
            multiply(block, if self.is_padded { &scratch.image } else { x }, rows);
        }
    }

    /// Finds where the windows of lines of the output begin, after laying out the lines of the image that they see, if need be.
    fn place(&self, geometry: &Geometry, x: &[f32], lines: Range<usize>, scratch: &mut Scratch) {
        let window = &geometry.window;
        let (height, image) =
            (window.sizes.output[0], window.input[0] * window.input[1] * geometry.channels[0]);
        let Scratch { image: laid_out, begins } = scratch;
        begins.clear();
        begins.reserve_exact(lines.len());
        laid_out.clear();
        laid_out.reserve_exact(self.elements(geometry, lines.len()));
        let mut next = lines.start;
        while next < lines.end {
            let (number, top) = (next / height, next % height);
            let count = (height - top).min(lines.end - next);
            let first = if self.is_padded {
                laid_out.len()
            } else {
                number * image + top * self.lines_step * self.line
            };
            begins.extend((0..count).map(|line| first + line * self.lines_step * self.line));
            if self.is_padded {
                let seen = (count - 1) * self.lines_step + self.seen;
                self.lay_out(geometry, &x[number * image..][..image], top * self.lines_step, seen, laid_out);
            }
            next += count;
        }
    }

    /// Appends `count` lines of an image, the first of which is `top`, counted from the first line of the padding.
    fn lay_out(&self, geometry: &Geometry, image: &[f32], top: usize, count: usize, to: &mut Vec<f32>) {
        let (window, channels) = (&geometry.window, geometry.channels[0]);
        let row = window.input[1] * channels;
        let left = (window.sizes.pads_begin[1].saturating_mul(channels)).min(self.line);
        let inside = row.min(self.line - left);
        for line in top..top + count {
            let end = to.len() + self.line;
            let of_image =
                line.checked_sub(window.sizes.pads_begin[0]).filter(|&line| line < window.input[0]);
            if let Some(line) = of_image {
                to.resize(end - self.line + left, 0.0);
                to.extend_from_slice(&image[line * row..][..inside]);
            }
            to.resize(end, 0.0);
        }
    }
}
