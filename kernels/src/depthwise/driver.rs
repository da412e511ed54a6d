//! The loops around the kernels.

use super::call::{Call, Checked};
use super::{DepthwiseKernel, MAX_BLOCK, PackedTaps, Row, RowFn, Source, bands};
use crate::gemm::{OutputBlock, RawStage};
use crate::{OutputElement, Scratch, Window2d};

/// Channels that vectors by channel are padded to a multiple of.
const PADDING: usize = 16;

/// Bytes of scratch that [`run`] needs for images of this geometry; `None` if that overflows.
#[must_use]
pub fn scratch_bytes(weights: &PackedTaps, window: &Window2d) -> Option<usize> {
    bands::plan(weights, window).map_or_else(|| sources_bytes(weights), |plan| Some(plan.bytes))
}

/// Bytes of the sources of a row.
fn sources_bytes(weights: &PackedTaps) -> Option<usize> {
    weights.kernel_size()[0].checked_mul(size_of::<Source>())
}

/// Whether [`run`] interleaves rows once for all outputs that see them (see `bands`), rather than for each row of outputs.
#[must_use]
pub fn in_bands(weights: &PackedTaps, window: &Window2d) -> bool {
    bands::plan(weights, window).is_some()
}

/// Computes the rows of the output that `out` covers: row `m` is output pixel `m` of the batch, column `c` channel `c`.
///
/// # Panics
///
/// If the operands' shapes do not fit each other, the weights are not in the backend's layout, `T` is not what the stage
/// writes, the stage is one that is not supported, or the block does not cover all channels.
pub fn run<T: OutputElement>(call: &Call<'_>, out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    let mut checked = Checked::new(call, out);
    let rows = checked.out().rows();
    if rows == 0 {
        return;
    }
    let window = &call.window;
    let [output_height, output_width] = window.output;
    if let Some(plan) = bands::plan(&call.weights, window) {
        return bands::run(&mut checked, &plan, scratch);
    }
    let sources_len = sources_bytes(&call.weights).expect("scratch size overflows");
    let sources = scratch.raw(sources_len).cast::<Source>();

    let mut row = 0;
    while row < rows {
        let pixel = checked.out().first_row() + row;
        let (x, y, image) = (
            pixel % output_width,
            pixel / output_width % output_height,
            pixel / output_width / output_height,
        );
        let outputs = (output_width - x).min(rows - row);
        for ky in 0..window.kernel[0] {
            let iy = (y * window.stride[0] + ky * window.dilation[0]).wrapping_sub(window.pad[0]);
            // SAFETY: scratch has room for one source per row of taps and is aligned to 64 bytes.
            unsafe { sources.add(ky).write(source(call, image, iy, 0)) };
        }
        // SAFETY: the sources are those of this row; the run of pixels is inside the block.
        unsafe { run_row(&mut checked, sources, x, row, outputs) };
        row += outputs;
    }
}

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

/// Runs the kernel for a run of output pixels, block by block.
///
/// # Safety
///
/// `sources` are the sources of the pixels' row, as many as the kernel is high, and pixels `row..row + outputs` of the block
/// are on that row, from column `x` on.
unsafe fn run_row<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    sources: *mut Source,
    x: usize,
    row: usize,
    outputs: usize,
) {
    let call = checked.call();
    let window = &call.window;
    let kernel = call.weights.kernel();
    let code = kernel.rows[usize::from(call.signed)];
    let mut advanced = 0;
    for block in 0..kernel.blocks(window.channels) {
        let (first, _) = kernel.place(block, window.channels);
        for ky in 0..window.kernel[0] {
            // SAFETY: the sources were written by the caller.
            let source = unsafe { &mut *sources.add(ky) };
            // An image without columns has no first pixel to point into, hence `wrapping_add`.
            source.base = source.base.wrapping_add(first - advanced);
        }
        advanced = first;
        // SAFETY: the caller's promises; the block exists.
        unsafe {
            let column = (x * window.stride[1]).wrapping_sub(window.pad[1]).cast_signed();
            let work = Row { column, ..work(checked, block, sources, outputs, row) };
            call_row(code, &work, kernel, block, window.channels);
        }
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
    let (first, channels) = weights.kernel().place(block, window.channels);
    // SAFETY: `Checked` has made sure that channels `first..first + channels` are inside the padding, the initial
    // accumulators and the stage's slices (padded to 16); blocks of weights are `block_bytes` long.
    unsafe {
        Row {
            sources,
            source_offset: 0,
            kernel: window.kernel,
            padding: call.padding.as_ptr().add(first),
            column: 0,
            width: window.input[1],
            stride: window.stride[1],
            dilation: window.dilation[1],
            outputs,
            channels,
            weights: weights.bytes().as_ptr().add(block * weights.block_bytes()),
            init: call.init.as_ptr().add(first),
            stage: call.stage.at(0, first),
            out: checked.address(row, first),
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

/// Calls a kernel for a row of a block's, which may step back over channels that are done already.
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
    // Channels that are done already; only sums mind being written again.
    let again = match row.stage {
        RawStage::Accumulators { accumulate: true } => block * kernel.block - kernel.place(block, channels).0,
        _ => 0,
    };
    // SAFETY: the caller's promises, handed on.
    unsafe { if again > 0 { accumulate_rest(code, row, again) } else { code.compute(row) } }
}

/// Accumulates a block that steps back over `done` channels into the others only: those were added to already.
///
/// # Safety
///
/// As [`call_row`]; the output is `i32`, the block at most [`MAX_BLOCK`] channels.
unsafe fn accumulate_rest(code: impl RowCode, work: &Row, done: usize) {
    for x in 0..work.outputs {
        let mut sums = [0i32; MAX_BLOCK];
        // SAFETY: one of the pixels that the caller vouches for, written to a buffer that holds a block; then added to the
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

impl PackedTaps {
    /// Channels, padded to a multiple of 16: the length of every vector that a call takes by channel.
    #[must_use]
    pub fn padded_channels(&self) -> usize {
        self.channels().next_multiple_of(PADDING)
    }
}
