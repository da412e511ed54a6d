//! Pooling: the greatest or the average element of a window, channel by channel.
//!
//! What lies outside the image is no part of a maximum, and of an average only in number, if at all. So nothing is padded:
//! windows over the border have fewer rows and columns.

pub(crate) mod contract;
pub(crate) mod generic;
mod tiles;

pub(crate) use contract::{Across, Columns, PoolKernel};

use crate::elementwise::{MAX_FACTOR, Target};
use crate::gemm::OutputBlock;
use crate::{Backend, Element, OutputElement, Scratch, Window2d};

use tiles::{Pool, Steps};

/// A maximum over windows.
#[derive(Clone, Copy, Debug)]
pub struct MaxCall<'a, T> {
    /// Whose code runs.
    pub backend: Backend,
    /// The image, NHWC.
    pub input: &'a [T],
    /// Where the windows lie.
    pub window: Window2d,
}

/// An average over windows: `out = target(f32(Σ (input − zero)) · (input_scale / (output_scale · f32(count))))`, with
/// an integer sum.
#[derive(Clone, Copy, Debug)]
pub struct AverageCall<'a, T> {
    /// Whose code runs.
    pub backend: Backend,
    /// The image, NHWC.
    pub input: &'a [T],
    /// Where the windows lie.
    pub window: Window2d,
    /// If given, `count` is the number of taps on the image and its padding, which is so high below and so wide on the
    /// right; else `count` is the number of taps on the image.
    pub count_padding: Option<[usize; 2]>,
    /// The input's zero point.
    pub zero: i32,
    /// The input's scale.
    pub input_scale: f32,
    /// The output's scale.
    pub output_scale: f32,
    /// Where the result goes.
    pub target: Target,
}

/// The most taps that a window may have: with more, a sum of bytes could pass `i32`.
pub const MAX_TAPS: usize = 1 << 23;

/// Sums of so many taps fit into 16 bits: 257 · 255 < 2¹⁶.
const MAX_U16_TAPS: usize = 257;

/// Bytes of scratch that a call needs; `None` if that overflows.
#[must_use]
pub fn scratch_bytes(window: &Window2d) -> Option<usize> {
    if window.rows() == 0 {
        return Some(0);
    }
    let bytes = if window.taps() <= MAX_U16_TAPS { 2 } else { 4 };
    tiles::span(window)?.checked_mul(window.channels)?.checked_add(generic::MAX_BLOCK)?.checked_mul(bytes)
}

/// Computes the maxima that `out` covers: row `m` is output pixel `m` of the batch, column `c` channel `c`.
///
/// # Panics
///
/// If shapes or types do not fit each other, a window has no tap on the image, or the block does not cover all channels.
pub fn maximum<I: Element, O: OutputElement>(
    call: &MaxCall<'_, I>,
    out: OutputBlock<'_, O>,
    scratch: &mut Scratch,
) {
    assert_eq!(O::TYPE, I::TYPE, "an output of the input's type");
    let kernel = &call.backend.entry().ops.maximum[usize::from(I::SIGNED)];
    // Nothing is scaled: any target will do.
    let target = Target { zero_point: 0, low: 0, high: 0 }.to_bytes::<O>();
    let steps = |_, _, _| Steps { offset: 0, scale: 1.0 };
    Pool { window: &call.window, kernel, target }.run(call.input, out, scratch, steps);
}

/// Computes the averages that `out` covers: row `m` is output pixel `m` of the batch, column `c` channel `c`.
///
/// # Panics
///
/// If shapes do not fit each other, a parameter is outside its range, a window has nothing to count or more than
/// [`MAX_TAPS`] taps, or the block does not cover all channels.
pub fn average<I: Element, O: OutputElement>(
    call: &AverageCall<'_, I>,
    out: OutputBlock<'_, O>,
    scratch: &mut Scratch,
) {
    let window = &call.window;
    assert!(window.taps() <= MAX_TAPS, "window too large");
    call.target.check::<O>();
    let (min, max) = I::TYPE.integer_range();
    assert!((min..=max).contains(&call.zero), "zero point within the input's range");
    let many = window.taps() > MAX_U16_TAPS;
    let kernel = &call.backend.entry().ops.average[usize::from(many)][usize::from(I::SIGNED)];
    let target = call.target.to_bytes::<O>();
    Pool { window, kernel, target }.run(call.input, out, scratch, |found, y, x| {
        let count = call.count_padding.map_or(found, |pad_end| window.padded_taps(y, x, pad_end));
        let scale = average_factor(call.input_scale, call.output_scale, count);
        assert!((0.0..=MAX_FACTOR).contains(&scale), "scales within their range");
        Steps { offset: -(found as i32 * (call.zero + kernel.excess)), scale }
    });
}

/// The factor from a sum over `count` elements to steps of the output: one multiplication, one division.
#[must_use]
pub fn average_factor(input_scale: f32, output_scale: f32, count: usize) -> f32 {
    input_scale / (output_scale * count as f32)
}
