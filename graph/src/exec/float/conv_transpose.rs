//! Transposed convolutions of NHWC images: a product of pixels and weights, whose columns are added to the output.

use std::ops::Range;
use std::sync::Arc;

use eightbit::Backend;
use eightbit_kernels::float::{FloatWeights, ProductCall, multiply};

use super::elementwise::Clamp;
use super::lower::{bias, fuse_activation};
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::shared::transposed::{Axis, Geometry};
use crate::{Error, Node};

/// Elements of products that are made at a time: many pixels share the weights, and the products stay in a cache.
const PRODUCT_ELEMENTS: usize = 1 << 18;

/// `ConvTranspose` of images with constant weights.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(weights) =
        builder.constant_input(node, 1).filter(|w| shape.len() == 4 && w.rank() == 4).cloned()
    else {
        return Ok(false);
    };
    let geometry = Geometry::new(node, &shape, weights.shape())?;
    let [rows, columns] = geometry.axes[..] else { return Ok(false) };
    // Products are made for all taps, plain loops visit only those inside the output.
    if [rows, columns].iter().any(|axis| axis.kernel > 32.max(axis.output.saturating_mul(4))) {
        return Ok(false);
    }
    let Some(bias) = bias(builder, node, 2, geometry.out_channels()) else { return Ok(false) };
    let input = builder.read(node.required_input(0)?, Layout::ChannelsLast)?;
    let (clamp, result) = fuse_activation(builder, node)?;
    let output = builder.define(&result, Layout::ChannelsLast)?;
    let iohw = weights.as_f32()?;
    let backend = builder.backend;
    let matrix = [geometry.group_channels[0], rows.kernel * columns.kernel * geometry.group_channels[1]];
    let size = FloatWeights::size(backend, matrix).saturating_mul(geometry.groups as u64);
    let weights = builder.packed_floats(node, &[1], size, || pack(backend, &geometry, iohw))?;
    let kernel = ConvTranspose {
        rows,
        columns,
        groups: geometry.groups,
        group_channels: geometry.group_channels,
        weights,
        bias,
        clamp,
        workers: builder.workers.clone(),
    };
    builder.count_scratch(kernel.scratch_bytes());
    builder.push(node, vec![Some(input)], vec![output], Box::new(kernel));
    Ok(true)
}

/// Packs weights in ONNX's order, IOHW: for each group a matrix of a row for each input of the group and `kh · kw · outputs of the
/// group` columns.
fn pack(backend: Backend, geometry: &Geometry, iohw: &[f32]) -> Vec<FloatWeights> {
    let taps: usize = geometry.axes.iter().map(|axis| axis.kernel).product();
    let [inputs, outputs] = geometry.group_channels;
    let group = |group: usize| {
        let weight = |input: usize, column: usize| {
            let (tap, output) = (column / outputs, column % outputs);
            iohw[((group * inputs + input) * outputs + output) * taps + tap]
        };
        FloatWeights::pack(backend, [inputs, taps * outputs], weight, &[])
    };
    (0..geometry.groups).map(group).collect()
}

/// A transposed convolution of images.
#[derive(Debug)]
struct ConvTranspose {
    rows: Axis,
    columns: Axis,
    groups: usize,
    /// Inputs and outputs of a group.
    group_channels: [usize; 2],
    /// One matrix for each group.
    weights: Arc<Vec<FloatWeights>>,
    bias: Vec<f32>,
    clamp: Clamp,
    workers: Workers,
}

/// Memory of a thread.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// The pixels of a group, if there are several groups.
    pixels: Vec<f32>,
    products: Vec<f32>,
}

impl StepKernel for ConvTranspose {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let row = self.columns.output * self.groups * self.group_channels[1];
        let out = context.output(0)?;
        let blank = || vec![Memory::default(); self.workers.parts()];
        scratch.with(blank, |memories| {
            self.workers.by_rows_with(out, row, memories, |first, out, memory| {
                self.fill(x, first, out, memory);
            });
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let (height, width) = (self.rows.kernel, self.columns.kernel);
        let clamp = self.clamp.describe();
        format!("f32 transposed convolution {height}×{width}, columns of a product added{clamp}")
    }
}

impl ConvTranspose {
    /// The number of products of a pixel of the input with the weights of a group.
    fn products(&self) -> usize {
        self.rows.kernel * self.columns.kernel * self.group_channels[1]
    }

    /// The number of pixels of the input whose products are made at a time.
    fn at_once(&self) -> usize {
        (PRODUCT_ELEMENTS / self.products().max(1)).max(1)
    }

    /// The most bytes that it keeps beside the image and the output.
    fn scratch_bytes(&self) -> u64 {
        let pixels = self.at_once().min(self.rows.input * self.columns.input);
        let own = if self.groups == 1 { 0 } else { self.group_channels[0] };
        let elements = pixels * (self.products() + own);
        ((elements * size_of::<f32>()) as u64).saturating_mul(self.workers.parts() as u64)
    }

    /// Computes the rows of the output that begin with the row `first` of all images. Every element is the sum of the same numbers
    /// in the same order, whatever the rows are.
    fn fill(&self, x: &[f32], first: usize, out: &mut [f32], memory: &mut Memory) {
        let channels = self.groups * self.group_channels[1];
        let row = self.columns.output * channels;
        if row == 0 {
            return;
        }
        for pixel in out.chunks_exact_mut(channels) {
            match self.bias.is_empty() {
                true => pixel.fill(0.0),
                false => pixel.copy_from_slice(&self.bias),
            }
        }
        let image = self.rows.input * self.columns.input * self.groups * self.group_channels[0];
        let (mut next, end) = (first, first + out.len() / row);
        while next < end {
            let (number, top) = (next / self.rows.output, next % self.rows.output);
            let bottom = self.rows.output.min(top + end - next);
            let band = &mut out[(next - first) * row..][..(bottom - top) * row];
            self.fill_band(&x[number * image..][..image], top..bottom, band, memory);
            next += bottom - top;
        }
        self.clamp.apply(out);
    }

    /// Adds to the rows `rows` of an image.
    fn fill_band(&self, image: &[f32], rows: Range<usize>, out: &mut [f32], memory: &mut Memory) {
        let group_in = self.group_channels[0];
        let (width, depth) = (self.columns.input, self.groups * group_in);
        let (product, at_once) = (self.products(), self.at_once());
        let inputs = self.rows.inputs(rows.clone());
        let inputs = inputs.start * width..inputs.end * width;
        for first in inputs.clone().step_by(at_once) {
            let block = first..inputs.end.min(first + at_once);
            let pixels = &image[first * depth..][..block.len() * depth];
            memory.products.resize(block.len() * product, 0.0);
            for (group, weights) in self.weights.iter().enumerate() {
                let pixels = match self.groups {
                    1 => pixels,
                    _ => {
                        memory.pixels.clear();
                        memory.pixels.reserve_exact(block.len() * group_in);
                        let of_group =
                            pixels.chunks_exact(depth.max(1)).map(|x| &x[group * group_in..][..group_in]);
                        of_group.for_each(|x| memory.pixels.extend_from_slice(x));
                        &memory.pixels
                    }
                };
                let call = ProductCall::new(pixels, weights, Clamp::NONE.bounds());
                multiply(&call, block.len(), &mut memory.products, product);
                self.add(&memory.products, first, group, &rows, out);
            }
        }
    }

    /// Adds the products of the input pixels from `first` on to the rows `rows` of the output.
    fn add(&self, products: &[f32], first: usize, group: usize, rows: &Range<usize>, out: &mut [f32]) {
        let (group_out, width) = (self.group_channels[1], self.columns.input);
        let channels = self.groups * group_out;
        let taps = self.rows.kernel * self.columns.kernel;
        for (index, product) in products.chunks_exact((taps * group_out).max(1)).enumerate() {
            let (y, x) = ((first + index) / width, (first + index) % width);
            for ky in self.rows.taps(y) {
                let to = self.rows.position(y, ky);
                if !rows.contains(&to) {
                    continue;
                }
                for kx in self.columns.taps(x) {
                    let pixel = (to - rows.start) * self.columns.output + self.columns.position(x, kx);
                    let out = &mut out[pixel * channels + group * group_out..][..group_out];
                    let product = &product[(ky * self.columns.kernel + kx) * group_out..][..group_out];
                    out.iter_mut().zip(product).for_each(|(out, product)| *out += product);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows may be computed in any parts: every sum has the same bits.
    #[test]
    fn parts_of_the_output_are_the_whole() {
        let node = Node::new("n", "ConvTranspose", &["x", "w"], &["y"])
            .with("strides", vec![2, 3])
            .with("pads", vec![1, 0, 2, 1])
            .with("group", 2);
        let geometry = Geometry::new(&node, &[2, 4, 5, 6], &[4, 3, 4, 2]).expect("sizes that fit");
        let numbers = |count: usize| (0..count).map(|at| ((at * 37 % 101) as f32 - 50.0) / 7.0).collect();
        let (x, iohw): (Vec<f32>, Vec<f32>) = (numbers(2 * 4 * 5 * 6), numbers(4 * 3 * 4 * 2));
        let [rows, columns] = geometry.axes[..] else { panic!("two axes") };
        let kernel = ConvTranspose {
            rows,
            columns,
            groups: 2,
            group_channels: geometry.group_channels,
            weights: Arc::new(pack(Backend::detected(), &geometry, &iohw)),
            bias: numbers(6),
            clamp: Clamp::NONE,
            workers: Workers::ONE,
        };
        let row = columns.output * 6;
        let mut whole = vec![0.0; 2 * rows.output * row];
        kernel.fill(&x, 0, &mut whole, &mut Memory::default());
        for parts in [2, 3, 7] {
            let mut out = vec![0.0; whole.len()];
            let mut memories = vec![Memory::default(); parts];
            Workers::ONE.by_rows_with(&mut out, row, &mut memories, |first, out, memory| {
                kernel.fill(&x, first, out, memory);
            });
            assert!(out.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits()), "{parts} parts");
        }
    }
}
