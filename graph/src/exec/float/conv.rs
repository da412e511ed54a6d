//! Convolutions of NHWC images.

use std::sync::Arc;

use eightbit::Backend;
use eightbit_kernels::float::{FloatWeights, ProductCall, Rows, multiply};

use super::elementwise::Clamp;
use super::lines::{self, Lines};
use super::patches::Patches;
use crate::Error;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::workers::Workers;
use crate::ops::shared::convolution::Geometry;

/// A convolution as products of what its windows see and weights.
#[derive(Debug)]
pub(crate) struct Convolution {
    filter: Filter,
    workers: Workers,
}

/// What a convolution computes.
#[derive(Debug)]
struct Filter {
    geometry: Geometry,
    /// One matrix for each group.
    weights: Arc<Vec<FloatWeights>>,
    clamp: Clamp,
    windows: Windows,
}

/// How windows become rows of a matrix.
#[derive(Debug)]
enum Windows {
    /// A window is a pixel, and all pixels are a matrix.
    Pixels,
    Lines(Lines),
    Patches(Patches),
}

/// Memory of a thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    lines: lines::Scratch,
    patches: Vec<f32>,
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
        workers: Workers,
    ) -> Self {
        let windows = if is_matrix(&geometry) {
            Windows::Pixels
        } else if let Some(lines) = Lines::new(&geometry) {
            Windows::Lines(lines)
        } else {
            Windows::Patches(Patches::new(&geometry))
        };
        let filter = Filter { geometry, weights, clamp, windows };
        Self { filter, workers }
    }

    /// The most bytes of what describes windows, which [`new`](Self::new) makes.
    pub(crate) fn description_bytes(geometry: &Geometry) -> u64 {
        if is_matrix(geometry) { 0 } else { Patches::bytes(geometry).max(Lines::bytes(geometry)) }
    }

    /// The most bytes that are kept for an output of `pixels` pixels.
    pub(crate) fn scratch_bytes(&self, pixels: usize) -> u64 {
        let threads = self.workers.parts();
        let of_thread = pixels.div_ceil(threads.max(1));
        let each = match &self.filter.windows {
            Windows::Pixels => 0,
            Windows::Lines(lines) => lines.scratch_bytes(&self.filter.geometry, of_thread),
            Windows::Patches(patches) => (patches.elements(of_thread) * size_of::<f32>()) as u64,
        };
        each.saturating_mul(threads as u64)
    }

    /// Memory of all threads.
    pub(super) fn memory(&self) -> Vec<Memory> {
        vec![Memory::default(); self.workers.parts()]
    }

    /// Convolves the image `x` and adds `addend`, if there is one.
    pub(super) fn compute(
        &self,
        x: &[f32],
        addend: Option<&[f32]>,
        out: &mut [f32],
        memories: &mut [Memory],
    ) {
        let filter = &self.filter;
        let channels = filter.geometry.out_channels();
        self.workers.by_rows_with(out, channels, memories, |first, out, memory| {
            filter.multiply_windows(x, addend, first, out, memory);
        });
    }
}

impl StepKernel for Convolution {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let addend = context.optional_input::<f32>(1)?;
        let out = context.output(0)?;
        scratch.with(|| self.memory(), |memories| self.compute(x, addend, out, memories));
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let Filter { geometry, clamp, .. } = &self.filter;
        let kernel = &geometry.window.sizes.kernel;
        let path = match &self.filter.windows {
            Windows::Pixels => "the image as a matrix",
            Windows::Lines(lines) => lines.describe(),
            Windows::Patches(_) => "patches laid out in blocks",
        };
        format!("f32 convolution {}×{}, {path}{}", kernel[0], kernel[1], clamp.describe())
    }
}

/// Whether output pixel `m` depends on input pixel `m` alone, on all of its channels.
fn is_matrix(geometry: &Geometry) -> bool {
    let sizes = &geometry.window.sizes;
    geometry.groups == 1
        && sizes.kernel == [1, 1]
        && sizes.strides == [1, 1]
        && sizes.pads_begin == [0, 0]
        && sizes.pads_end == [0, 0]
}

impl Filter {
    /// Computes the output pixels starting at `first` that fit `out`, as products.
    fn multiply_windows(
        &self,
        x: &[f32],
        addend: Option<&[f32]>,
        first: usize,
        out: &mut [f32],
        memory: &mut Memory,
    ) {
        let Self { geometry, weights, windows, .. } = self;
        let channels = geometry.out_channels();
        let (inputs, outputs) = geometry.group_channels();
        let (count, bounds) = (out.len() / channels.max(1), self.clamp.bounds());
        let addend = addend.map(|addend| &addend[first * channels..][..out.len()]);
        match windows {
            Windows::Pixels => {
                let depth = geometry.channels[0];
                let a = &x[first * depth..][..count * depth];
                multiply(
                    &ProductCall { addend, ..ProductCall::new(a, &weights[0], bounds) },
                    count,
                    out,
                    channels,
                );
            }
            Windows::Lines(lines) => {
                lines.for_each_block(
                    geometry,
                    x,
                    first..first + count,
                    &mut memory.lines,
                    |pixels, a, rows| {
                        let (begin, count) = ((pixels.start - first) * channels, pixels.len());
                        for (group, weights) in weights.iter().enumerate() {
                            let begin = begin + group * outputs;
                            let addend = addend.map(|addend| &addend[begin..]);
                            let depth = 0..weights.depth();
                            let a = &a[group * inputs..];
                            let call = ProductCall { a, rows, weights, depth, addend, bounds };
                            multiply(&call, count, &mut out[begin..], channels);
                        }
                    },
                );
            }
            Windows::Patches(patches) => {
                for block in patches.blocks(count) {
                    let begin = block.start * channels;
                    let pixels = first + block.start..first + block.end;
                    for kernel_rows in patches.parts(geometry) {
                        let depth = patches.depth(&kernel_rows);
                        for (group, weights) in weights.iter().enumerate() {
                            let a = &mut memory.patches;
                            patches.lay_out(geometry, x, pixels.clone(), kernel_rows.clone(), group, a);
                            let begin = begin + group * outputs;
                            let addend = addend.map(|addend| &addend[begin..]);
                            let (rows, depth) = (Rows::apart(patches.stride), depth.clone());
                            let call = ProductCall { a, rows, weights, depth, addend, bounds };
                            multiply(&call, block.len(), &mut out[begin..], channels);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|at| ((at * 37 + seed) % 101) as f32 / 7.0 - 7.0).collect()
    }

    /// Windows read in place or in the padded image are the patches, in any parts and with an addend.
    #[test]
    fn windows_are_patches() {
        let nodes = [
            (Node::new("n", "Conv", &["x", "w"], &["y"]), [2, 4, 9, 11], [5, 4, 3, 3]),
            (
                Node::new("n", "Conv", &["x", "w"], &["y"]).with("pads", vec![1, 1, 1, 1]),
                [3, 3, 5, 6],
                [4, 3, 3, 3],
            ),
            (
                Node::new("n", "Conv", &["x", "w"], &["y"])
                    .with("pads", vec![3, 0, 1, 5])
                    .with("strides", vec![2, 3])
                    .with("dilations", vec![2, 2])
                    .with("group", 2),
                [2, 6, 12, 17],
                [4, 3, 2, 3],
            ),
            (
                Node::new("n", "Conv", &["x", "w"], &["y"]).with("strides", vec![2, 2]),
                [1, 8, 9, 9],
                [3, 8, 1, 1],
            ),
        ];
        for (node, x_shape, w_shape) in nodes {
            let geometry = Geometry::new(&node, &x_shape, &w_shape).expect("sizes that fit");
            let count = |shape: [usize; 4]| shape.iter().product::<usize>();
            let (x, oihw) = (numbers(count(x_shape), 3), numbers(count(w_shape), 5));
            let bias = numbers(w_shape[0], 11);
            let out: usize = geometry.output().iter().product();
            let addend = numbers(out, 13);
            let weights = Arc::new(Convolution::pack(Backend::detected(), &geometry, &oihw, &bias));
            let clamp = Clamp { low: -100.0, high: 300.0 };
            let compute = |by_patches: bool, addend: Option<&[f32]>, threads: usize| {
                let weights = Arc::clone(&weights);
                let mut convolution = Convolution::new(geometry.clone(), weights, clamp, Workers::ONE);
                assert!(matches!(convolution.filter.windows, Windows::Lines(_)), "{node:?}");
                if by_patches {
                    convolution.filter.windows = Windows::Patches(Patches::new(&geometry));
                }
                let mut y = vec![f32::NAN; out];
                convolution.compute(&x, addend, &mut y, &mut vec![Memory::default(); threads]);
                y
            };
            for addend in [None, Some(&addend[..])] {
                let expected = compute(true, addend, 1);
                assert!(expected.iter().any(|&y| y > clamp.low && y < clamp.high), "within the bounds");
                for threads in [1, 2, 3, 5] {
                    assert_eq!(compute(false, addend, threads), expected, "{node:?}, {threads} threads");
                }
            }
        }
    }
}
