//! The loops around the kernels.

use super::{DepthwiseKernel, MAX_BLOCK, PackedTaps, Row, Source, bands};
use crate::gemm::{Lhs, OutputBlock, PatchGeometry, PatchRows, RawStage, Stage};
use crate::{Backend, OutputElement, Scratch};

/// Channels that vectors by channel are padded to a multiple of.
const PADDING: usize = 16;

/// Everything a depthwise convolution reads.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Whose kernels run; the weights must be in a layout of its.
    pub backend: Backend,
    /// The activations: all channels of the image, one group.
    pub patches: PatchRows<'a>,
    /// Whether they are `i8`.
    pub signed: bool,
    /// The weights.
    pub weights: &'a PackedTaps,
    /// See [`PackedTaps::initial_accumulators`]; as long as [`PackedTaps::padded_channels`].
    pub init: &'a [i32],
    /// What becomes of the accumulators; its slices by column are as long as [`PackedTaps::padded_channels`]. Factors
    /// by row are not supported.
    pub stage: Stage<'a>,
}

/// Bytes of scratch that [`run`] needs for images of this geometry; `None` if that overflows.
#[must_use]
pub fn scratch_bytes(weights: &PackedTaps, geometry: &PatchGeometry) -> Option<usize> {
    bands::plan(weights, geometry).map_or_else(|| sources_bytes(weights), |plan| Some(plan.bytes))
}

/// Bytes of the sources of a row.
fn sources_bytes(weights: &PackedTaps) -> Option<usize> {
    weights.kernel_size()[0].checked_mul(size_of::<Source>())
}

/// Whether [`run`] interleaves rows once for all outputs that see them (see `bands`), rather than for each row of outputs.
#[must_use]
pub fn in_bands(weights: &PackedTaps, geometry: &PatchGeometry) -> bool {
    bands::plan(weights, geometry).is_some()
}

/// Computes the rows of the output that `out` covers: row `m` is output pixel `m` of the batch, column `c` channel `c`.
///
/// # Panics
///
/// If the operands' shapes do not fit each other, the weights are not in the backend's layout, `T` is not what the stage
/// writes, the stage is one that is not supported, or the block does not cover all channels.
pub fn run<T: OutputElement>(call: &Call<'_>, mut out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    check(call, &out);
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    let geometry = &call.patches.geometry;
    let [output_height, output_width] = geometry.output;
    let height = geometry.kernel[0];
    if let Some(plan) = bands::plan(call.weights, geometry) {
        // SAFETY: `check` has passed, and the block is not empty.
        return unsafe { bands::run(call, &plan, &mut out, scratch) };
    }
    let sources_len = sources_bytes(call.weights).expect("scratch size overflows");
    let sources = scratch.bytes(sources_len).as_mut_ptr().cast::<Source>();

    let mut row = 0;
    while row < out.rows() {
        let pixel = out.first_row() + row;
        let (x, y, image) = (
            pixel % output_width,
            pixel / output_width % output_height,
            pixel / output_width / output_height,
        );
        let outputs = (output_width - x).min(out.rows() - row);
        for ky in 0..height {
            let iy = (y * geometry.stride[0] + ky * geometry.dilation[0]).wrapping_sub(geometry.pad[0]);
            // SAFETY: scratch has room for one source per row of taps and is aligned to 64 bytes.
            unsafe { sources.add(ky).write(source(call, image, iy, 0)) };
        }
        // SAFETY: `check` has passed; the sources are those of this row; the run of pixels is inside the block.
        unsafe { run_row(call, sources, x, row, outputs, &mut out) };
        row += outputs;
    }
}

/// Row `y` of an image from a column on, and channel 0; where there is no such row, the padding.
pub(super) fn source(call: &Call<'_>, image: usize, y: usize, column: usize) -> Source {
    let patches = &call.patches;
    let geometry = &patches.geometry;
    // An image without columns has no first pixel to point into, hence `wrapping_add`.
    if y < geometry.input[0] {
        let row = (image * geometry.input[0] + y) * geometry.input[1];
        let base = patches.data.as_ptr().wrapping_add((row + column) * geometry.channels);
        Source { base, step: geometry.channels }
    } else {
        Source { base: patches.padding.as_ptr(), step: 0 }
    }
}

/// Runs the kernel for a run of output pixels, block by block.
///
/// # Safety
///
/// The call was checked against the block, `sources` are the sources of the pixels' row, and pixels
/// `row..row + outputs` of the block are on that row, from column `x` on.
unsafe fn run_row<T: OutputElement>(
    call: &Call<'_>,
    sources: *mut Source,
    x: usize,
    row: usize,
    outputs: usize,
    out: &mut OutputBlock<'_, T>,
) {
    let geometry = &call.patches.geometry;
    let kernel = call.weights.kernel();
    let code = kernel.rows[usize::from(call.signed)];
    let mut advanced = 0;
    for block in 0..kernel.blocks(geometry.channels) {
        let (first, _) = kernel.place(block, geometry.channels);
        for ky in 0..geometry.kernel[0] {
            // SAFETY: the sources were written by the caller.
            let source = unsafe { &mut *sources.add(ky) };
            // An image without columns has no first pixel to point into, hence `wrapping_add`.
            source.base = source.base.wrapping_add(first - advanced);
        }
        advanced = first;
        // SAFETY: the caller's promises; the block exists.
        unsafe {
            let column = (x * geometry.stride[1]).wrapping_sub(geometry.pad[1]).cast_signed();
            let work = Row { column, ..work(call, block, sources, outputs, row, out) };
            call_row(|row| code(row), &work, kernel, block, geometry.channels);
        }
    }
}

/// The work of some outputs for a block of channels, from column 0 of the input on; the first is row `row` of `out`.
///
/// # Safety
///
/// The call was checked, and the weights have such a block.
#[inline]
pub(super) unsafe fn work<T: OutputElement>(
    call: &Call<'_>,
    block: usize,
    sources: *const Source,
    outputs: usize,
    row: usize,
    out: &mut OutputBlock<'_, T>,
) -> Row {
    let geometry = &call.patches.geometry;
    let (first, channels) = call.weights.kernel().place(block, geometry.channels);
    // SAFETY: `check` has made sure that channels `first..first + channels` are inside the padding, the initial
    // accumulators and the stage's slices (padded to 16); blocks of weights are `block_bytes` long.
    unsafe {
        Row {
            sources,
            source_offset: 0,
            kernel: geometry.kernel,
            padding: call.patches.padding.as_ptr().add(first),
            column: 0,
            width: geometry.input[1],
            stride: geometry.stride[1],
            dilation: geometry.dilation[1],
            outputs,
            channels,
            weights: call.weights.bytes().as_ptr().add(block * call.weights.block_bytes()),
            init: call.init.as_ptr().add(first),
            stage: call.stage.at(0, first),
            out: out.address(row, first),
            out_stride: out.row_bytes(),
        }
    }
}

/// Calls a kernel for a row of a block's, which may step back over channels that are done already.
///
/// # Safety
///
/// `code` calls a [`RowFn`](super::RowFn) of the kernel's or the like, and the row is as that wants it; the block is one of
/// `channels` channels.
#[inline]
pub(super) unsafe fn call_row(
    code: impl Fn(&Row),
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
    unsafe { if again > 0 { accumulate_rest(code, row, again) } else { code(row) } }
}

/// Accumulates a block that steps back over `done` channels into the others only: those were added to already.
///
/// # Safety
///
/// As [`call_row`]; the output is `i32`, the block at most [`MAX_BLOCK`] channels.
unsafe fn accumulate_rest(code: impl Fn(&Row), work: &Row, done: usize) {
    for x in 0..work.outputs {
        let mut sums = [0i32; MAX_BLOCK];
        // SAFETY: one of the pixels that the caller vouches for, written to a buffer that holds a block; then added to the
        // part of the output's pixel that has not been written.
        unsafe {
            code(&Row {
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

fn check<T: OutputElement>(call: &Call<'_>, out: &OutputBlock<'_, T>) {
    let (weights, patches) = (call.weights, &call.patches);
    let geometry = &patches.geometry;
    let channels = geometry.channels;
    assert!(
        call.backend.entry().depthwise.iter().any(|kernel| kernel.layout == weights.layout()),
        "depthwise weights of another layout"
    );
    let blocks = weights.kernel().blocks(channels);
    assert_eq!(weights.bytes().len(), blocks * weights.block_bytes(), "depthwise weights of another length");
    assert_eq!(weights.channels(), channels, "channels differ");
    assert_eq!(weights.kernel_size(), geometry.kernel, "kernel sizes differ");
    assert_eq!((patches.first_channel, patches.group_channels), (0, channels), "all channels at once");
    Lhs::Patches(*patches).check();
    check_extent(geometry);
    assert_eq!(T::TYPE, call.stage.output(), "the stage writes another type");
    assert_eq!((out.first_column(), out.columns()), (0, channels), "a block covers all channels");
    assert!(out.first_row() + out.rows() <= geometry.rows(), "block past the last pixel");
    let padded = weights.padded_channels();
    assert!(call.init.len() >= padded, "one initial accumulator per channel, padding included");
    call.stage.check(padded, 0);
    assert!(
        !matches!(call.stage, Stage::Dequantize { row_scale: Some(_), .. }),
        "a depthwise convolution has no factors by row"
    );
}

/// Asserts that the taps' positions, inside the image or not, can be counted in `isize`.
fn check_extent(geometry: &PatchGeometry) {
    for axis in 0..2 {
        let extent = geometry.output[axis].checked_mul(geometry.stride[axis]).and_then(|outputs| {
            outputs.checked_add(geometry.kernel[axis].checked_mul(geometry.dilation[axis])?)
        });
        let fits = |x: usize| isize::try_from(x).is_ok();
        assert!(extent.is_some_and(fits) && fits(geometry.pad[axis]), "the image's extent overflows");
    }
}

impl PackedTaps {
    /// Channels, padded to a multiple of 16: the length of every vector that a call takes by channel.
    #[must_use]
    pub fn padded_channels(&self) -> usize {
        self.channels().next_multiple_of(PADDING)
    }
}
