//! What a backend gives to the driver: its depthwise kernels.

use core::ops::Range;

use super::row::{Row, Source};

/// The most channels that a kernel computes at once.
pub(super) const MAX_BLOCK: usize = 64;

/// A depthwise kernel: its order of weights, and its code. A backend lists its kernels, best first; the last one
/// accepts every weight.
pub(crate) struct DepthwiseKernel {
    /// The packed layout's name in saved weights: kernels of equal name read each other's weights.
    pub(crate) layout: &'static str,
    /// Channels computed at once: at most [`MAX_BLOCK`], and a multiple of 16 unless [`last_overlaps`](Self::last_overlaps).
    pub(crate) block: usize,
    /// Whether a last, partial block is computed as a full one that overlaps the block before (then there are at least `block`
    /// channels), rather than as a shorter one.
    pub(crate) last_overlaps: bool,
    /// Vertical taps in a 32-bit lane, a power of two: 1 (as `i32`), 2 (`i16`) or 4 (`i8`).
    pub(crate) group: usize,
    /// Whether weights are bytes around a centre of their channel, itself a byte: for those that need nine bits without their zero
    /// points. Only groups of four have bytes.
    pub(crate) centred: bool,
    /// The order of a block's channels.
    pub(crate) order: ChannelOrder,
    /// What the kernel adds to unsigned and to signed activations, mod 2³².
    pub(crate) offsets: [i32; 2],
    /// The code for unsigned and for signed activations.
    pub(crate) rows: [RowFn; 2],
    /// The code that works with a line buffer, for kernels that are high enough and not dilated vertically.
    pub(crate) line_buffer: Option<LineBufferPasses>,
}

/// The order in which the 32-bit lanes of a block hold its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelOrder {
    /// In the order of the image.
    Natural,
    /// As two levels of x86's `unpack` leave them: in units of four channels, the transpose of sixteens × quarters.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86 kernels unpack"))]
    Unpacked,
}

impl DepthwiseKernel {
    /// A kernel of blocks in natural order, of which the last one overlaps, that adds nothing to activations and has no line
    /// buffer.
    pub(crate) const fn new(
        layout: &'static str,
        block: usize,
        group: usize,
        rows: [RowFn; 2],
    ) -> DepthwiseKernel {
        DepthwiseKernel {
            layout,
            block,
            last_overlaps: true,
            group,
            centred: false,
            order: ChannelOrder::Natural,
            offsets: [0, 0],
            rows,
            line_buffer: None,
        }
    }

    /// Whether the kernel takes weights between two values, which are those without zero points.
    pub(super) fn accepts(&self, channels: usize, [least, most]: [i32; 2]) -> bool {
        let bytes = if self.centred { 2 } else { 1 };
        let fits = self.group < 4 || (-128 * bytes <= least && most <= 127 * bytes);
        (!self.last_overlaps || channels >= self.block) && fits
    }

    /// Whether it pays for so many channels: centres do not where most of a second block is computed twice.
    pub(super) fn suits(&self, channels: usize) -> bool {
        !(self.centred && self.last_overlaps)
            || channels <= self.block
            || channels >= self.block + self.block / 2
    }

    /// The centre of a channel whose weights, of nine bits, lie between two values: the nearest to 0 that leaves bytes.
    pub(super) fn centre(&self, [least, most]: [i32; 2]) -> i32 {
        if self.centred { 0.clamp(most - 127, least + 128) } else { 0 }
    }

    /// Columns of packed weights: behind those of the taps the centres.
    pub(super) fn columns(&self, width: usize) -> usize {
        width + usize::from(self.centred)
    }

    /// The passes with a line buffer, if they pay for kernels of this height.
    pub(super) fn line_buffer(&self, height: usize) -> Option<&LineBufferPasses> {
        self.line_buffer.as_ref().filter(|line_buffer| height >= line_buffer.min_height)
    }

    /// Groups that `rows` rows of taps take, without a division.
    pub(super) fn groups(&self, rows: usize) -> usize {
        (rows >> self.group.trailing_zeros()) + usize::from(rows & (self.group - 1) > 0)
    }

    /// Bytes of an interleaved column of a block.
    pub(super) fn lane_bytes(&self) -> usize {
        4 * self.block
    }

    pub(super) fn blocks(&self, channels: usize) -> usize {
        channels.div_ceil(self.block)
    }

    /// First channel of a block, and how many there are in it.
    pub(super) fn block_channels(&self, block: usize, channels: usize) -> (usize, usize) {
        let start = block * self.block;
        if channels - start >= self.block {
            (start, self.block)
        } else if self.last_overlaps {
            (channels - self.block, self.block)
        } else {
            (start, channels - start)
        }
    }

    /// Position of channel `channel` within a block.
    pub(super) fn position(&self, channel: usize) -> usize {
        match self.order {
            ChannelOrder::Natural => channel,
            ChannelOrder::Unpacked => channel % 16 / 4 * (self.block / 4) + channel / 16 * 4 + channel % 4,
        }
    }
}

/// Computes one [`Row`].
///
/// # Safety
///
/// The CPU has the backend's features, and every pointer of the row is valid as its description says.
pub(crate) type RowFn = unsafe fn(&Row);

/// The two passes of a kernel.
#[derive(Clone, Copy)]
pub(crate) struct LineBufferPasses {
    /// The fewest rows of taps for which they pay. If one group can hold all taps of a column, a kernel may instead interleave
    /// columns that begin where the output does, each for all outputs of its row, and multiply each once; with a line buffer an
    /// output that begins within a group sees two groups, and half of its products are with zero weights.
    pub(crate) min_height: usize,
    /// Interleaves a group of unsigned or signed rows.
    pub(crate) interleave: [InterleaveFn; 2],
    /// Computes rows whose sources are interleaved groups.
    pub(crate) multiply: MultiplyFn,
}

/// # Safety
///
/// The CPU has the backend's features, and every pointer of the group is valid as its description says.
pub(crate) type InterleaveFn = unsafe fn(&Group<'_>);

/// Computes the same outputs of neighbouring blocks. In these [`Row`]s the kernel's height counts groups, and a column is
/// [`lane_bytes`](DepthwiseKernel::lane_bytes) apart from the next.
///
/// # Safety
///
/// The CPU has the backend's features, and every pointer of the rows is valid as its description says; the groups have all columns
/// that the outputs' taps fall on. The rows differ in what depends on the block alone: pointers, the columns of the stage,
/// and the offset of the groups.
pub(crate) type MultiplyFn = unsafe fn(&[Row]);

/// One group of rows to be interleaved for neighbouring blocks of channels.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "only x86 kernels interleave in line_buffer")
)]
pub(crate) struct Group<'a> {
    /// The kernel that has these blocks.
    pub(crate) kernel: &'a DepthwiseKernel,
    /// The group's `kernel.group` rows, at the first column inside the image and channel 0.
    pub(crate) rows: *const Source,
    /// Channels of the image: readable at every pixel.
    pub(crate) channels: usize,
    /// The blocks.
    pub(crate) blocks: Range<usize>,
    /// Columns left of the image, inside it, and right of it.
    pub(crate) columns: [usize; 3],
    /// The channels outside the image.
    pub(crate) padding: *const u8,
    /// Where the first block's columns go, a 32-bit lane for each of its channels, and the bytes from there to the next's.
    pub(crate) to: *mut u8,
    pub(crate) to_stride: usize,
}

/// A block of a [`Group`].
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "only x86 kernels interleave in line_buffer")
)]
pub(crate) struct GroupBlock {
    /// The block's first channel, and how many there are: fewer than the kernel's `block` in a last one that does not overlap
    /// the block before.
    pub(crate) channel: usize,
    pub(crate) channels: usize,
    /// The destination of its columns.
    pub(crate) to: *mut u8,
}

#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "only x86 kernels interleave in line_buffer")
)]
impl Group<'_> {
    /// One of the blocks.
    #[inline]
    pub(crate) fn block(&self, block: usize) -> GroupBlock {
        let (channel, channels) = self.kernel.block_channels(block, self.channels);
        let to = self.to.wrapping_add((block - self.blocks.start) * self.to_stride);
        GroupBlock { channel, channels, to }
    }
}
