//! Elementwise operators on bytes.

use eightbit::elementwise::{Add, Dequantize, LookupTable, Mul, Quantize};
use eightbit::{Backend, QuantizedType};

use super::planned::{by_byte, by_bytes, planned, planned_as};
use super::{clamp, element_type, failed, input, output};
use crate::exec::broadcast::{self, Broadcast, Repeated};
use crate::exec::builder::Builder;
use crate::exec::step::{StepKernel, StepKind};
use crate::exec::workers::Threads;
use crate::ops::clip;
use crate::{DataType, Error, Node, TensorData};

/// A function that lowers a node to a step that runs a `$plan`.
macro_rules! binary {
    ($name:ident, $plan:ident, $description:literal) => {
        pub(crate) fn $name(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
            binary(builder, node, |backend, [a, b, to], (low, high), threads, broadcast| {
                let plan = $plan::new(backend, a, b, to)?.clamped(low, high)?;
                Ok(by_bytes!([I, O], [a.element(), to.element()], {
                    let memory = (threads, Repeated::default());
                    planned($description, memory, move |context, (threads, repeated)| {
                        let inputs = (context.input::<I>(0)?, context.input::<I>(1)?);
                        broadcast.for_each_run(inputs, context.output::<O>(0)?, repeated, |a, b, y| {
                            threads.run(plan.call(a, b, y)?);
                            Ok(())
                        })
                    })
                }))
            })
        }
    };
}

binary!(add, Add, "eight-bit Add");
binary!(mul, Mul, "eight-bit Mul");

/// A step on two tensors of equal byte type, broadcast to a common shape, which `plan` makes for the types of both and of the output,
/// the output's range, and the pairs of elements.
fn binary(
    builder: &mut Builder<'_>,
    node: &Node,
    plan: impl Fn(
        Backend,
        [QuantizedType; 3],
        (i32, i32),
        Threads,
        Broadcast,
    ) -> Result<Box<dyn StepKernel>, eightbit::Error>,
) -> Result<bool, Error> {
    let (Some(a), Some(b), Some(to)) =
        (input(builder, node, 0)?, input(builder, node, 3)?, output(builder, node, 6)?)
    else {
        return Ok(false);
    };
    let Some(pair) = broadcast::pair(builder, node, [0, 3])?.filter(|_| a.element() == b.element()) else {
        return Ok(false);
    };
    let inputs = pair.read(builder, node, [0, 3])?;
    // Short runs are not worth a task each.
    let threads = Threads::new(&builder.workers.if_worth(pair.broadcast.is_one_run()), 0);
    let kernel = plan(builder.backend, [a, b, to], clamp(node, &to)?, threads, pair.broadcast);
    let output = builder.define(node.required_output(0)?, pair.layout)?;
    builder.push(node, inputs, vec![output], kernel.map_err(|error| failed(node, &error))?);
    Ok(true)
}

pub(crate) fn quantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let is_float = builder.type_of(node.required_input(0)?)?.data_type == DataType::F32;
    let Some(to) = output(builder, node, 1)?.filter(|_| is_float) else { return Ok(false) };
    let (plan, threads) = (Quantize::new(builder.backend, to), Threads::new(builder.workers, 0));
    let kernel = by_byte!(O, to.element(), {
        planned("quantize", threads, move |context, threads| {
            threads.run(plan.call(context.input(0)?, context.output::<O>(0)?)?);
            Ok(())
        })
    });
    builder.push_elementwise(node, kernel)
}

pub(crate) fn dequantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some(from) = input(builder, node, 0)? else { return Ok(false) };
    let (plan, threads) = (Dequantize::new(builder.backend, from), Threads::new(builder.workers, 0));
    let kernel = by_byte!(I, from.element(), {
        planned("dequantize", threads, move |context, threads| {
            threads.run(plan.call(context.input::<I>(0)?, context.output(0)?)?);
            Ok(())
        })
    });
    builder.push_elementwise(node, kernel)
}

/// A function of one byte, as a table.
pub(crate) fn table(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let bytes: Option<Vec<u8>> = match builder.constant_input(node, 1).map(crate::Tensor::data) {
        Some(TensorData::U8(table)) => Some(table.clone()),
        Some(TensorData::I8(table)) => Some(table.iter().map(|&byte| byte as u8).collect()),
        _ => None,
    };
    let Some(bytes) = bytes.and_then(|bytes| <[u8; 256]>::try_from(bytes).ok()) else { return Ok(false) };
    by_table(builder, node, bytes)
}

/// A `Clip` of bytes with constant bounds, as a table.
pub(crate) fn clip(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some((low, high)) = clip::byte_bounds(node, &|name| builder.constant(name)) else { return Ok(false) };
    let is_signed = builder.type_of(node.required_input(0)?)?.data_type == DataType::I8;
    // The upper bound wins, as in the operator.
    let clipped = |byte: u8| {
        let value = if is_signed { i32::from(byte.cast_signed()) } else { byte.into() };
        value.max(low).min(high) as u8
    };
    by_table(builder, node, std::array::from_fn(|byte| clipped(byte as u8)))
}

/// A function of one byte by its results.
fn by_table(builder: &mut Builder<'_>, node: &Node, bytes: [u8; 256]) -> Result<bool, Error> {
    let from = element_type(builder.type_of(node.required_input(0)?)?.data_type);
    let to = element_type(builder.type_of(node.required_output(0)?)?.data_type);
    let (Some(from), Some(to)) = (from, to) else { return Ok(false) };
    let plan =
        LookupTable::from_bytes(builder.backend, from, to, bytes).map_err(|error| failed(node, &error))?;
    let threads = Threads::new(builder.workers, 0);
    let kernel = by_bytes!([I, O], [from, to], {
        planned_as(StepKind::Table, "table of 256 bytes", threads, move |context, threads| {
            threads.run(plan.call(context.input::<I>(0)?, context.output::<O>(0)?)?);
            Ok(())
        })
    });
    builder.push_elementwise(node, kernel)
}
