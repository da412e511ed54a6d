//! Pool tiles: which rows and columns of the image the windows of a tile of output pixels see.

use core::ops::Range;

use super::contract::{self, Across, Columns, MAX_ROWS, PoolKernel, Scale};
use crate::elementwise::ByteTarget;
use crate::gemm::{OutputBlock, Span};
use crate::pooling::generic::MAX_BLOCK;
use crate::prefetch::PREFETCH_LEN;
use crate::{Element, OutputElement, Scratch, Window2d};

/// Target number of elements between the two steps of a tile: what the first-level cache holds beside the rows.
const TILE: usize = 4096;

/// Images of this many elements or more are assumed to come from memory. Then rows are combined and windows finished in turn, a
/// part of a tile at a time, so that reads do not wait for writes.
const IN_MEMORY: usize = 8 << 20;

/// Elements of such a part of a tile.
const PART: usize = 1024;

/// Columns of the image that the windows of a tile see at most; `None` if the number overflows.
pub(super) fn span(window: &Window2d) -> Option<usize> {
    let last = pixels(window).checked_sub(1)?.checked_mul(window.stride[1])?;
    Some(last.checked_add(reach(window)?)?.min(window.input[1]))
}

/// Columns from the first tap of a window to its last.
fn reach(window: &Window2d) -> Option<usize> {
    window.kernel[1].checked_sub(1)?.checked_mul(window.dilation[1])?.checked_add(1)
}

/// Output pixels of a tile: enough that its windows share most of their columns, if they overlap.
fn pixels(window: &Window2d) -> usize {
    let reach = reach(window).unwrap_or(usize::MAX);
    let columns = (TILE / window.channels.max(1)).max(reach.saturating_mul(4));
    ((columns - reach.min(columns)) / window.stride[1].max(1) + 1).min(window.output[1].max(1))
}

/// From sums to steps of the output: the offset is added, then the sum is scaled.
pub(super) struct Steps {
    pub(super) offset: i32,
    pub(super) scale: f32,
}

/// A pooling with its kernel.
pub(super) struct Pool<'a> {
    pub(super) window: &'a Window2d,
    pub(super) kernel: &'a PoolKernel,
    pub(super) target: ByteTarget,
}

/// Output pixels `x` of row `y` of an image.
struct PoolTile {
    image: usize,
    y: usize,
    x: Range<usize>,
}

impl Pool<'_> {
    /// Pools what `out` covers. `steps` gives the offset and scale for the sum of a number of taps on the image, in the window of
    /// output row `y` and column `x`.
    pub(super) fn run<I: Element, O: OutputElement>(
        &self,
        input: &[I],
        out: OutputBlock<'_, O>,
        scratch: &mut Scratch,
        steps: impl Fn(usize, usize, usize) -> Steps,
    ) {
        let window = self.window;
        assert!(window.input_len() <= input.len(), "image too short");
        assert_eq!((out.first_column(), out.columns()), (0, window.channels), "a block covers all channels");
        assert!(out.first_row() + out.rows() <= window.rows(), "block past the last pixel");
        if out.rows() == 0 || out.columns() == 0 {
            return;
        }
        let (to, stride) = (out.address(0, 0), out.row_bytes());
        let elements = span(window).and_then(|span| span.checked_mul(window.channels));
        let bytes = elements.and_then(|n| n.checked_add(MAX_BLOCK)?.checked_mul(self.kernel.bytes));
        let sums = scratch.raw(bytes.expect("window too large"));
        let [height, width] = window.output;
        let (step, end) = (pixels(window), out.first_row() + out.rows());
        let mut pixel = out.first_row();
        while pixel < end {
            let (x, y, image) = (pixel % width, pixel / width % height, pixel / width / height);
            let count = step.min(width - x).min(end - pixel);
            let tile = PoolTile { image, y, x: x..x + count };
            // SAFETY: the tile is part of the output, and the scratch has room for the columns that it sees.
            unsafe {
                let to = to.add((pixel - out.first_row()) * stride);
                self.tile(&tile, input.as_ptr().cast(), sums, to, stride, &steps);
            }
            pixel += count;
        }
    }

    /// Elements of all images.
    fn elements(&self) -> usize {
        self.window.input_len()
    }

    /// # Safety
    ///
    /// The CPU has the kernel's features; `input` is the whole batch, `sums` has room for a tile's columns and a block more, and
    /// `out` for the tile's pixels, `out_stride` bytes apart.
    unsafe fn tile(
        &self,
        tile: &PoolTile,
        input: *const u8,
        sums: *mut u8,
        out: *mut u8,
        out_stride: usize,
        steps: &impl Fn(usize, usize, usize) -> Steps,
    ) {
        let window = self.window;
        let (channels, stride, bytes) = (window.channels, window.stride[1], self.kernel.bytes);
        let rows = window.taps_inside(0, tile.y);
        // The columns that the tile sees, and perhaps some between them.
        let first = (tile.x.start * stride).saturating_sub(window.pad[1]);
        let last = (tile.x.end - 1) * stride + (window.kernel[1] - 1) * window.dilation[1];
        let columns = first..(last + 1).saturating_sub(window.pad[1]).min(window.input[1]);
        assert!(rows.len() > 0 && !columns.is_empty(), "a window lies outside the image");
        let parts = self.elements() >= IN_MEMORY;
        let at_once = if parts { (PART / channels.saturating_mul(stride)).max(1) } else { usize::MAX };
        let inside = window.windows_inside();
        let mut combined = columns.start;
        let mut x = tile.x.start;
        while x < tile.x.end {
            let taps = window.taps_inside(1, x);
            assert!(taps.len() > 0, "a window lies outside the image");
            // Windows inside the image have the same taps and are computed together, others one by one.
            let pixels = if inside.contains(&x) { (inside.end.min(tile.x.end) - x).min(at_once) } else { 1 };
            let end = (x + pixels - 1) * stride + (taps.end - 1) * window.dilation[1] + 1 - window.pad[1];
            if combined < end {
                let end = if parts { end } else { columns.end };
                // SAFETY: rows and columns are inside the image, which lies in the input; the scratch has room for the columns
                // that the tile sees.
                unsafe {
                    let sums = sums.add((combined - columns.start) * channels * bytes);
                    self.rows(tile, rows, combined..end, input, sums);
                }
                combined = end;
            }
            let found = rows.len() * taps.len();
            let Steps { offset, scale } = steps(found, tile.y, x);
            let column = x * stride + taps.start * window.dilation[1] - window.pad[1] - columns.start;
            // Windows of stride 1 whose outputs lie side by side are one long window.
            let merged = stride == 1 && out_stride == channels;
            let (pixels_at_once, windows) = if merged { (pixels, 1) } else { (1, pixels) };
            // SAFETY: the windows' taps are among the columns, and their pixels in the tile.
            unsafe {
                (self.kernel.across)(&Across {
                    from: sums.add(column * channels * bytes),
                    // Where the next tap is, if there is one.
                    taps: contract::Steps {
                        count: taps.len(),
                        step: window.dilation[1].wrapping_mul(channels),
                    },
                    pixels: contract::Steps { count: windows, step: stride.saturating_mul(channels) },
                    len: pixels_at_once * channels,
                    out: out.add((x - tile.x.start) * out_stride),
                    out_advance: if merged { pixels * channels } else { out_stride },
                    prefetch: self.elements() >= PREFETCH_LEN,
                    scale: Scale {
                        offset,
                        factor: scale,
                        target: self.target,
                        saturates: self.target.saturates(found as f32 * 256.0 * scale),
                    },
                });
            }
            x += pixels;
        }
    }

    /// Combines the rows of the image that the tile's windows see.
    ///
    /// # Safety
    ///
    /// As [`tile`](Self::tile); the rows of taps and the columns are inside the image, and there is at least one of each.
    unsafe fn rows(
        &self,
        tile: &PoolTile,
        taps: Span,
        columns: Range<usize>,
        input: *const u8,
        sums: *mut u8,
    ) {
        let window = self.window;
        let mut call = Columns {
            rows: [input; MAX_ROWS],
            count: 0,
            len: columns.len() * window.channels,
            out: sums,
            accumulate: false,
            prefetch: self.elements() >= PREFETCH_LEN,
        };
        for tap in taps.start..taps.end {
            let row = tile.y * window.stride[0] + tap * window.dilation[0] - window.pad[0];
            let pixel = (tile.image * window.input[0] + row) * window.input[1] + columns.start;
            // SAFETY: the pixel is inside the batch; the kernel gets the rows found so far.
            unsafe {
                call.rows[call.count] = input.add(pixel * window.channels);
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

impl Window2d {
    /// How many taps of output pixel (`y`, `x`) lie on the image or its padding, which is `pad` at the beginning and
    /// `pad_end` at the end of each axis.
    pub(super) fn padded_taps(&self, y: usize, x: usize, pad_end: [usize; 2]) -> usize {
        let along = |axis: usize, at: usize| {
            let end = (self.pad[axis] + self.input[axis]).saturating_add(pad_end[axis]);
            let start = at * self.stride[axis];
            end.saturating_sub(start).div_ceil(self.dilation[axis]).min(self.kernel[axis])
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
