//! The loops around the kernels.

use super::call::{Call, Checked};
use super::work::{call_row, source, work};
use super::{PackedTaps, Row, Source, line_buffer};
use crate::gemm::OutputBlock;
use crate::{OutputElement, Scratch, Window2d};

/// Channels that vectors by channel are padded to a multiple of.
const PADDING: usize = 16;

/// Bytes of scratch that [`run`] needs for images of this geometry; `None` if that overflows.
#[must_use]
pub fn scratch_bytes(weights: &PackedTaps, window: &Window2d) -> Option<usize> {
    line_buffer::plan(weights, window).map_or_else(|| sources_bytes(weights), |plan| Some(plan.bytes))
}

/// Bytes of the sources of a row.
fn sources_bytes(weights: &PackedTaps) -> Option<usize> {
    weights.kernel_size()[0].checked_mul(size_of::<Source>())
}

/// Whether [`run`] interleaves rows once for all outputs that see them (see `line_buffer`), rather than for each row of outputs.
#[must_use]
pub fn uses_line_buffer(weights: &PackedTaps, window: &Window2d) -> bool {
    line_buffer::plan(weights, window).is_some()
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
    if let Some(plan) = line_buffer::plan(&call.weights, window) {
        return line_buffer::run(&mut checked, &plan, scratch);
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

impl PackedTaps {
    /// Channels, padded to a multiple of 16: the length of every vector that a call takes by channel.
    #[must_use]
    pub fn padded_channels(&self) -> usize {
        self.channels().next_multiple_of(PADDING)
    }
}
