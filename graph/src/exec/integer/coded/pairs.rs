//! Sums and products of two tensors of bytes, of which the second may repeat along the first.

use super::chain;
use super::requantized::Requantized;
use super::{has_outputs, push, push_as, range, step, store, worth};
use crate::exec::builder::Builder;
use crate::exec::integer::element_type;
use crate::exec::step::StepContext;
use crate::exec::workers::Workers;
use crate::ops::shared::byte_pair::{BytePair, Kind, Side};
use crate::{DataType, Error, Node};

pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node, kind: Kind) -> Result<bool, Error> {
    let (x, y) = (builder.type_of(node.required_input(0)?)?, builder.type_of(node.required_input(1)?)?);
    let data_type = x.data_type;
    if data_type != y.data_type || element_type(data_type).is_none() || !has_outputs(node, 3) {
        return Ok(false);
    }
    let [len, row] = [x, y].map(|of| of.shape.iter().product::<usize>());
    if !repeats_along(&y.shape, &x.shape) || len == 0 {
        return Ok(false);
    }
    // The memory of a run is a copy of that of the step.
    let bytes = (row as u64).saturating_mul(size_of::<i32>() as u64);
    builder.count_constants(bytes)?;
    builder.take_scratch(bytes)?;
    let right = vec![0; row];
    let sides = move |context: &StepContext<'_>| -> Result<BytePair, Error> {
        let side = |min, len| Ok(Side { range: range(context, min, min + 1)?, is_single: len == 1 });
        let pair = kind(data_type, side(2, len)?, side(4, row)?);
        pair.ok_or_else(|| context.error(format!("bytes of type {data_type} are not supported")))
    };
    if let Some(chain) = chain::find(builder, node).filter(|_| data_type == DataType::U8) {
        let parts = builder.workers.parts();
        let bytes = Requantized::bytes([len, row], parts);
        builder.count_constants(bytes)?;
        builder.take_scratch(bytes)?;
        let requantized = Requantized::new(builder.backend, [len, row], parts, chain.clamp);
        let (what, memory) = ("function of two bytes, requantized", (right, requantized));
        let kernel = step(builder, what, memory, move |context, workers, (right, requantized)| {
            let pair = sides(context)?;
            fill(&pair, context.input(1)?, right, |byte: u8| byte);
            let x = context.input(0)?;
            let to = requantized.run(x, &pair, right, context.output(0)?, workers);
            store(context, 1, to)
        });
        chain.nodes.iter().for_each(|&index| builder.fuse(index));
        return push_as(builder, node, &chain.last.outputs, kernel);
    }
    let kernel = step(builder, "function of two bytes", right, move |context, workers, right| {
        let pair = sides(context)?;
        if data_type == DataType::U8 {
            run(context, workers, &pair, right, |byte: u8| byte)?;
        } else {
            run(context, workers, &pair, right, |byte: i8| byte as u8)?;
        }
        store(context, 1, pair.range)
    });
    push(builder, node, kernel)
}

/// Writes the function of the second bytes.
fn fill<T: Copy>(pair: &BytePair, y: &[T], right: &mut [i32], bits: fn(T) -> u8) {
    for (right, &byte) in right.iter_mut().zip(y) {
        *right = pair.right[usize::from(bits(byte))];
    }
}

/// Whether a tensor of shape `part`, repeated whole, is one of shape `whole`.
fn repeats_along(part: &[usize], whole: &[usize]) -> bool {
    let ones = part.iter().take_while(|&&size| size == 1).count();
    whole.ends_with(&part[ones..]) && part.len() <= whole.len()
}

fn run<T: crate::Element + Sync>(
    context: &mut StepContext<'_>,
    workers: &Workers,
    pair: &BytePair,
    right: &mut [i32],
    bits: fn(T) -> u8,
) -> Result<(), Error> {
    let (x, y) = (context.input::<T>(0)?, context.input::<T>(1)?);
    fill(pair, y, right, bits);
    let (row, right) = (right.len(), &*right);
    worth(workers, x.len()).by_rows(context.output::<i32>(0)?, row, |first, part| {
        for (row_of_x, out) in x.chunks(row).skip(first).zip(part.chunks_mut(row)) {
            for ((&byte, &right), out) in row_of_x.iter().zip(right).zip(out) {
                *out = pair.join(pair.left[usize::from(bits(byte))], right);
            }
        }
    });
    Ok(())
}
