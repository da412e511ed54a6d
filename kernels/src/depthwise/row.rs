//! Work for a kernel: a row of output pixels.

use core::ptr;

use crate::gemm::{RawStage, Step, Tile, TileZeros};

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
    /// With a line buffer, room for the sums of columns that a kernel with centres keeps: a column and its distance to the next
    /// tap's more than the row has.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 kernels take bytes around a centre")
    )]
    pub(crate) sums: *mut u8,
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
    /// `[kx][⌈height/group⌉][block][group]` taps, or bytes of them and then the centres.
    pub(crate) weights: *const u8,
    /// Whether there are centres, and not all of them are 0.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only x86 kernels take bytes around a centre")
    )]
    pub(crate) centred: bool,
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
            prefetch_out: false,
            rows: X,
            columns: self.channels,
            init: ptr::null(),
            weight_zeros: ptr::null(),
            row_sums: ptr::null(),
            zeros: TileZeros::NONE,
            stage: self.stage,
            // SAFETY: the pixels are inside the output, as the caller promises.
            out: unsafe { self.out.add(x * self.out_stride) },
            out_rows: output_offsets.as_ptr(),
            out_step: Step::NONE,
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
