//! Two-dimensional convolution.

use crate::{Conv2dShape, Element, Per};
use alloc::vec::Vec;

/// The accumulators of a convolution: NHWC `[batch][out_h][out_w][out_channels]`.
///
/// `input` is NHWC `[batch][h][w][in_channels]`, `weights` is OHWI `[out_channels][kh][kw][in_channels / groups]`. Elements
/// outside the image are the input's zero point and add nothing. Computed in ℤ, reduced mod 2³² at the end.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[must_use]
pub fn conv2d<A: Element, W: Element>(
    shape: &Conv2dShape,
    input: &[A],
    input_zero: i32,
    weights: &[W],
    weight_zero: &Per<i32>,
    bias: Option<&[i32]>,
) -> Vec<i32> {
    let [out_h, out_w] = shape.output();
    let [in_h, in_w] = shape.input;
    let [kernel_h, kernel_w] = shape.kernel;
    let group_in = shape.in_channels / shape.groups;
    let group_out = shape.out_channels / shape.groups;
    let mut out = Vec::new();
    for image in 0..shape.batch {
        for y in 0..out_h {
            for x in 0..out_w {
                for n in 0..shape.out_channels {
                    let group = n / group_out;
                    let mut sum: i64 = bias.map_or(0, |bias| bias[n].into());
                    for ky in 0..kernel_h {
                        for kx in 0..kernel_w {
                            let inside = |o: usize,
                                          stride: usize,
                                          k: usize,
                                          dilation: usize,
                                          pad: usize,
                                          size: usize| {
                                (o * stride + k * dilation).checked_sub(pad).filter(|&i| i < size)
                            };
                            let iy = inside(y, shape.stride[0], ky, shape.dilation[0], shape.pad.top, in_h);
                            let ix = inside(x, shape.stride[1], kx, shape.dilation[1], shape.pad.left, in_w);
                            let (Some(iy), Some(ix)) = (iy, ix) else { continue };
                            let pixel =
                                ((image * in_h + iy) * in_w + ix) * shape.in_channels + group * group_in;
                            let tap = ((n * kernel_h + ky) * kernel_w + kx) * group_in;
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
    }
    out
}
