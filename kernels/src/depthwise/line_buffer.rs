//! Depthwise convolution in two passes through a row-interleaved line buffer, for kernels that want vertical taps side by
//! side.
//!
//! The rows of the image are taken in groups of [`DepthwiseKernel::group`], which begin at multiples of it. Each group is
//! interleaved once, into a line buffer in scratch that holds the groups that an output row sees; outside the image it gets the
//! zero point. An output row begins at some row of a group, and its weights are shifted by that number of rows
//! ([`Taps::shifted`](super::Taps::shifted)); the taps that the shift leaves empty are zero. So the cost of
//! interleaving does not depend on the kernel's size, and the second pass reads whole vectors in place, without special cases
//! at borders.
//!
//! Everything happens for [`MIN_CHANNELS`] channels or more, and a tile of columns at a time, so that the line buffer stays in the
//! first-level cache, and for a block of rows, so that the cache lines that other channels share are still in a cache.

use core::mem::MaybeUninit;
use core::slice;

use super::call::Checked;
use super::kernel::{DepthwiseKernel, Group, LineBufferPasses, MultiplyFn};
use super::row::{Row, Source};
use super::weights::PackedTaps;
use super::work::{RowCode, call_row, source, work};
use crate::gemm::RawStage;
use crate::{OutputElement, Scratch, Window2d};

/// The fewest channels that are interleaved before any is multiplied: half a cache line of bytes, or a block.
const MIN_CHANNELS: usize = 32;
/// The most blocks that share a line buffer, where rows are short.
const MAX_BLOCKS: usize = 16;
/// Bytes that a line buffer may take, of a first-level cache of 32 KiB.
const LINE_BUFFER_BYTES: usize = 16 << 10;
/// Bytes of scratch at most: with [`MIN_OUTPUTS`], taps or outputs that lie far apart need more than a line buffer should take.
const MAX_BYTES: usize = 4 * LINE_BUFFER_BYTES;
/// The fewest outputs of a tile, whatever the line buffer takes.
const MIN_OUTPUTS: usize = 8;
/// Bytes of input and output that a block of rows may take, of a second-level cache of 512 KiB.
const ROW_BLOCK_BYTES: usize = 160 << 10;
/// The fewest output rows of a block of rows: the rows above its first one are interleaved again.
const MIN_ROWS: usize = 8;

/// How a convolution is split.
struct Cut {
    /// Output columns of a tile.
    outputs: usize,
    /// Groups in the line buffer.
    slots: usize,
    /// Bytes of a group of a block.
    stride: usize,
    /// Blocks that share a line buffer.
    blocks: usize,
    /// Bytes for sums of a block's columns.
    sums: usize,
}

impl Cut {
    fn new(weights: &PackedTaps, window: &Window2d) -> Option<Cut> {
        let kernel = weights.kernel();
        let slots = window.kernel[0].checked_add(kernel.group - 1)?.div_ceil(kernel.group);
        let (width, stride) = (window.output[1].max(1), window.stride[1]);
        let halo = (window.kernel[1] - 1).checked_mul(window.dilation[1])?.checked_add(1)?;
        let column = slots.checked_mul(kernel.lane_bytes())?;
        let whole = (width - 1).checked_mul(stride)?.checked_add(halo)?.checked_mul(column)?;
        let least = (MIN_CHANNELS / kernel.block).clamp(1, MAX_BLOCKS);
        let blocks = (LINE_BUFFER_BYTES / whole).clamp(least, MAX_BLOCKS).min(kernel.blocks(window.channels));
        let fit = (LINE_BUFFER_BYTES / column.checked_mul(blocks)?).saturating_sub(halo) / stride + 1;
        let outputs = width.div_ceil(width.div_ceil(fit.max(MIN_OUTPUTS)));
        let columns = (outputs - 1).checked_mul(stride)?.checked_add(halo)?;
        let stride = columns.checked_mul(kernel.lane_bytes())?;
        let sums = if kernel.centred {
            columns.checked_add(window.dilation[1])?.checked_mul(kernel.lane_bytes())?
        } else {
            0
        };
        Some(Cut { outputs, slots, stride, blocks, sums })
    }

    /// Bytes of scratch: the line buffer, the sums, then the sources of a group and of an output row.
    fn bytes(&self, kernel: &DepthwiseKernel) -> Option<usize> {
        let line_buffer = self.slots.checked_mul(self.stride)?.checked_mul(self.blocks)?;
        let sources = self.slots.checked_add(kernel.group)?.checked_mul(size_of::<Source>())?;
        sources.checked_add(line_buffer)?.checked_add(self.sums)
    }
}

/// The passes and how they split a convolution. `None` for kernels that are too low, for vertical dilation, and where taps reach
/// too far for a line buffer to pay.
pub(super) fn plan(weights: &PackedTaps, window: &Window2d) -> Option<Plan> {
    let passes = weights.kernel().line_buffer(window.kernel[0])?;
    let cut = Cut::new(weights, window)?;
    let bytes = cut.bytes(weights.kernel())?;
    (window.dilation[0] == 1 && bytes <= MAX_BYTES).then_some(Plan { passes, cut, bytes })
}

/// See [`plan`].
pub(super) struct Plan {
    passes: &'static LineBufferPasses,
    cut: Cut,
    /// Bytes of scratch.
    pub(super) bytes: usize,
}

/// A rectangle of output pixels of one image.
#[derive(Clone, Copy)]
struct Area {
    image: usize,
    rows: [usize; 2],
    columns: [usize; 2],
}

/// Computes the block, which is not empty.
///
/// The plan is that of [`plan`] for the call's weights and window.
pub(super) fn run<T: OutputElement>(checked: &mut Checked<'_, '_, T>, plan: &Plan, scratch: &mut Scratch) {
    let call = checked.call();
    let window = &call.window;
    let (cut, blocks) = (&plan.cut, call.weights.kernel().blocks(window.channels));
    let scratch = scratch.raw(plan.bytes);
    let [height, width] = window.output;
    let pixel_bytes = window.channels.saturating_mul(1 + size_of::<T>());
    let row_block = (ROW_BLOCK_BYTES / width.saturating_mul(pixel_bytes).max(1)).max(MIN_ROWS);
    let (mut pixel, end) = (checked.out().first_row(), checked.out().first_row() + checked.out().rows());
    while pixel < end {
        let (x, y, image) = (pixel % width, pixel / width % height, pixel / width / height);
        // The rest of a row, or all whole rows that are left.
        let (rows, columns) = if x > 0 || end - pixel < width {
            (1, (width - x).min(end - pixel))
        } else {
            (((end - pixel) / width).min(height - y).min(row_block), width)
        };
        for first in (x..x + columns).step_by(cut.outputs) {
            let last = (first + cut.outputs).min(x + columns);
            let area = Area { image, rows: [y, y + rows], columns: [first, last] };
            for block in (0..blocks).step_by(cut.blocks) {
                // SAFETY: the area is inside the block, at most `cut.outputs` wide; scratch is as large as the plan asks for.
                unsafe { run_area(checked, plan, &area, block, scratch) };
            }
        }
        pixel += (rows - 1) * width + columns;
    }
}

/// Computes an area for `cut.blocks` blocks of channels, or those that are left.
///
/// # Safety
///
/// The plan is the one of the call's weights and windows; the area's pixels are in the block, no wider than `cut.outputs`;
/// `scratch` is aligned to 64 bytes, as large as the plan says, and nothing else uses it.
unsafe fn run_area<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    Plan { passes, cut, .. }: &Plan,
    area: &Area,
    first_block: usize,
    scratch: *mut u8,
) {
    let call = checked.call();
    let (window, weights) = (&call.window, &call.weights);
    let kernel = weights.kernel();
    let blocks = cut.blocks.min(kernel.blocks(window.channels) - first_block);
    let (group, group_bits) = (kernel.group.cast_signed(), kernel.group.trailing_zeros());
    // SAFETY: the sources lie behind the line buffer and the sums, whose sizes are multiples of their alignment.
    let (sums, rows, sources) = unsafe {
        let sums = scratch.add(cut.slots * cut.stride * cut.blocks);
        let rows = sums.add(cut.sums).cast::<Source>();
        (sums, rows, rows.add(kernel.group))
    };
    let row_in_image = area.image * window.output[0] + area.rows[0];
    let pixel = row_in_image * window.output[1] + area.columns[0] - checked.out().first_row();
    let outputs = area.columns[1] - area.columns[0];
    // Columns of the input: where the area's begin, and how many of them lie left of the image and inside it.
    let first = (area.columns[0] * window.stride[1]).cast_signed() - window.pad[1].cast_signed();
    let columns = (outputs - 1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1] + 1;
    let left = first.min(0).unsigned_abs().min(columns);
    let start = first.max(0).cast_unsigned();
    let inside = window.input[1].saturating_sub(start).min(columns - left);

    let mut works = [const { MaybeUninit::<Row>::uninit() }; MAX_BLOCKS];
    for (index, slot) in works[..blocks].iter_mut().enumerate() {
        // SAFETY: the caller's promises; the block exists.
        let row = slot.write(unsafe { work(checked, first_block + index, sources, outputs, pixel) });
        row.width = columns;
        row.sums = sums;
        row.source_offset = index * cut.slots * cut.stride;
    }
    // SAFETY: the first `blocks` rows were written.
    let works = unsafe { slice::from_raw_parts_mut(works.as_mut_ptr().cast::<Row>(), blocks) };

    let mut next = isize::MIN;
    for y in area.rows[0]..area.rows[1] {
        // The row of the input under the first taps: the row `shift` of group `first_group`.
        let top = (y * window.stride[0]).cast_signed() - window.pad[0].cast_signed();
        let (first_group, shift) = (top >> group_bits, (top & (group - 1)).cast_unsigned());
        let groups = kernel.groups(window.kernel[0] + shift);
        // One division a row: the other groups of the row are less than `slots` away.
        let first_slot = first_group.rem_euclid(cut.slots.cast_signed()).cast_unsigned();
        let slot = |index: isize| {
            let slot = first_slot + (index - first_group).cast_unsigned();
            if slot < cut.slots { slot } else { slot - cut.slots }
        };
        next = next.max(first_group);
        while next < first_group + groups.cast_signed() {
            for row in 0..kernel.group {
                let y = (next * group + row.cast_signed()).cast_unsigned();
                let source = source(call, area.image, y, start);
                // SAFETY: scratch has room for a group's sources.
                unsafe { rows.add(row).write(source) };
            }
            let group = Group {
                kernel,
                rows,
                channels: window.channels,
                blocks: first_block..first_block + blocks,
                columns: [left, inside, columns - left - inside],
                padding: call.padding.as_ptr(),
                to: scratch.wrapping_add(slot(next) * cut.stride),
                to_stride: cut.slots * cut.stride,
            };
            // SAFETY: the rows are those of the image or its padding; a slot of the line buffer holds the area's columns.
            unsafe { (passes.interleave[usize::from(call.signed)])(&group) };
            next += 1;
        }
        for g in 0..groups {
            let base = scratch.wrapping_add(slot(first_group + g.cast_signed()) * cut.stride);
            // SAFETY: there is a source for each slot, and no row sees more groups.
            unsafe { sources.add(g).write(Source { base, step: kernel.lane_bytes() }) };
        }
        let (taps, block_bytes) = weights.shifted(shift);
        let taps = &taps[first_block * block_bytes..(first_block + blocks) * block_bytes];
        for (row, taps) in works.iter_mut().zip(taps.chunks_exact(block_bytes)) {
            row.kernel[0] = groups;
            row.weights = taps.as_ptr();
        }
        // SAFETY: the groups are in the line buffer, and no two of them in one slot; the output row is in the block.
        unsafe { call_rows(passes.multiply, works, kernel, first_block, window.channels) };
        for row in works.iter_mut() {
            row.out = row.out.wrapping_add(window.output[1] * row.out_stride);
        }
    }
}

impl RowCode for MultiplyFn {
    #[inline]
    unsafe fn compute(self, row: &Row) {
        // SAFETY: the caller's promises, handed on.
        unsafe { self(slice::from_ref(row)) }
    }
}

/// Calls a kernel for an output row of neighbouring blocks.
///
/// # Safety
///
/// As [`MultiplyFn`], which is one of the kernel's; the blocks are some of `channels` channels, from `first_block` on.
unsafe fn call_rows(
    multiply: MultiplyFn,
    rows: &[Row],
    kernel: &DepthwiseKernel,
    first_block: usize,
    channels: usize,
) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        // Only then is a block that overlaps the one before it not computed like the others.
        if let Some(RawStage::Accumulators { accumulate: true }) = rows.first().map(|row| row.stage) {
            for (index, row) in rows.iter().enumerate() {
                call_row(multiply, row, kernel, first_block + index, channels);
            }
        } else {
            multiply(rows);
        }
    }
}
