//! Transposed convolutions of bytes: an eight-bit product of pixels and weights, whose columns are added exactly.

use std::fmt;
use std::marker::PhantomData;

use eightbit::{Gemm, MatMut, MatRef, PackedWeights, Per, Stage};

use super::planned::by_bytes;
use super::product::{packed_size, per};
use super::{clamp, constant_bytes, element_type, failed, input, output, scales, zero_points};
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Threads;
use crate::ops::shared::transposed::{Axis, Geometry};
use crate::{Element, Error, Node, TensorData};

/// Elements of products that are made at a time: many pixels share the weights, and the products stay in a cache.
const PRODUCT_ELEMENTS: usize = 1 << 17;

/// Inputs: x, scale, zero point, w, scale, zero point, scale and zero point of the output, bias.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let dims = builder.shape(node, 0)?;
    let (Some(x), Some(to)) = (input(builder, node, 0)?, output(builder, node, 6)?) else { return Ok(false) };
    let Some(w) = constant_bytes(builder, node, 3).filter(|w| w.rank() == 4 && dims.len() == 4) else {
        return Ok(false);
    };
    let geometry = Geometry::new(node, &dims, w.shape())?;
    let [rows, columns] = geometry.axes[..] else { return Ok(false) };
    // Products are made for all taps, plain loops visit only those inside the output.
    let is_huge = [rows, columns].iter().any(|axis| axis.kernel > 32.max(axis.output.saturating_mul(4)));
    if geometry.groups != 1 || is_huge {
        return Ok(false);
    }
    let [depth, channels] = geometry.group_channels;
    let taps = rows.kernel * columns.kernel;
    let zeros = match per(zero_points(builder, node, 5), channels) {
        Some(Per::Channel(zeros)) => Per::Channel(zeros.repeat(taps)),
        Some(zeros) => zeros,
        None => return Ok(false),
    };
    let bias = match builder.constant_input(node, 8).map(|bias| (bias.len(), bias.as_i32())) {
        None if node.input(8).is_none() => vec![0; channels],
        Some((length, Ok(bias))) if length == channels => bias.to_vec(),
        _ => return Ok(false),
    };
    let Some(factors) = scales(builder, node, 4).filter(|it| it.len() == 1 || it.len() == channels) else {
        return Ok(false);
    };
    let multiplier =
        |channel: usize| x.scale() * factors[if factors.len() == 1 { 0 } else { channel }] / to.scale();
    let multipliers: Vec<f32> = (0..channels).map(multiplier).collect();
    let range = clamp(node, &to)?;
    let pack = || match w.data() {
        TensorData::I8(w) => packed(builder, w, [depth, taps, channels], zeros).map(Some),
        TensorData::U8(w) => packed(builder, w, [depth, taps, channels], zeros).map(Some),
        _ => Ok(None),
    };
    let size = packed_size(1, depth, taps.saturating_mul(channels));
    let Some(weights) = builder.packed_bytes(node, &[3, 5], size, pack)? else { return Ok(false) };
    let plan = Gemm::new(weights, x.element(), x.zero_point(), None, &Stage::ACCUMULATORS)
        .map_err(|error| failed(node, &error))?;
    let at_once = (PRODUCT_ELEMENTS / (taps * channels).max(1)).max(1).min(rows.input * columns.input);
    let (products, sums) = (at_once * taps * channels, rows.output * columns.output * channels);
    builder.count_scratch(((products + sums) * size_of::<i32>()) as u64);
    let step = Transposed {
        axes: [rows, columns],
        threads: Threads::new(builder.workers, plan.workspace_bytes()),
        plan,
        sizes: [depth, channels],
        at_once,
        bias,
        multipliers,
        zero: to.zero_point(),
        range,
    };
    let Some(element) = element_type(builder.type_of(node.required_output(0)?)?.data_type) else {
        return Ok(false);
    };
    let kernel: Box<dyn StepKernel> =
        by_bytes!([I, O], [x.element(), element], Box::new(Typed::<I, O> { step, types: PhantomData }));
    let define = |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::ChannelsLast);
    builder.push_unary(node, Layout::ChannelsLast, define, kernel)
}

/// Packs weights in ONNX's order, IOHW, as a matrix of `depth × (taps · channels)`.
fn packed<T: eightbit::Element>(
    builder: &Builder<'_>,
    iohw: &[T],
    [depth, taps, channels]: [usize; 3],
    zeros: Per<i32>,
) -> Result<PackedWeights, eightbit::Error> {
    let columns = |row: usize| {
        (0..taps).flat_map(move |tap| (0..channels).map(move |out| iohw[(row * channels + out) * taps + tap]))
    };
    let matrix: Vec<T> = (0..depth).flat_map(columns).collect();
    PackedWeights::pack(builder.backend, &MatRef::new(&matrix, depth, taps * channels)?, zeros)
}

/// A float beside which all floats are integers: adding it to a number of less than 2²² rounds that to the nearest integer, ties to even.
const INTEGERS: f32 = 12_582_912.0;

/// A transposed convolution of images.
struct Transposed {
    axes: [Axis; 2],
    plan: Gemm,
    threads: Threads,
    /// Input and output channels.
    sizes: [usize; 2],
    /// Pixels of which products are made at a time.
    at_once: usize,
    bias: Vec<i32>,
    /// For each channel, the step of a sum in steps of the output.
    multipliers: Vec<f32>,
    zero: i32,
    range: (i32, i32),
}

/// Memory of a run.
struct Memory {
    threads: Threads,
    products: Vec<i32>,
    /// Of an image of the output.
    sums: Vec<i32>,
}

/// For the types of the input and of the output.
struct Typed<I, O> {
    step: Transposed,
    types: PhantomData<fn(I) -> O>,
}

impl<I, O> fmt::Debug for Typed<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transposed").field("axes", &self.step.axes).finish_non_exhaustive()
    }
}

impl<I, O> StepKernel for Typed<I, O>
where
    I: Element + eightbit::Element,
    O: Element + Byte,
{
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let step = &self.step;
        let [depth, channels] = step.sizes;
        let [rows, columns] = step.axes;
        let (from, to) = (rows.input * columns.input * depth, rows.output * columns.output * channels);
        let x = context.input::<I>(0)?;
        let images = x.len().checked_div(from).unwrap_or(0);
        let blank = || Memory { threads: step.threads.clone(), products: Vec::new(), sums: Vec::new() };
        scratch.with(blank, |memory| {
            for image in 0..images {
                let added = step.add(&x[image * from..][..from], memory);
                added.map_err(|error| context.error(error.to_string()))?;
                step.requantize(&memory.sums, &mut context.output::<O>(0)?[image * to..][..to]);
            }
            Ok(())
        })
    }

    fn kind(&self) -> StepKind {
        StepKind::EightBit
    }

    fn describe(&self) -> String {
        let [rows, columns] = &self.step.axes;
        let product = self.step.plan.explain(self.step.at_once);
        format!("eight-bit transposed convolution {}×{}: {product}", rows.kernel, columns.kernel)
    }
}

impl Transposed {
    /// Computes the sums of an image.
    fn add<I: eightbit::Element>(&self, image: &[I], memory: &mut Memory) -> Result<(), eightbit::Error> {
        let Memory { threads, products, sums } = memory;
        let ([depth, channels], [rows, columns]) = (self.sizes, self.axes);
        let product = rows.kernel * columns.kernel * channels;
        sums.clear();
        (0..rows.output * columns.output).for_each(|_| sums.extend_from_slice(&self.bias));
        products.resize(self.at_once * product, 0);
        let pixels = rows.input * columns.input;
        for first in (0..pixels).step_by(self.at_once.max(1)) {
            let count = self.at_once.min(pixels - first);
            let products = &mut products[..count * product];
            let a = MatRef::new(&image[first * depth..][..count * depth], count, depth)?;
            threads.run(self.plan.call(a, MatMut::new(products, count, product)?)?);
            for (index, product) in products.chunks_exact(product.max(1)).enumerate() {
                let (y, x) = ((first + index) / columns.input, (first + index) % columns.input);
                for ky in rows.taps(y) {
                    let row = rows.position(y, ky) * columns.output;
                    for kx in columns.taps(x) {
                        let sums = &mut sums[(row + columns.position(x, kx)) * channels..][..channels];
                        let product = &product[(ky * columns.kernel + kx) * channels..][..channels];
                        sums.iter_mut()
                            .zip(product)
                            .for_each(|(sum, product)| *sum = sum.wrapping_add(*product));
                    }
                }
            }
        }
        Ok(())
    }

    fn requantize<O: Byte>(&self, sums: &[i32], out: &mut [O]) {
        let channels = self.sizes[1].max(1);
        let (low, high) = ((self.range.0 - self.zero) as f32, (self.range.1 - self.zero) as f32);
        for (out, sums) in out.chunks_exact_mut(channels).zip(sums.chunks_exact(channels)) {
            for ((out, &sum), multiplier) in out.iter_mut().zip(sums).zip(&self.multipliers) {
                // Both are finite. Steps of the sum are integers, and so are the differences of their bits.
                let steps = (sum as f32 * multiplier).clamp(low, high) + INTEGERS;
                *out = O::narrow((steps.to_bits() as i32 - INTEGERS.to_bits() as i32) + self.zero);
            }
        }
    }
}

/// A byte of an output.
trait Byte {
    /// The byte of a number in its range.
    fn narrow(number: i32) -> Self;
}

impl Byte for u8 {
    fn narrow(number: i32) -> Self {
        number as u8
    }
}

impl Byte for i8 {
    fn narrow(number: i32) -> Self {
        number as i8
    }
}
