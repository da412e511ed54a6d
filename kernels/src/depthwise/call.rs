//! The arguments of a depthwise convolution, and the proof that they fit each other.

use super::weights::Taps;
use crate::gemm::{OutputBlock, StageRef};
use crate::{Backend, OutputElement, Window2d};

/// The arguments of a depthwise convolution.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The backend whose kernels run; the weights must be in one of its layouts.
    pub backend: Backend,
    /// Where the patches lie.
    pub window: Window2d,
    /// The activations: the image, NHWC, as bytes.
    pub input: &'a [u8],
    /// The channels outside the image, the input's zero point: at least one byte for each.
    pub padding: &'a [u8],
    /// Whether the activations are `i8`.
    pub signed: bool,
    /// The weights.
    pub weights: Taps<'a>,
    /// See [`PackedTaps::initial_accumulators`](super::PackedTaps::initial_accumulators); as long as
    /// [`PackedTaps::padded_channels`](super::PackedTaps::padded_channels).
    pub init: &'a [i32],
    /// The epilogue; its slices by column are as long as
    /// [`PackedTaps::padded_channels`](super::PackedTaps::padded_channels). Factors by row are not supported.
    pub stage: StageRef<'a>,
}

/// A [`Call`] and the block of the output that it computes, which fit each other: what the driver and all unsafe code behind
/// it trust. Only [`new`](Self::new) makes one, nothing changes one, and while it lives the slices of the call are
/// borrowed, so what was proved stays true:
///
/// * The weights are of the window's kernel and channels, in a layout that a kernel of the backend reads; they are as long as
///   their blocks, by [`Taps`].
/// * The image is in its slice, and no position along its axes overflows, by [`Window2d`]. Outside of it there is a
///   byte for every channel.
/// * The block covers all channels; its rows are output pixels.
/// * Initial accumulators and what the stage has by column cover all channels, padding included; it has no factors by row.
/// * The block's elements are of the type that the stage writes.
pub(super) struct Checked<'a, 'out, T> {
    call: &'a Call<'a>,
    out: OutputBlock<'out, T>,
}

impl<'a, 'out, T: OutputElement> Checked<'a, 'out, T> {
    /// # Panics
    ///
    /// If one of these conditions does not hold.
    pub(super) fn new(call: &'a Call<'a>, out: OutputBlock<'out, T>) -> Checked<'a, 'out, T> {
        let (weights, window) = (&call.weights, &call.window);
        let channels = window.channels;
        assert!(
            call.backend.entry().depthwise.iter().any(|kernel| kernel.layout == weights.layout()),
            "depthwise weights of another layout"
        );
        assert_eq!(weights.channels(), channels, "channels differ");
        assert_eq!(weights.kernel_size(), window.kernel, "kernel sizes differ");
        assert!(call.input.len() >= window.input_len(), "image too short");
        assert!(call.padding.len() >= channels, "padding shorter than the channels");
        assert_eq!(T::TYPE, call.stage.output(), "the stage writes another type");
        assert_eq!((out.first_column(), out.columns()), (0, channels), "a block covers all channels");
        // The sum is at most the rows of the matrix that the block was split from.
        assert!(out.first_row() + out.rows() <= window.rows(), "block past the last pixel");
        let padded = weights.padded_channels();
        assert!(call.init.len() >= padded, "one initial accumulator per channel, padding included");
        call.stage.check(padded, 0);
        assert!(!call.stage.has_row_scale(), "a depthwise convolution has no factors by row");
        Checked { call, out }
    }

    /// The call.
    #[inline]
    pub(super) fn call(&self) -> &'a Call<'a> {
        self.call
    }

    /// The block.
    #[inline]
    pub(super) fn out(&self) -> &OutputBlock<'out, T> {
        &self.out
    }
}
