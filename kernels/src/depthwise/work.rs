//! Rows of work, and calls of kernels for them.

use core::ptr;

use super::call::{Call, Checked};
use super::kernel::{DepthwiseKernel, MAX_BLOCK, RowFn};
use super::row::{Row, Source};
use crate::OutputElement;
use crate::gemm::RawStage;

/// Row `y` of an image from a column on, and channel 0; where there is no such row, the padding.
pub(super) fn source(call: &Call<'_>, image: usize, y: usize, column: usize) -> Source {
    let window = &call.window;
    // An image without columns has no first pixel to point into, hence `wrapping_add`.
    if y < window.input[0] {
        let row = (image * window.input[0] + y) * window.input[1];
        let base = call.input.as_ptr().wrapping_add((row + column).wrapping_mul(window.channels));
        Source { base, step: window.channels }
    } else {
        Source { base: call.padding.as_ptr(), step: 0 }
    }
}

/// The work of some outputs for a block of channels, from column 0 of the input on; the first is row `row` of the block of the
/// output.
///
/// # Safety
///
/// The weights have such a block.
#[inline]
pub(super) unsafe fn work<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    block: usize,
    sources: *const Source,
    outputs: usize,
    row: usize,
) -> Row {
    let call = checked.call();
    let (window, weights) = (&call.window, &call.weights);
    let (first, channels) = weights.kernel().block_channels(block, window.channels);
    // SAFETY: by `Checked`, channels `first..first + channels` are inside the padding, the initial
    // accumulators and the stage's slices (padded to 16); blocks of weights are `block_bytes` long.
    unsafe {
        Row {
            sources,
            source_offset: 0,
            sums: ptr::null_mut(),
            kernel: window.kernel,
            padding: call.padding.as_ptr().add(first),
            column: 0,
            width: window.input[1],
            stride: window.stride[1],
            dilation: window.dilation[1],
            outputs,
            channels,
            weights: weights.bytes().as_ptr().add(block * weights.block_bytes()),
            centred: weights.is_centred(block),
            init: call.init.as_ptr().add(first),
            stage: call.stage.at(0, first),
            out: checked.out().address(row, first),
            out_stride: checked.out().row_bytes(),
        }
    }
}

/// Code that computes a [`Row`].
pub(super) trait RowCode: Copy {
    /// Computes the row.
    ///
    /// # Safety
    ///
    /// As the type of function that the code is.
    unsafe fn compute(self, row: &Row);
}

impl RowCode for RowFn {
    #[inline]
    unsafe fn compute(self, row: &Row) {
        // SAFETY: the caller's promises, handed on.
        unsafe { self(row) }
    }
}

/// Calls a kernel for a row of a block, which may overlap channels that are done already.
///
/// # Safety
///
/// The row is as the code, which is the kernel's, wants it; the block is one of `channels` channels.
#[inline]
pub(super) unsafe fn call_row(
    code: impl RowCode,
    row: &Row,
    kernel: &DepthwiseKernel,
    block: usize,
    channels: usize,
) {
    // Channels that are done already. Only accumulating output must not be written again.
    let again = match row.stage {
        RawStage::Accumulators { accumulate: true } => {
            block * kernel.block - kernel.block_channels(block, channels).0
        }
        _ => 0,
    };
    // SAFETY: the caller's promises, handed on.
    unsafe { if again > 0 { accumulate_rest(code, row, again) } else { code.compute(row) } }
}

/// Accumulates a block that overlaps `done` finished channels into the other channels only: those were added to already.
///
/// # Safety
///
/// As [`call_row`]; the output is `i32`, the block at most [`MAX_BLOCK`] channels.
unsafe fn accumulate_rest(code: impl RowCode, work: &Row, done: usize) {
    for x in 0..work.outputs {
        let mut sums = [0i32; MAX_BLOCK];
        // SAFETY: one of the pixels that the caller promises, written to a buffer that holds a block; then added to the
        // part of the output's pixel that has not been written.
        unsafe {
            code.compute(&Row {
                column: work.column + (x * work.stride).cast_signed(),
                outputs: 1,
                stage: RawStage::Accumulators { accumulate: false },
                out: sums.as_mut_ptr().cast(),
                ..*work
            });
            let out = work.out.add(x * work.out_stride).cast::<i32>();
            for (channel, sum) in sums[..work.channels].iter().enumerate().skip(done) {
                *out.add(channel) = sum.wrapping_add(*out.add(channel));
            }
        }
    }
}
