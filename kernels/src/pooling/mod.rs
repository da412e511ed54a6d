//! Pooling: the greatest or the average element of a window, channel by channel.
//!
//! A window is a list of addresses, one for each tap that lies inside the image; what lies outside is no part of a
//! maximum, and of an average only in number, if at all. So nothing is padded and nothing copied.

pub(crate) mod generic;

use crate::elementwise::{MAX_FACTOR, Target};
use crate::gemm::{OutputBlock, PatchGeometry};
use crate::{Backend, Element, Scratch};

/// A maximum over windows.
#[derive(Clone, Copy, Debug)]
pub struct MaxCall<'a, T> {
    /// Whose code runs.
    pub backend: Backend,
    /// The image, NHWC.
    pub input: &'a [T],
    /// Where the windows lie.
    pub geometry: PatchGeometry,
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
    pub geometry: PatchGeometry,
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

/// Bytes of scratch that a window of this size needs; `None` if that overflows.
#[must_use]
pub fn scratch_bytes(kernel: [usize; 2]) -> Option<usize> {
    kernel[0].checked_mul(kernel[1])?.checked_mul(size_of::<*const u8>())
}

/// Computes the maxima that `out` covers: row `m` is output pixel `m` of the batch, column `c` channel `c`.
///
/// # Panics
///
/// If shapes do not fit each other, a window has no tap on the image, or the block does not cover all channels.
pub fn maximum<T: Element>(call: &MaxCall<'_, T>, mut out: OutputBlock<'_, T>, scratch: &mut Scratch) {
    let geometry = &call.geometry;
    check(geometry, call.input.len(), &out);
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    let code = call.backend.entry().ops.maximum[usize::from(T::SIGNED)];
    let mut windows = Windows::new(geometry, call.input, scratch);
    for row in 0..out.rows() {
        let count = windows.find(out.first_row() + row).taps;
        assert!(count > 0, "a window lies outside the image");
        let out = out.address(row, 0);
        // SAFETY: `count` taps have been found, each with all channels readable; the row of the output is writable and
        // exclusively borrowed; the backend exists, so its features do.
        unsafe { code(&Maximum { taps: windows.taps, count, channels: geometry.channels, out }) };
    }
}

/// Computes the averages that `out` covers: row `m` is output pixel `m` of the batch, column `c` channel `c`.
///
/// # Panics
///
/// If shapes do not fit each other, a parameter is outside its range, a window has nothing to count or more than
/// [`MAX_TAPS`] taps, or the block does not cover all channels.
pub fn average<I: Element, O: Element>(
    call: &AverageCall<'_, I>,
    mut out: OutputBlock<'_, O>,
    scratch: &mut Scratch,
) {
    let geometry = &call.geometry;
    check(geometry, call.input.len(), &out);
    assert!(geometry.kernel[0].saturating_mul(geometry.kernel[1]) <= MAX_TAPS, "window too large");
    call.target.check::<O>();
    let (min, max) = I::TYPE.integer_range();
    assert!((min..=max).contains(&call.zero), "zero point within the input's range");
    if out.rows() == 0 || out.columns() == 0 {
        return;
    }
    let code = call.backend.entry().ops.average[usize::from(I::SIGNED)];
    let mut windows = Windows::new(geometry, call.input, scratch);
    for row in 0..out.rows() {
        let found = windows.find(out.first_row() + row);
        let count = match call.count_padding {
            Some(pad_end) => geometry.padded_taps(found.y, found.x, pad_end),
            None => found.taps,
        };
        assert!(count > 0, "a window lies outside the image");
        let scale = average_factor(call.input_scale, call.output_scale, count);
        assert!((0.0..=MAX_FACTOR).contains(&scale), "scales within their range");
        let out = out.address(row, 0);
        // SAFETY: as in `maximum`.
        unsafe {
            code(&Average {
                taps: windows.taps,
                count: found.taps,
                channels: geometry.channels,
                offset: -(found.taps as i32 * call.zero),
                scale,
                target: call.target,
                out,
            });
        }
    }
}

/// The factor from a sum over `count` elements to steps of the output: one multiplication, one division.
#[must_use]
pub fn average_factor(input_scale: f32, output_scale: f32, count: usize) -> f32 {
    input_scale / (output_scale * count as f32)
}

fn check<T: Element>(geometry: &PatchGeometry, input: usize, out: &OutputBlock<'_, T>) {
    assert!(geometry.input_len().is_some_and(|len| len <= input), "image too short");
    assert_eq!((out.first_column(), out.columns()), (0, geometry.channels), "a block covers all channels");
    assert!(out.first_row() + out.rows() <= geometry.rows(), "block past the last pixel");
}

/// Finds the taps of windows.
struct Windows<'a> {
    geometry: &'a PatchGeometry,
    input: *const u8,
    /// Room for as many addresses as a window has taps.
    taps: *mut *const u8,
}

/// A window's output row and column, and how many of its taps lie on the image.
struct Found {
    y: usize,
    x: usize,
    taps: usize,
}

impl<'a> Windows<'a> {
    /// `input` has been checked against the geometry.
    fn new<T: Element>(geometry: &'a PatchGeometry, input: &'a [T], scratch: &'a mut Scratch) -> Windows<'a> {
        let bytes = scratch_bytes(geometry.kernel).expect("window too large");
        let taps = scratch.bytes(bytes).as_mut_ptr().cast();
        Windows { geometry, input: input.as_ptr().cast(), taps }
    }

    /// Writes the addresses of the taps of output pixel `pixel` that lie on the image.
    fn find(&mut self, pixel: usize) -> Found {
        let geometry = self.geometry;
        let [height, width] = geometry.output;
        let (x, y, image) = (pixel % width, pixel / width % height, pixel / width / height);
        let mut taps = 0;
        for ky in 0..geometry.kernel[0] {
            for kx in 0..geometry.kernel[1] {
                let Some((iy, ix)) = geometry.tap(y, x, ky, kx) else { continue };
                let index = (image * geometry.input[0] + iy) * geometry.input[1] + ix;
                // SAFETY: the pixel is inside the image, whose length was checked; scratch has room for an address for
                // every tap of the window.
                unsafe { self.taps.add(taps).write(self.input.add(index * geometry.channels)) };
                taps += 1;
            }
        }
        Found { y, x, taps }
    }
}

impl PatchGeometry {
    /// How many taps of output pixel (`y`, `x`) lie on the image or its padding, which is `pad` at the beginning and
    /// `pad_end` at the end of each axis.
    fn padded_taps(&self, y: usize, x: usize, pad_end: [usize; 2]) -> usize {
        let along = |axis: usize, at: usize| {
            let end = self.pad[axis] + self.input[axis] + pad_end[axis];
            let start = at * self.stride[axis];
            (0..self.kernel[axis]).take_while(|k| start + k * self.dilation[axis] < end).count()
        };
        along(0, y) * along(1, x)
    }
}

/// One window to average.
pub(crate) struct Average {
    /// `count` addresses of pixels, `channels` readable bytes each.
    pub(crate) taps: *const *const u8,
    pub(crate) count: usize,
    pub(crate) channels: usize,
    /// Added to every sum.
    pub(crate) offset: i32,
    pub(crate) scale: f32,
    pub(crate) target: Target,
    /// `channels` bytes.
    pub(crate) out: *mut u8,
}

/// One window to take the maximum of.
pub(crate) struct Maximum {
    /// `count ≥ 1` addresses of pixels, `channels` readable bytes each.
    pub(crate) taps: *const *const u8,
    pub(crate) count: usize,
    pub(crate) channels: usize,
    /// `channels` bytes.
    pub(crate) out: *mut u8,
}

/// Averages a window.
///
/// # Safety
///
/// The CPU has the backend's features; every pointer is valid as described; the output overlaps no tap.
pub(crate) type AverageFn = unsafe fn(&Average);
/// Takes the maximum of a window.
///
/// # Safety
///
/// As [`AverageFn`].
pub(crate) type MaximumFn = unsafe fn(&Maximum);
