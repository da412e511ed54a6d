//! Three-dimensional convolution.

use crate::{Conv3dShape, Element, Per};
use alloc::vec::Vec;

/// The accumulators of a convolution: NDHWC `[batch][out_d][out_h][out_w][out_channels]`.
///
/// `input` is NDHWC `[batch][d][h][w][in_channels]`, `weights` is ODHWI `[out_channels][kd][kh][kw][in_channels / groups]`. Elements
/// outside the volume are the input's zero point and add nothing. Computed in ℤ, reduced mod 2³² at the end.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[must_use]
pub fn conv3d<A: Element, W: Element>(
    shape: &Conv3dShape,
    input: &[A],
    input_zero: i32,
    weights: &[W],
    weight_zero: &Per<i32>,
    bias: Option<&[i32]>,
) -> Vec<i32> {
    let plane = shape.plane();
    let [out_h, out_w] = plane.output();
    let [in_h, in_w] = plane.input;
    let [kernel_h, kernel_w] = plane.kernel;
    let (group_in, group_out) = (plane.in_channels / plane.groups, plane.out_channels / plane.groups);
    let inside = |o: usize, stride: usize, k: usize, dilation: usize, pad: usize, size: usize| {
        (o * stride + k * dilation).checked_sub(pad).filter(|&i| i < size)
    };
    let mut out = Vec::new();
    for slice in 0..shape.output_slices() {
        for (y, x) in (0..out_h).flat_map(|y| (0..out_w).map(move |x| (y, x))) {
            for n in 0..plane.out_channels {
                let mut sum: i64 = bias.map_or(0, |bias| bias[n].into());
                for kd in 0..shape.kernel_depth() {
                    let Some(from) = shape.slice_of(slice, kd) else { continue };
                    for (ky, kx) in (0..kernel_h).flat_map(|ky| (0..kernel_w).map(move |kx| (ky, kx))) {
                        let iy = inside(y, plane.stride[0], ky, plane.dilation[0], plane.pad.top, in_h);
                        let ix = inside(x, plane.stride[1], kx, plane.dilation[1], plane.pad.left, in_w);
                        let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                        let pixel =
                            ((from * in_h + iy) * in_w + ix) * plane.in_channels + n / group_out * group_in;
                        let tap =
                            (((n * shape.kernel_depth() + kd) * kernel_h + ky) * kernel_w + kx) * group_in;
                        for c in 0..group_in {
                            let a: i32 = input[pixel + c].into();
                            let w: i32 = weights[tap + c].into();
                            sum += i64::from(a - input_zero) * i64::from(w - weight_zero.of(n));
                        }
                    }
                }
                out.push(sum as i32);
            }
        }
    }
    out
}
