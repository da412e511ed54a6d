//! Convolutions and matrix products with constant weights, to 32-bit codes.

use eightbit::{Conv2d, ElementType, Gemm, MatMut, MatRef, PackedWeights, Stage};

use super::{has_outputs, push, range, store};
use crate::exec::builder::Builder;
use crate::exec::fallback::Fallback;
use crate::exec::integer::planned::{by_byte, planned};
use crate::exec::integer::product::{conv_shape, pack, packed_size};
use crate::exec::integer::{constant_bytes, element_type, failed, scale};
use crate::exec::workers::Threads;
use crate::ops::quantized_conv2d::geometry;
use crate::ops::quantized_matmul::Sizes;
use crate::ops::shared::code_range::CodeRange;
use crate::{DataType, Error, Node, TensorData};

/// The constant weights of a product: input 1, whose range is inputs 4 and 5.
struct Weights {
    data_type: DataType,
    range: CodeRange,
    zero: i32,
}

/// The weights; `None` if they or their range are not constant, or 0 is none of their codes.
fn weights(builder: &Builder<'_>, node: &Node) -> Option<Weights> {
    let data_type = constant_bytes(builder, node, 1)?.data_type();
    let range = CodeRange { min: scale(builder, node, 4)?, max: scale(builder, node, 5)? };
    let (zero, codes) = match data_type {
        DataType::U8 => (range.unbounded_code::<u8>(0.0), 0..256),
        _ => (range.unbounded_code::<i8>(0.0), -128..128),
    };
    codes.contains(&zero).then_some(Weights { data_type, range, zero: zero as i32 })
}

/// What the sums stand for, given the range of the activations.
fn range_of_sums(x: ElementType, weights: &Weights) -> impl Fn(CodeRange) -> CodeRange + Send + Sync + use<> {
    let of = match (x, weights.data_type) {
        (ElementType::U8, DataType::U8) => CodeRange::of_products::<u8, u8>,
        (ElementType::U8, _) => CodeRange::of_products::<u8, i8>,
        (_, DataType::U8) => CodeRange::of_products::<i8, u8>,
        _ => CodeRange::of_products::<i8, i8>,
    };
    let weights = weights.range;
    move |x| of(x, weights)
}

/// The plain evaluation, for activations of which none is 0: kernels want a zero point among the bytes.
fn plain(node: &Node) -> Fallback {
    Fallback { node: node.clone(), written: vec![0, 1, 2], why: "0 is none of the codes" }
}

pub(crate) fn convolution(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?;
    let (Some(w), Some(weights), Some(x_type)) =
        (constant_bytes(builder, node, 1), weights(builder, node), element_type(x.data_type))
    else {
        return Ok(false);
    };
    let geometry = geometry(node, &x.shape, w.shape())?;
    let shape = conv_shape(&geometry);
    if geometry.window.is_huge() || shape.check().is_err() || !has_outputs(node, 3) {
        return Ok(false);
    }
    let (channels, taps) = (geometry.out_channels(), shape.kernel[0] * shape.kernel[1]);
    let pack = || match w.data() {
        TensorData::U8(w) => {
            Conv2d::pack(builder.backend, &shape, &ohwi(w, channels), weights.zero).map(Some)
        }
        TensorData::I8(w) => {
            Conv2d::pack(builder.backend, &shape, &ohwi(w, channels), weights.zero).map(Some)
        }
        _ => Ok(None),
    };
    let (inputs, outputs) = geometry.group_channels();
    let size = packed_size(geometry.groups, taps.saturating_mul(inputs), outputs);
    let Some(packed) = builder.packed_bytes(node, &[1, 4, 5], size, pack)? else { return Ok(false) };
    let plan = Conv2d::new(shape, packed, x_type, 0, None, &Stage::ACCUMULATORS);
    let plan = plan.map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.workers, plan.workspace_bytes());
    let [height, width] = shape.kernel;
    let what = format!("eight-bit convolution {height}×{width}: {}", plan.explain());
    let (to, plain) = (range_of_sums(x_type, &weights), plain(node));
    let kernel = by_byte!(I, x_type, {
        planned(what, (threads, plan), move |context, (threads, plan)| {
            let of_x = range(context, 2, 3)?;
            if plan.set_input_zero_point(of_x.unbounded_code::<I>(0.0) as i32).is_err() {
                return Ok(plain.compute(context)?);
            }
            threads.run(plan.call(context.input::<I>(0)?, context.output::<i32>(0)?)?);
            Ok(store(context, 1, to(of_x))?)
        })
    });
    push(builder, node, kernel)
}

/// Weights height × width × inputs × outputs in the order outputs × height × width × inputs.
fn ohwi<T: Copy>(hwio: &[T], outputs: usize) -> Vec<T> {
    let mut result = Vec::with_capacity(hwio.len());
    for output in 0..outputs {
        result.extend(hwio.iter().skip(output).step_by(outputs));
    }
    result
}

pub(crate) fn matmul(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let a = builder.type_of(node.required_input(0)?)?;
    let (Some(b), Some(weights), Some(a_type)) =
        (constant_bytes(builder, node, 1), weights(builder, node), element_type(a.data_type))
    else {
        return Ok(false);
    };
    let Sizes { rows, depth, columns, transposed } = Sizes::new(node, &a.shape, b.shape())?;
    if transposed[0] || !has_outputs(node, 3) {
        return Ok(false);
    }
    let pack = || -> Result<Option<PackedWeights>, eightbit::Error> {
        pack(builder, b, transposed[1], [rows, depth, columns], weights.zero.into())
    };
    let size = packed_size(1, depth, columns);
    let Some(packed) = builder.packed_bytes(node, &[1, 4, 5], size, pack)? else { return Ok(false) };
    let plan = Gemm::new(packed, a_type, 0, None, &Stage::ACCUMULATORS);
    let plan = plan.map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.workers, plan.workspace_bytes());
    let what = format!("eight-bit matrix product: {}", plan.explain(rows));
    let (to, plain) = (range_of_sums(a_type, &weights), plain(node));
    let kernel = by_byte!(I, a_type, {
        planned(what, (threads, plan), move |context, (threads, plan)| {
            let of_a = range(context, 2, 3)?;
            if plan.set_lhs_zero_point(of_a.unbounded_code::<I>(0.0) as i32).is_err() {
                return Ok(plain.compute(context)?);
            }
            let a = MatRef::new(context.input::<I>(0)?, rows, depth)?;
            threads.run(plan.call(a, MatMut::new(context.output::<i32>(0)?, rows, columns)?)?);
            Ok(store(context, 1, to(of_a))?)
        })
    });
    push(builder, node, kernel)
}
