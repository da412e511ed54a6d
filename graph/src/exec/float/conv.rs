//! Convolutions of NHWC images.

use std::sync::Arc;

use eightbit::Backend;
use eightbit_kernels::float::{FloatWeights, ProductCall, multiply};

use super::elementwise::Clamp;
use crate::Error;
use crate::exec::parallel::by_rows;
use crate::exec::step::{StepContext, StepKernel};
use crate::ops::shared::convolution::Geometry;

/// Elements of the patches that are laid out at a time. They fit the second-level cache.
const PATCH_ELEMENTS: usize = 1 << 15;

/// The most elements where patches are so deep that few of them would fit: those of 64 patches, which share the loads of weights, or fewer
/// patches.
const MOST_ELEMENTS: usize = 1 << 22;

/// A convolution as products of patches and weights. A 1×1 convolution reads the image in place.
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
    /// One matrix for each group.
    weights: Arc<Vec<FloatWeights>>,
    clamp: Clamp,
}

impl Convolution {
    /// Packs weights in ONNX's order, OIHW, and no bias or one for each channel: for each group a matrix of `kh · kw · channels of the
    /// group` rows and a column for each output of the group.
    pub(crate) fn pack(
        backend: Backend,
        geometry: &Geometry,
        oihw: &[f32],
        bias: &[f32],
    ) -> Vec<FloatWeights> {
        let (inputs, outputs) = geometry.group_channels();
        let taps: usize = geometry.window.sizes.kernel.iter().product();
        let group = |group: usize| {
            let weight = |row: usize, column: usize| {
                let (tap, input) = (row / inputs, row % inputs);
                oihw[((group * outputs + column) * inputs + input) * taps + tap]
            };
            let bias = bias.get(group * outputs..(group + 1) * outputs).unwrap_or_default();
            FloatWeights::pack(backend, [taps * inputs, outputs], weight, bias)
        };
        (0..geometry.groups).map(group).collect()
    }

    /// With weights that are [packed](Self::pack).
    pub(crate) fn new(
        geometry: Geometry,
        weights: Arc<Vec<FloatWeights>>,
        clamp: Clamp,
        threads: usize,
    ) -> Self {
        Self { filter: Filter { geometry, weights, clamp }, patches: vec![Vec::new(); threads] }
    }

    /// The most bytes of patches for an output of `pixels` pixels.
    pub(crate) fn scratch_bytes(&self, pixels: usize) -> u64 {
        let (filter, threads) = (&self.filter, self.patches.len());
        if filter.is_matrix() {
            return 0;
        }
        let at_once = filter.patches_at_once().min(pixels.div_ceil(threads.max(1)));
        ((at_once * filter.depth() * size_of::<f32>()) as u64).saturating_mul(threads as u64)
    }

    /// Convolves the image `x`.
    pub(crate) fn compute(&mut self, x: &[f32], out: &mut [f32]) {
        let filter = &self.filter;
        by_rows(out, filter.geometry.out_channels(), &mut self.patches, |first, out, patches| {
            filter.multiply_patches(x, first, out, patches);
        });
    }
}

impl StepKernel for Convolution {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        self.compute(x, context.output(0)?);
        Ok(())
    }

    fn describe(&self) -> String {
        let Filter { geometry, clamp, .. } = &self.filter;
        let kernel = &geometry.window.sizes.kernel;
        let path =
            if self.filter.is_matrix() { "the image as a matrix" } else { "patches laid out in blocks" };
        format!("f32 convolution {}×{}, {path}{}", kernel[0], kernel[1], clamp.describe())
    }
}

impl Filter {
    fn depth(&self) -> usize {
        self.geometry.group_channels().0 * self.geometry.window.sizes.kernel.iter().product::<usize>()
    }

    /// The number of patches that are laid out at a time.
    fn patches_at_once(&self) -> usize {
        let depth = self.depth().max(1);
        (PATCH_ELEMENTS / depth).max((MOST_ELEMENTS / depth).clamp(1, 64))
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
        let Geometry { window, channels: [in_channels, _], groups, .. } = &self.geometry;
        let (channels, _) = self.geometry.group_channels();
        let [out_h, out_w] = [window.sizes.output[0], window.sizes.output[1]];
        let [in_h, in_w] = [window.input[0], window.input[1]];
        let [kernel_h, kernel_w] = [window.sizes.kernel[0], window.sizes.kernel[1]];
        patches.resize(rows * kernel_h * kernel_w * channels, 0.0);
        if channels == 0 {
            return;
        }
        // The taps of a row are neighbours in the image.
        let in_one_piece = *groups == 1 && window.sizes.dilations[1] == 1;
        let mut lines = patches.chunks_exact_mut(kernel_w * channels);
        for pixel in first..first + rows {
            let (image, y, x_at) = (pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w);
            let inside = window.taps_inside(1, x_at);
            for ky in 0..kernel_h {
                let Some(line) = lines.next() else { return };
                let (Some(row), false) = (window.position(0, y, ky), inside.is_empty()) else {
                    line.fill(0.0);
                    continue;
                };
                line[..inside.start * channels].fill(0.0);
                line[inside.end * channels..].fill(0.0);
                let line = &mut line[inside.start * channels..inside.end * channels];
                let of_row = (image * in_h + row) * in_w;
                let piece = if in_one_piece { line.len() } else { channels };
                for (tap, taps) in inside.clone().zip(line.chunks_exact_mut(piece)) {
                    let Some(column) = window.position(1, x_at, tap) else { continue };
                    let at = (of_row + column) * in_channels + group * channels;
                    taps.copy_from_slice(&x[at..at + piece]);
                }
            }
        }
    }

    /// Computes the output pixels starting at `first` that fit `out`, as products.
    fn multiply_patches(&self, x: &[f32], first: usize, out: &mut [f32], patches: &mut Vec<f32>) {
        let channels = self.geometry.out_channels();
        let (_, outputs) = self.geometry.group_channels();
        let bounds = self.clamp.bounds();
        if self.is_matrix() {
            let depth = self.depth();
            let rows = out.len() / channels.max(1);
            let a = &x[first * depth..][..rows * depth];
            let call = ProductCall { a, weights: &self.weights[0], bounds };
            return multiply(&call, rows, out, channels);
        }
        let step = self.patches_at_once();
        for (index, block) in out.chunks_mut((step * channels).max(1)).enumerate() {
            let (first, rows) = (first + index * step, block.len() / channels.max(1));
            for (group, weights) in self.weights.iter().enumerate() {
                self.lay_out(x, first, rows, group, patches);
                let call = ProductCall { a: patches, weights, bounds };
                multiply(&call, rows, &mut block[group * outputs..], channels);
            }
        }
    }
}
