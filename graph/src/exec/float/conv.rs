//! Convolutions of NHWC images.

use std::sync::Arc;

use eightbit::Backend;
use eightbit_kernels::float::{FloatWeights, ProductCall, multiply};

use super::elementwise::Clamp;
use super::patches::Patches;
use crate::Error;
use crate::exec::parallel::by_rows;
use crate::exec::step::{StepContext, StepKernel};
use crate::ops::shared::convolution::Geometry;

/// Rows of a matrix this many elements long, or a multiple of it, lie in the same places of a first-level cache, which has few of them: such
/// an image is laid out like patches.
const ALIASING: usize = 1024;

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
    /// `None` if the image is a matrix of its pixels, which is read in place.
    patches: Option<Patches>,
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
        let patches = (!is_matrix(&geometry)).then(|| Patches::new(&geometry));
        Self { filter: Filter { geometry, weights, clamp, patches }, patches: vec![Vec::new(); threads] }
    }

    /// The bytes of what describes patches, which [`new`](Self::new) makes.
    pub(crate) fn description_bytes(geometry: &Geometry) -> u64 {
        if is_matrix(geometry) { 0 } else { Patches::bytes(geometry) }
    }

    /// The most bytes of patches for an output of `pixels` pixels.
    pub(crate) fn scratch_bytes(&self, pixels: usize) -> u64 {
        let (Some(patches), threads) = (&self.filter.patches, self.patches.len()) else { return 0 };
        let elements = patches.elements(pixels.div_ceil(threads.max(1)));
        ((elements * size_of::<f32>()) as u64).saturating_mul(threads as u64)
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
        let path = if self.filter.patches.is_none() {
            "the image as a matrix"
        } else {
            "patches laid out in blocks"
        };
        format!("f32 convolution {}×{}, {path}{}", kernel[0], kernel[1], clamp.describe())
    }
}

/// Whether output pixel `m` depends on input pixel `m` alone, and pixels can be read in place.
fn is_matrix(geometry: &Geometry) -> bool {
    let sizes = &geometry.window.sizes;
    geometry.groups == 1
        && sizes.kernel == [1, 1]
        && sizes.strides == [1, 1]
        && sizes.pads_begin == [0, 0]
        && sizes.pads_end == [0, 0]
        && (geometry.channels[0] == 0 || !geometry.channels[0].is_multiple_of(ALIASING))
}

impl Filter {
    /// Computes the output pixels starting at `first` that fit `out`, as products.
    fn multiply_patches(&self, x: &[f32], first: usize, out: &mut [f32], scratch: &mut Vec<f32>) {
        let Self { geometry, weights, .. } = self;
        let channels = geometry.out_channels();
        let (_, outputs) = geometry.group_channels();
        let (count, bounds) = (out.len() / channels.max(1), self.clamp.bounds());
        let Some(patches) = &self.patches else {
            let depth = geometry.channels[0];
            let a = &x[first * depth..][..count * depth];
            return multiply(&ProductCall::new(a, &weights[0], bounds), count, out, channels);
        };
        for block in patches.blocks(count) {
            let out = &mut out[block.start * channels..block.end * channels];
            let pixels = first + block.start..first + block.end;
            for kernel_rows in patches.parts(geometry) {
                let depth = patches.depth(&kernel_rows);
                for (group, weights) in weights.iter().enumerate() {
                    patches.lay_out(geometry, x, pixels.clone(), kernel_rows.clone(), group, scratch);
                    let a_stride = patches.stride;
                    let call = ProductCall { a: scratch, a_stride, weights, depth: depth.clone(), bounds };
                    multiply(&call, block.len(), &mut out[group * outputs..], channels);
                }
            }
        }
    }
}
