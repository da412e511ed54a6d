//! Which rows and columns of the image the windows of a strip of output pixels see.

use core::ops::Range;

use super::{Across, Columns, MAX_ROWS, PoolKernel};
use crate::ahead::FAR;
use crate::elementwise::ByteTarget;
use crate::gemm::{OutputBlock, PatchGeometry, Span};
use crate::pooling::generic::MAX_BLOCK;
use crate::{Element, OutputElement, Scratch};

/// Elements between the two steps that a strip aims at: what the first-level cache holds beside the rows.
const STRIP: usize = 4096;

/// So many elements are taken to come from memory. Then rows are combined and windows finished in turn, a part of a strip at a time,
/// so that reading waits for no writing.
const IN_MEMORY: usize = 8 << 20;

/// Elements of such a part.
const PART: usize = 1024;

/// Columns of the image that the windows of a strip see at most; `None` if they cannot be counted.
pub(super) fn span(geometry: &PatchGeometry) -> Option<usize> {
    let last = pixels(geometry).checked_sub(1)?.checked_mul(geometry.stride[1])?;
    Some(last.checked_add(reach(geometry)?)?.min(geometry.input[1]))
}

/// Columns from the first tap of a window to its last.
fn reach(geometry: &PatchGeometry) -> Option<usize> {
    geometry.kernel[1].checked_sub(1)?.checked_mul(geometry.dilation[1])?.checked_add(1)
}

/// Output pixels of a strip: so many that its windows share most of their columns, if they overlap.
fn pixels(geometry: &PatchGeometry) -> usize {
    let reach = reach(geometry).unwrap_or(usize::MAX);
    let columns = (STRIP / geometry.channels.max(1)).max(reach.saturating_mul(4));
    ((columns - reach.min(columns)) / geometry.stride[1].max(1) + 1).min(geometry.output[1].max(1))
}

/// What sums become: the offset is added to them, then they are scaled.
pub(super) struct Steps {
    pub(super) offset: i32,
    pub(super) scale: f32,
}

/// A pooling with its kernel.
pub(super) struct Pool<'a> {
    pub(super) geometry: &'a PatchGeometry,
    pub(super) kernel: &'a PoolKernel,
    pub(super) target: ByteTarget,
}

/// Output pixels `x` of row `y` of an image.
struct Strip {
    image: usize,
    y: usize,
    x: Range<usize>,
}

impl Pool<'_> {
    /// Pools what `out` covers. `steps` tells what becomes of the sum of so many taps on the image, in the window of output row `y`
    /// and column `x`.
    pub(super) fn run<I: Element, O: OutputElement>(
        &self,
        input: &[I],
        mut out: OutputBlock<'_, O>,
        scratch: &mut Scratch,
        steps: impl Fn(usize, usize, usize) -> Steps,
    ) {
        let geometry = self.geometry;
        assert!(geometry.input_len().is_some_and(|len| len <= input.len()), "image too short");
        assert_eq!(
            (out.first_column(), out.columns()),
            (0, geometry.channels),
            "a block covers all channels"
        );
        assert!(out.first_row() + out.rows() <= geometry.rows(), "block past the last pixel");
        if out.rows() == 0 || out.columns() == 0 {
            return;
        }
        let (to, stride) = (out.address(0, 0), out.row_bytes());
        let elements = span(geometry).and_then(|span| span.checked_mul(geometry.channels));
        let bytes = elements.and_then(|n| n.checked_add(MAX_BLOCK)?.checked_mul(self.kernel.bytes));
        let sums = scratch.bytes(bytes.expect("window too large")).as_mut_ptr();
        let [height, width] = geometry.output;
        let (step, end) = (pixels(geometry), out.first_row() + out.rows());
        let mut pixel = out.first_row();
        while pixel < end {
            let (x, y, image) = (pixel % width, pixel / width % height, pixel / width / height);
            let count = step.min(width - x).min(end - pixel);
            let strip = Strip { image, y, x: x..x + count };
            // SAFETY: the strip is part of the output, and the scratch has room for the columns that it sees.
            unsafe {
                let to = to.add((pixel - out.first_row()) * stride);
                self.strip(&strip, input.as_ptr().cast(), sums, to, stride, &steps);
            }
            pixel += count;
        }
    }

    /// Elements of all images.
    fn elements(&self) -> usize {
        self.geometry.input_len().unwrap_or(usize::MAX)
    }

    /// # Safety
    ///
    /// The CPU has the kernel's features; `input` is the whole batch, `sums` has room for a strip's columns and a block more, and
    /// `out` for the strip's pixels, `out_stride` bytes apart.
    unsafe fn strip(
        &self,
        strip: &Strip,
        input: *const u8,
        sums: *mut u8,
        out: *mut u8,
        out_stride: usize,
        steps: &impl Fn(usize, usize, usize) -> Steps,
    ) {
        let geometry = self.geometry;
        let (channels, stride, bytes) = (geometry.channels, geometry.stride[1], self.kernel.bytes);
        let rows = geometry.taps_inside(0, strip.y);
        // The columns that the strip sees, and perhaps some between them.
        let first = (strip.x.start * stride).saturating_sub(geometry.pad[1]);
        let last = (strip.x.end - 1) * stride + (geometry.kernel[1] - 1) * geometry.dilation[1];
        let columns = first..(last + 1).saturating_sub(geometry.pad[1]).min(geometry.input[1]);
        assert!(rows.len() > 0 && !columns.is_empty(), "a window lies outside the image");
        let parts = self.elements() >= IN_MEMORY;
        let at_once = if parts { (PART / channels.saturating_mul(stride)).max(1) } else { usize::MAX };
        let inside = geometry.windows_inside();
        let mut combined = columns.start;
        let mut x = strip.x.start;
        while x < strip.x.end {
            let taps = geometry.taps_inside(1, x);
            assert!(taps.len() > 0, "a window lies outside the image");
            // Windows inside the image are alike, others are alone.
            let pixels = if inside.contains(&x) { (inside.end.min(strip.x.end) - x).min(at_once) } else { 1 };
            let end = (x + pixels - 1) * stride + (taps.end - 1) * geometry.dilation[1] + 1 - geometry.pad[1];
            if combined < end {
                let end = if parts { end } else { columns.end };
                // SAFETY: rows and columns are inside the image, whose length was checked; the scratch has room for all the columns
                // that the strip sees.
                unsafe {
                    let sums = sums.add((combined - columns.start) * channels * bytes);
                    self.rows(strip, rows, combined..end, input, sums);
                }
                combined = end;
            }
            let found = rows.len() * taps.len();
            let Steps { offset, scale } = steps(found, strip.y, x);
            let column = x * stride + taps.start * geometry.dilation[1] - geometry.pad[1] - columns.start;
            // Side by side and of stride 1 they are one long window.
            let merged = stride == 1 && out_stride == channels;
            let (pixels_at_once, windows) = if merged { (pixels, 1) } else { (1, pixels) };
            // SAFETY: the windows' taps are among the columns, and their pixels in the strip.
            unsafe {
                (self.kernel.across)(&Across {
                    from: sums.add(column * channels * bytes),
                    taps: taps.len(),
                    step: geometry.dilation[1] * channels,
                    pixels: windows,
                    advance: stride.saturating_mul(channels),
                    len: pixels_at_once * channels,
                    out: out.add((x - strip.x.start) * out_stride),
                    out_advance: if merged { pixels * channels } else { out_stride },
                    far: self.elements() >= FAR,
                    offset,
                    scale,
                    target: self.target,
                    saturates: self.target.saturates(found as f32 * 256.0 * scale),
                });
            }
            x += pixels;
        }
    }

    /// Combines the rows of the image that the strip's windows see.
    ///
    /// # Safety
    ///
    /// As [`strip`](Self::strip); the rows of taps and the columns are inside the image, and some.
    unsafe fn rows(&self, strip: &Strip, taps: Span, columns: Range<usize>, input: *const u8, sums: *mut u8) {
        let geometry = self.geometry;
        let mut call = Columns {
            rows: [input; MAX_ROWS],
            count: 0,
            len: columns.len() * geometry.channels,
            out: sums,
            accumulate: false,
            far: self.elements() >= FAR,
        };
        for tap in taps.start..taps.end {
            let row = strip.y * geometry.stride[0] + tap * geometry.dilation[0] - geometry.pad[0];
            let pixel = (strip.image * geometry.input[0] + row) * geometry.input[1] + columns.start;
            // SAFETY: the pixel is inside the batch; the kernel gets as many rows as have been found.
            unsafe {
                call.rows[call.count] = input.add(pixel * geometry.channels);
                call.count += 1;
                if call.count == MAX_ROWS || tap + 1 == taps.end {
                    (self.kernel.columns)(&call);
                    call.count = 0;
                    call.accumulate = true;
                }
            }
        }
    }
}

impl PatchGeometry {
    /// How many taps of output pixel (`y`, `x`) lie on the image or its padding, which is `pad` at the beginning and
    /// `pad_end` at the end of each axis.
    pub(super) fn padded_taps(&self, y: usize, x: usize, pad_end: [usize; 2]) -> usize {
        let along = |axis: usize, at: usize| {
            let end = self.pad[axis] + self.input[axis] + pad_end[axis];
            let start = at * self.stride[axis];
            (0..self.kernel[axis]).take_while(|k| start + k * self.dilation[axis] < end).count()
        };
        along(0, y) * along(1, x)
    }

    /// Columns of the output whose windows lie inside the image.
    fn windows_inside(&self) -> Range<usize> {
        let (stride, pad) = (self.stride[1], self.pad[1]);
        let reach = (self.kernel[1] - 1) * self.dilation[1];
        let end = (self.input[1] + pad).checked_sub(reach + 1).map_or(0, |last| last / stride + 1);
        pad.div_ceil(stride)..end
    }
}
