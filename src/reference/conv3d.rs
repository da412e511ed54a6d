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
    let [out_d, out_h, out_w] = shape.output();
    let [in_d, in_h, in_w] = shape.input();
    let [kernel_d, kernel_h, kernel_w] = shape.kernel();
    let ([stride_d, stride_h, stride_w], [step_d, step_h, step_w]) = (shape.stride(), shape.dilation());
    let [[front, _], [top, _], [left, _]] = shape.pad();
    let (group_in, group_out) = (shape.in_channels() / shape.groups(), shape.out_channels() / shape.groups());
    let mut out = Vec::new();
    for [volume, z, y, x] in positions([shape.batch(), out_d, out_h, out_w]) {
        for n in 0..shape.out_channels() {
            let mut sum: i64 = bias.map_or(0, |bias| bias[n].into());
            for [_, kz, ky, kx] in positions([1, kernel_d, kernel_h, kernel_w]) {
                let inside =
                    |at: usize, pad: usize, size: usize| at.checked_sub(pad).filter(|&inside| inside < size);
                let iz = inside(z * stride_d + kz * step_d, front, in_d);
                let iy = inside(y * stride_h + ky * step_h, top, in_h);
                let ix = inside(x * stride_w + kx * step_w, left, in_w);
                let (Some(iz), Some(iy), Some(ix)) = (iz, iy, ix) else { continue };
                let pixel = (((volume * in_d + iz) * in_h + iy) * in_w + ix) * shape.in_channels();
                let tap = (((n * kernel_d + kz) * kernel_h + ky) * kernel_w + kx) * group_in;
                for c in 0..group_in {
                    let a: i32 = input[pixel + n / group_out * group_in + c].into();
                    let w: i32 = weights[tap + c].into();
                    sum += i64::from(a - input_zero) * i64::from(w - weight_zero.of(n));
                }
            }
            out.push(sum as i32);
        }
    }
    out
}

/// All positions in these sizes, in row-major order.
fn positions([volumes, depth, height, width]: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    let lines =
        (0..volumes).flat_map(move |i| (0..depth).flat_map(move |z| (0..height).map(move |y| [i, z, y])));
    lines.flat_map(move |[i, z, y]| (0..width).map(move |x| [i, z, y, x]))
}
