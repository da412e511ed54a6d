//! Products of signs.

use crate::Conv2dShape;
use crate::binary::{Outside, row_bytes, sign};
use alloc::vec::Vec;

/// The sums of a product of signs, `[rows][columns]`: `lhs` is `[rows][row_bytes(depth)]`, `weights` `[columns][row_bytes(depth)]`.
///
/// # Panics
///
/// If a slice is shorter.
#[must_use]
pub fn binary_gemm(lhs: &[u8], weights: &[u8], [rows, depth, columns]: [usize; 3]) -> Vec<i32> {
    let bytes = row_bytes(depth);
    let mut out = Vec::new();
    for m in 0..rows {
        for n in 0..columns {
            let (a, w) = (&lhs[m * bytes..], &weights[n * bytes..]);
            out.push((0..depth).map(|k| sign(a, k) * sign(w, k)).sum());
        }
    }
    out
}

/// The sums of a convolution of signs, NHWC `[batch][out_h][out_w][out_channels]`, of one channel group.
///
/// # Panics
///
/// If a slice is shorter than the shape says.
#[must_use]
pub fn binary_conv2d(shape: &Conv2dShape, input: &[u8], weights: &[u8], outside: Outside) -> Vec<i32> {
    let ([out_h, out_w], [kernel_h, kernel_w], [in_h, in_w]) = (shape.output(), shape.kernel, shape.input);
    let bytes = row_bytes(shape.in_channels);
    let tap = |image: usize, y: usize, x: usize, n: usize, ky: usize, kx: usize| -> i32 {
        let weights = &weights[((n * kernel_h + ky) * kernel_w + kx) * bytes..];
        let iy = (y * shape.stride[0] + ky * shape.dilation[0]).checked_sub(shape.pad.top);
        let ix = (x * shape.stride[1] + kx * shape.dilation[1]).checked_sub(shape.pad.left);
        match (iy.filter(|&iy| iy < in_h), ix.filter(|&ix| ix < in_w)) {
            (Some(iy), Some(ix)) => {
                let pixel = &input[((image * in_h + iy) * in_w + ix) * bytes..];
                (0..shape.in_channels).map(|c| sign(pixel, c) * sign(weights, c)).sum()
            }
            _ if outside == Outside::Ones => (0..shape.in_channels).map(|c| sign(weights, c)).sum(),
            _ => 0,
        }
    };
    let mut out = Vec::new();
    for image in 0..shape.batch {
        for (y, x) in (0..out_h).flat_map(|y| (0..out_w).map(move |x| (y, x))) {
            for n in 0..shape.out_channels {
                let taps = (0..kernel_h).flat_map(|ky| (0..kernel_w).map(move |kx| (ky, kx)));
                out.push(taps.map(|(ky, kx)| tap(image, y, x, n, ky, kx)).sum());
            }
        }
    }
    out
}
