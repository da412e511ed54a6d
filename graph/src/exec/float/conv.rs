//! Convolutions of NHWC images.

use std::sync::Arc;

use super::elementwise::Clamp;
use super::matmul::multiply;
use crate::Error;
use crate::exec::parallel::by_rows;
use crate::exec::step::{StepContext, StepKernel};
use crate::ops::shared::convolution::Geometry;

/// Elements of the patches that are laid out at a time. They fit the second-level cache.
const PATCH_ELEMENTS: usize = 1 << 15;

/// A convolution: each channel by itself if it is depthwise, else as products of patches and weights. A 1×1 convolution reads
/// the image in place.
#[derive(Debug)]
pub(crate) struct Convolution {
    filter: Filter,
    /// Patches laid out, for each thread.
    patches: Vec<Vec<f32>>,
}

/// What a convolution computes.
#[derive(Debug)]
struct Filter {
    geometry: Geometry,
    /// In the order of [`Convolution::pack`].
    weights: Arc<Vec<f32>>,
    bias: Vec<f32>,
    clamp: Clamp,
}

impl Convolution {
    /// Converts weights from ONNX's order, OIHW, to `[kh · kw][channels]` for a depthwise convolution, and for others to
    /// `[kh · kw · channels of the group][outputs of the group]` for each group.
    pub(crate) fn pack(geometry: &Geometry, oihw: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = geometry.group_channels();
        let taps: usize = geometry.window.sizes.kernel.iter().product();
        if geometry.is_depthwise() {
            let channels = geometry.out_channels();
            return (0..taps).flat_map(|tap| (0..channels).map(move |c| oihw[c * taps + tap])).collect();
        }
        let mut weights = Vec::with_capacity(oihw.len());
        for group in 0..geometry.groups {
            for tap in 0..taps {
                for input in 0..inputs {
                    for output in group * outputs..(group + 1) * outputs {
                        weights.push(oihw[(output * inputs + input) * taps + tap]);
                    }
                }
            }
        }
        weights
    }

    /// With weights that are [packed](Self::pack), and no bias or one for each channel.
    pub(crate) fn new(
        geometry: Geometry,
        weights: Arc<Vec<f32>>,
        mut bias: Vec<f32>,
        clamp: Clamp,
        threads: usize,
    ) -> Self {
        if bias.is_empty() && geometry.is_depthwise() {
            bias = vec![0.0; geometry.out_channels()];
        }
        Self { filter: Filter { geometry, weights, bias, clamp }, patches: vec![Vec::new(); threads] }
    }
}

impl StepKernel for Convolution {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let (x, filter) = (context.input::<f32>(0)?, &self.filter);
        by_rows(
            context.output(0)?,
            filter.geometry.out_channels(),
            &mut self.patches,
            |first, out, patches| {
                if filter.geometry.is_depthwise() {
                    filter.filter_channels(x, first, out);
                } else {
                    filter.multiply_patches(x, first, out, patches);
                }
            },
        );
        Ok(())
    }

    fn describe(&self) -> String {
        let Filter { geometry, clamp, .. } = &self.filter;
        let (kernel, clamp) = (&geometry.window.sizes.kernel, clamp.describe());
        let [height, width] = [kernel[0], kernel[1]];
        if geometry.is_depthwise() {
            return format!("f32 depthwise convolution {height}×{width}{clamp}");
        }
        let path =
            if self.filter.is_matrix() { "the image as a matrix" } else { "patches laid out in blocks" };
        format!("f32 convolution {height}×{width}, {path}{clamp}")
    }
}

impl Filter {
    fn depth(&self) -> usize {
        self.geometry.group_channels().0 * self.geometry.window.sizes.kernel.iter().product::<usize>()
    }

    /// Whether output pixel `m` depends on input pixel `m` alone.
    fn is_matrix(&self) -> bool {
        let sizes = &self.geometry.window.sizes;
        self.geometry.groups == 1
            && sizes.kernel == [1, 1]
            && sizes.strides == [1, 1]
            && sizes.pads_begin == [0, 0]
            && sizes.pads_end == [0, 0]
    }

    /// Lays out the patches of the output pixels starting at `first`, for the channels of a group.
    fn lay_out(&self, x: &[f32], first: usize, rows: usize, group: usize, patches: &mut Vec<f32>) {
        let Geometry { window, channels: [in_channels, _], .. } = &self.geometry;
        let (channels, _) = self.geometry.group_channels();
        let [out_h, out_w] = [window.sizes.output[0], window.sizes.output[1]];
        let [in_h, in_w] = [window.input[0], window.input[1]];
        let [kernel_h, kernel_w] = [window.sizes.kernel[0], window.sizes.kernel[1]];
        patches.resize(rows * kernel_h * kernel_w * channels, 0.0);
        if channels == 0 {
            return;
        }
        let mut patches = patches.chunks_exact_mut(channels);
        for pixel in first..first + rows {
            let (image, y, x_at) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
            for ky in 0..kernel_h {
                let row = window.position(0, y, ky);
                for kx in 0..kernel_w {
                    let Some(patch) = patches.next() else { return };
                    match (row, window.position(1, x_at, kx)) {
                        (Some(row), Some(column)) => {
                            let at = ((image * in_h + row) * in_w + column) * in_channels + group * channels;
                            patch.copy_from_slice(&x[at..at + channels]);
                        }
                        _ => patch.fill(0.0),
                    }
                }
            }
        }
    }

    /// Computes the output pixels starting at `first` that fit `out`, as products.
    fn multiply_patches(&self, x: &[f32], first: usize, out: &mut [f32], patches: &mut Vec<f32>) {
        let channels = self.geometry.out_channels();
        let (_, outputs) = self.geometry.group_channels();
        let depth = self.depth();
        let step = (PATCH_ELEMENTS / depth.max(1)).max(64);
        for (index, block) in out.chunks_mut((step * channels).max(1)).enumerate() {
            let (first, rows) = (first + index * step, block.len() / channels.max(1));
            if self.is_matrix() {
                let x = &x[first * depth..][..rows * depth];
                multiply(x, &self.weights, [depth, channels], &self.bias, block, channels);
            } else {
                for group in 0..self.geometry.groups {
                    self.lay_out(x, first, rows, group, patches);
                    let weights = &self.weights[group * depth * outputs..][..depth * outputs];
                    let bias = self.bias.get(group * outputs..(group + 1) * outputs).unwrap_or_default();
                    let end = (rows - 1) * channels + (group + 1) * outputs;
                    let block = &mut block[group * outputs..end];
                    multiply(patches, weights, [depth, outputs], bias, block, channels);
                }
            }
            self.clamp.apply(block);
        }
    }

    /// Computes the output pixels starting at `first` that fit `out`, if every channel is filtered by itself.
    fn filter_channels(&self, x: &[f32], first: usize, out: &mut [f32]) {
        let window = &self.geometry.window;
        let channels = self.geometry.out_channels();
        let [out_h, out_w] = [window.sizes.output[0], window.sizes.output[1]];
        let kernel_w = window.sizes.kernel[1];
        for (index, out) in out.chunks_exact_mut(channels.max(1)).enumerate() {
            let pixel = first + index;
            let (image, y, x_at) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
            out.copy_from_slice(&self.bias);
            for ky in window.taps_inside(0, y) {
                let Some(row) = window.position(0, y, ky) else { continue };
                for kx in window.taps_inside(1, x_at) {
                    let Some(column) = window.position(1, x_at, kx) else { continue };
                    let at = ((image * window.input[0] + row) * window.input[1] + column) * channels;
                    let weights = &self.weights[(ky * kernel_w + kx) * channels..][..channels];
                    for ((out, x), w) in out.iter_mut().zip(&x[at..at + channels]).zip(weights) {
                        *out += x * w;
                    }
                }
            }
            self.clamp.apply(out);
        }
    }
}
