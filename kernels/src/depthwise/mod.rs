//! Depthwise convolution: every channel is filtered on its own.
//!
//! ```text
//! out[y][x][c] = stage( Σ_ky Σ_kx (in[y·s + ky·d − p][x·s + kx·d − p][c] − in_zero) · (w[ky][kx][c] − w_zero[c]) + bias[c] )
//! ```
//!
//! mod 2³², where the input outside the image is its zero point. A matrix multiplication would spend most of its work
//! on zeros here, so the kernels have another structure: a vector holds the channels of a pixel, and a 32-bit lane holds
//! one, two or four vertical taps of its channel, which the instruction set multiplies and adds at once
//! (`DepthwiseKernel::group`).
//!
//! 1. **Weights** are packed once ([`PackedTaps`]), with their zero points already subtracted: the differences fit
//!    `i16` always and `i8` mostly, and the packer takes the best kernel that can hold them. So sums of activations
//!    are not needed.
//! 2. **Rows**: a kernel computes a run of output pixels of one row for a block of channels. It finds the input by one
//!    address for each row of taps; rows outside the image read a row of zero points, so nothing is copied.
//!    Or, on some backends, rows are first interleaved into a line buffer, once for all outputs that see them (`line_buffer`).
//! 3. **Epilogue**: as for a matrix multiplication, in registers ([`Stage`](crate::gemm::Stage)).

mod call;
mod driver;
mod generic;
mod line_buffer;
#[cfg(target_arch = "x86_64")]
mod quad_line_buffer;
#[cfg(target_arch = "x86_64")]
mod quads;
mod weights;
mod work;

pub use call::Call;
pub use driver::{run, scratch_bytes, uses_line_buffer};
pub use weights::{PackedTaps, Taps, TapsError, TapsView};

pub(crate) use generic::{BLOCK as GENERIC_BLOCK, row as generic_row};
pub(crate) use line_buffer::LineBufferPasses;
#[cfg(target_arch = "x86_64")]
pub(crate) use line_buffer::{Group, GroupBlock};

#[cfg(target_arch = "x86_64")]
pub(crate) use quad_line_buffer::{
    interleave as quads_interleave, multiply as quads_multiply,
    multiply_any_stage as quads_multiply_any_stage,
};
#[cfg(target_arch = "x86_64")]
pub(crate) use quads::{Interleave, Unpack, quads_kernel, row as quads_row};

use core::ptr;

use crate::gemm::{RawStage, Step, Tile};

/// The most channels that a kernel computes at once.
const MAX_BLOCK: usize = 64;

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
    pub(crate) const fn overlapping(
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
            order: ChannelOrder::Natural,
            offsets: [0, 0],
            rows,
            line_buffer: None,
        }
    }

    /// Whether the kernel takes these weights.
    fn accepts(&self, channels: usize, fits_i8: bool) -> bool {
        (!self.last_overlaps || channels >= self.block) && (self.group < 4 || fits_i8)
    }

    /// The passes with a line buffer, if they pay for kernels of this height.
    fn line_buffer(&self, height: usize) -> Option<&LineBufferPasses> {
        self.line_buffer.as_ref().filter(|line_buffer| height >= line_buffer.min_height)
    }

    /// Groups that `rows` rows of taps take, without a division.
    fn groups(&self, rows: usize) -> usize {
        (rows >> self.group.trailing_zeros()) + usize::from(rows & (self.group - 1) > 0)
    }

    fn blocks(&self, channels: usize) -> usize {
        channels.div_ceil(self.block)
    }

    /// First channel of a block, and how many there are in it.
    fn block_channels(&self, block: usize, channels: usize) -> (usize, usize) {
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
    fn position(&self, channel: usize) -> usize {
        match self.order {
            ChannelOrder::Natural => channel,
            ChannelOrder::Unpacked => channel % 16 / 4 * (self.block / 4) + channel / 16 * 4 + channel % 4,
        }
    }
}

/// Walks over neighbouring input columns of a [`Row`] whose kernel has `H` rows.
#[derive(Clone, Copy)]
pub(crate) struct Columns<const H: usize> {
    /// The next column; wraps below zero.
    column: usize,
    width: usize,
    rows: [*const u8; H],
    steps: [usize; H],
    padding: *const u8,
}

impl<const H: usize> Columns<H> {
    /// From the first tap of the first output on.
    ///
    /// # Safety
    ///
    /// The row's pointers are valid, and its kernel has `H` rows.
    #[inline(always)]
    pub(crate) unsafe fn new(call: &Row) -> Columns<H> {
        let (mut rows, mut steps) = ([call.padding; H], [0; H]);
        for (ky, (row, step)) in rows.iter_mut().zip(&mut steps).enumerate() {
            // SAFETY: there are `H` sources.
            let source = unsafe { *call.sources.add(ky) };
            *step = source.step;
            *row = source.base.wrapping_offset(call.column.wrapping_mul(source.step.cast_signed()));
        }
        let column = call.column.cast_unsigned();
        Columns { column, width: call.width, rows, steps, padding: call.padding }
    }

    /// The addresses of the next column's rows: inside the image, or the padding. A block's channels are readable at
    /// each, as long as the column is one that the row's taps fall on.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> [*const u8; H] {
        let inside = self.column < self.width;
        self.column = self.column.wrapping_add(1);
        let mut rows = self.rows;
        for (row, (next, &step)) in rows.iter_mut().zip(self.rows.iter_mut().zip(&self.steps)) {
            if !inside {
                *row = self.padding;
            }
            *next = next.wrapping_add(step);
        }
        rows
    }
}

/// Computes one [`Row`].
///
/// # Safety
///
/// The CPU has the backend's features, and every pointer of the row is valid as its description says.
pub(crate) type RowFn = unsafe fn(&Row);

/// One row of input taps, seen from a block of channels; with a line buffer, a row of the image from its first column that
/// is needed and channel 0 on, or the first block's interleaved group.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Source {
    /// The block's channels in input column 0.
    pub(crate) base: *const u8,
    /// Bytes from a column to the next; 0 where the row lies outside the image and `base` is the padding.
    pub(crate) step: usize,
}

#[cfg(target_arch = "x86_64")]
impl Source {
    /// The first column from a channel on, where `base` is at channel 0.
    #[inline(always)]
    pub(crate) fn at(&self, channel: usize) -> *const u8 {
        // An image without columns has no first pixel to point into.
        self.base.wrapping_add(channel)
    }
}

/// Work for a kernel: some neighbouring output pixels of one row, one block of channels.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// Kernel height sources, from the top.
    pub(crate) sources: *const Source,
    /// Bytes that the block's groups lie behind the sources, with a line buffer; else 0.
    pub(crate) source_offset: usize,
    /// Kernel height and width.
    pub(crate) kernel: [usize; 2],
    /// The block's channels outside the image.
    pub(crate) padding: *const u8,
    /// Input column of the first output's first tap; outside `0..width` there is padding.
    pub(crate) column: isize,
    /// Columns of the input.
    pub(crate) width: usize,
    /// Input columns from an output to the next.
    pub(crate) stride: usize,
    /// Input columns from a tap to the next.
    pub(crate) dilation: usize,
    /// Output pixels.
    pub(crate) outputs: usize,
    /// Channels in the block: readable at every pixel, to be written; at most the kernel's `block`.
    pub(crate) channels: usize,
    /// `[kx][⌈height/group⌉][block][group]` taps.
    pub(crate) weights: *const u8,
    /// Initial accumulators: `channels`, padded to a multiple of 16.
    pub(crate) init: *const i32,
    /// The stage, its column pointers at the block's first channel, padded likewise. It has no factors by row.
    pub(crate) stage: RawStage,
    /// The first output element, and bytes from a pixel to the next.
    pub(crate) out: *mut u8,
    pub(crate) out_stride: usize,
}

impl Row {
    /// Address of the block's channels under one tap.
    ///
    /// # Safety
    ///
    /// `ky` is below the kernel's height; `column` is any column that the row's taps fall on.
    #[inline(always)]
    pub(crate) unsafe fn tap(&self, ky: usize, column: isize) -> *const u8 {
        if column.cast_unsigned() < self.width {
            // SAFETY: the source describes a row of `width` pixels (or the padding, with step 0).
            unsafe {
                let source = *self.sources.add(ky);
                source.base.add(column.cast_unsigned() * source.step)
            }
        } else {
            self.padding
        }
    }

    /// Address of column 0 of an interleaved group, with a line buffer.
    ///
    /// # Safety
    ///
    /// `group` is below the kernel's height.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 kernels interleave in line_buffer")
    )]
    #[inline(always)]
    pub(crate) unsafe fn group(&self, group: usize) -> *const u8 {
        // SAFETY: a source for every group, from which the block's is `source_offset` bytes on.
        unsafe { (*self.sources.add(group)).base.add(self.source_offset) }
    }

    /// Addresses of the block's channels under the same tap of `X` neighbouring outputs, of which the first sees
    /// `column`.
    ///
    /// # Safety
    ///
    /// As [`tap`](Self::tap), for each of the outputs.
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    #[inline(always)]
    pub(crate) unsafe fn taps<const X: usize>(&self, ky: usize, column: isize) -> [*const u8; X] {
        let last = column + ((X - 1) * self.stride).cast_signed();
        let mut at = [self.padding; X];
        // SAFETY: as the caller promises; between two columns inside the row every column is.
        unsafe {
            if column >= 0 && last.cast_unsigned() < self.width {
                let source = *self.sources.add(ky);
                let first = source.base.add(column.cast_unsigned() * source.step);
                for (x, at) in at.iter_mut().enumerate() {
                    *at = first.add(x * self.stride * source.step);
                }
            } else {
                for (x, at) in at.iter_mut().enumerate() {
                    *at = self.tap(ky, column + (x * self.stride).cast_signed());
                }
            }
        }
        at
    }

    /// Output offsets of `X` neighbouring outputs, from the first of them.
    #[inline(always)]
    pub(crate) fn output_offsets<const X: usize>(&self) -> [usize; X] {
        core::array::from_fn(|output| output * self.out_stride)
    }

    /// The epilogue's view of the `X` output pixels from `x` on, whose [`output_offsets`](Self::output_offsets) it points to.
    ///
    /// # Safety
    ///
    /// `x + X <= outputs`.
    #[inline(always)]
    pub(crate) unsafe fn tile<const X: usize>(&self, x: usize, output_offsets: &[usize; X]) -> Tile {
        Tile {
            count: 1,
            lhs: ptr::null(),
            lhs_offset: 0,
            lhs_step: Step::NONE,
            segments: 0,
            segment_len: 0,
            panels: ptr::null(),
            panel_stride: 0,
            panel_skip: 0,
            prefetch: false,
            rows: X,
            columns: self.channels,
            init: ptr::null(),
            weight_zeros: ptr::null(),
            row_sums: ptr::null(),
            stage: self.stage,
            // SAFETY: the pixels are inside the output, as the caller promises.
            out: unsafe { self.out.add(x * self.out_stride) },
            out_rows: output_offsets.as_ptr(),
            out_step: Step::NONE,
        }
    }
}
