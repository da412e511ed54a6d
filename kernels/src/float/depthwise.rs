//! Depthwise convolutions of `f32`: every channel by itself, channels innermost.

use super::{Bounds, bounded, vectors};
use crate::Backend;
use crate::simd::Simd;

/// How a product is added to a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// The result is rounded.
    Once,
    /// The product is rounded, and the result.
    Twice,
}

/// Output pixels side by side whose windows have the same taps inside the image.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseCall<'a> {
    /// The backend whose code runs.
    pub backend: Backend,
    /// Channels.
    pub channels: usize,
    /// The image, and the first pixel's first tap in it.
    pub image: &'a [f32],
    /// See `image`.
    pub first: usize,
    /// From an output pixel to the next, in elements of the image.
    pub pixel_step: usize,
    /// Rows and columns of taps.
    pub taps: [usize; 2],
    /// From a row of taps to the next and from a tap to the next, in elements of the image.
    pub tap_steps: [usize; 2],
    /// The weights of the first tap, channel by channel, and those that follow.
    pub weights: &'a [f32],
    /// From a row of taps to the next, in elements of the weights; taps of a row have no gaps.
    pub weights_step: usize,
    /// One for each channel.
    pub bias: &'a [f32],
    /// How products are added.
    pub rounding: Rounding,
    /// Bounds of the results.
    pub bounds: Bounds,
}

/// What a kernel computes: see [`DepthwiseCall`].
pub(crate) struct Run<'a> {
    call: &'a DepthwiseCall<'a>,
    pixels: usize,
    out: *mut f32,
}

/// Computes as many pixels as `out` holds.
///
/// # Panics
///
/// If image, weights or bias are too short.
pub fn depthwise(call: &DepthwiseCall<'_>, out: &mut [f32]) {
    let channels = call.channels;
    let pixels = out.len().checked_div(channels).unwrap_or(0);
    if pixels == 0 {
        return;
    }
    let [rows, columns] = call.taps;
    let reach = |steps: [(usize, usize); 3]| {
        let span = |count: usize, step: usize| count.checked_sub(1).and_then(|count| count.checked_mul(step));
        steps.iter().try_fold(channels, |sum, &(count, step)| sum.checked_add(span(count, step)?))
    };
    if rows > 0 && columns > 0 {
        let [row_step, tap_step] = call.tap_steps;
        let image = reach([(rows, row_step), (columns, tap_step), (pixels, call.pixel_step)]);
        let end = image.and_then(|reach| reach.checked_add(call.first));
        assert!(end.is_some_and(|end| end <= call.image.len()), "taps within the image");
        let weights = reach([(rows, call.weights_step), (columns, channels), (1, 0)]);
        assert!(weights.is_some_and(|end| end <= call.weights.len()), "weights of all taps");
    }
    assert!(call.bias.len() >= channels, "a bias for each channel");
    let run = Run { call, pixels, out: out.as_mut_ptr() };
    // SAFETY: image, weights, bias and output are as long as asserted; the backend exists, so its features do.
    unsafe { (call.backend.entry().ops.float.depthwise[usize::from(call.rounding == Rounding::Twice)])(&run) }
}

/// Output pixels computed at once, which share the loads of weights.
const PIXELS: usize = 4;

/// Computes a run of pixels, rounding `TWICE` or once.
///
/// # Safety
///
/// The assertions of [`depthwise`] hold.
#[inline(always)]
pub(crate) unsafe fn run<S: Simd, const TWICE: bool>(simd: S, run: &Run<'_>) {
    let channels = run.call.channels;
    if channels < S::LANES {
        // SAFETY: the caller's promise.
        unsafe { few_channels::<S, TWICE>(simd, run) };
        return;
    }
    let mut channel = 0;
    while channel + 2 * S::LANES <= channels {
        // SAFETY: the caller's promise; the block lies within the channels.
        unsafe { block::<S, 2, TWICE>(simd, run, channel) };
        channel += 2 * S::LANES;
    }
    if channel + S::LANES <= channels {
        // SAFETY: as above.
        unsafe { block::<S, 1, TWICE>(simd, run, channel) };
        channel += S::LANES;
    }
    if channel < channels {
        // The last block ends with the last channel, and computes some channels again.
        // SAFETY: as above.
        unsafe { block::<S, 1, TWICE>(simd, run, channels - S::LANES) };
    }
}

/// All pixels of `VECTORS` vectors of channels.
///
/// # Safety
///
/// As [`run`], for channels that exist.
#[inline(always)]
unsafe fn block<S: Simd, const VECTORS: usize, const TWICE: bool>(simd: S, run: &Run<'_>, channel: usize) {
    let mut pixel = 0;
    while pixel + PIXELS <= run.pixels {
        // SAFETY: the caller's promise.
        unsafe { pixels::<S, VECTORS, PIXELS, TWICE>(simd, run, channel, pixel) };
        pixel += PIXELS;
    }
    while pixel < run.pixels {
        // SAFETY: the caller's promise.
        unsafe { pixels::<S, VECTORS, 1, TWICE>(simd, run, channel, pixel) };
        pixel += 1;
    }
}

/// `COUNT` pixels of `VECTORS` vectors of channels.
///
/// # Safety
///
/// As [`run`], for pixels and channels that exist.
#[inline(always)]
unsafe fn pixels<S: Simd, const VECTORS: usize, const COUNT: usize, const TWICE: bool>(
    simd: S,
    run: &Run<'_>,
    channel: usize,
    pixel: usize,
) {
    let call = run.call;
    // SAFETY: by the caller's promise all taps of these pixels and channels lie within the image, as do their weights, and the
    // pixels within the output.
    unsafe {
        let bias = call.bias.as_ptr().add(channel);
        let bias = vectors::<S, VECTORS>(simd, bias);
        let mut sums = [bias; COUNT];
        // Without taps there is nothing to point to.
        let image = call.image.as_ptr().wrapping_add(call.first + pixel * call.pixel_step + channel);
        for row in 0..call.taps[0] {
            let mut x = image.wrapping_add(row * call.tap_steps[0]);
            let mut w = call.weights.as_ptr().wrapping_add(row * call.weights_step + channel);
            for _ in 0..call.taps[1] {
                let weights = vectors::<S, VECTORS>(simd, w);
                for (p, sums) in sums.iter_mut().enumerate() {
                    for v in 0..VECTORS {
                        let x = simd.load_f(x.add(p * call.pixel_step + v * S::LANES));
                        sums[v] = added::<S, TWICE>(simd, x, weights[v], sums[v]);
                    }
                }
                x = x.wrapping_add(call.tap_steps[1]);
                w = w.wrapping_add(call.channels);
            }
        }
        let bounds = [simd.splat_f(call.bounds.low), simd.splat_f(call.bounds.high)];
        for (p, sums) in sums.iter().enumerate() {
            let out = run.out.add((pixel + p) * call.channels + channel);
            for (v, &sum) in sums.iter().enumerate() {
                simd.store_f(out.add(v * S::LANES), bounded(simd, sum, bounds));
            }
        }
    }
}

/// `x · w + sum`.
#[inline(always)]
fn added<S: Simd, const TWICE: bool>(simd: S, x: S::F, w: S::F, sum: S::F) -> S::F {
    if TWICE { simd.add_f(simd.mul_f(x, w), sum) } else { simd.mul_add_f(x, w, sum) }
}

/// Fewer channels than a vector has lanes, one by one, each in all lanes of a vector.
///
/// # Safety
///
/// As [`run`].
#[inline(always)]
unsafe fn few_channels<S: Simd, const TWICE: bool>(simd: S, run: &Run<'_>) {
    let DepthwiseCall { image, weights, bias, bounds, channels, .. } = *run.call;
    let [rows, columns] = run.call.taps;
    let [row_step, tap_step] = run.call.tap_steps;
    let bounds = [simd.splat_f(bounds.low), simd.splat_f(bounds.high)];
    for pixel in 0..run.pixels {
        for channel in 0..channels {
            let mut sum = simd.splat_f(bias[channel]);
            for row in 0..rows {
                for column in 0..columns {
                    let at = pixel * run.call.pixel_step + row * row_step + column * tap_step + channel;
                    let w = simd.splat_f(weights[row * run.call.weights_step + column * channels + channel]);
                    sum = added::<S, TWICE>(simd, simd.splat_f(image[run.call.first + at]), w, sum);
                }
            }
            let sum = simd.lanes_f(bounded(simd, sum, bounds)).at(0);
            // SAFETY: the pixel lies within the output, by the caller's promise.
            unsafe { run.out.add(pixel * channels + channel).write(sum) };
        }
    }
}
