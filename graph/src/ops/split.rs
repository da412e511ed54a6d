//! `Split`: parts of the input along an axis, of the sizes in input 1, or of equal ones.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::axis_of;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 5, 2, 3]), Input::Integers(&[2, 3])], &[("axis", Value::Int(1))])
            .outputs(2),
        Example::new(&[Input::Floats(&[6, 2])], &[]).outputs(3),
        // The last part is smaller.
        Example::new(&[Input::Bytes(&[7])], &[("num_outputs", Value::Int(3))]).outputs(3),
    ],
    eight_bit: EightBit::MOVE_TO_ALL,
    upgrade,
    ..Operator::new("Split", "parts of the input along an axis", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let axis = axis_of(inputs.node, inputs.node.int("axis", 0)?, x.shape.len())?;
    let sizes = sizes(inputs.node, x.shape[axis], inputs.integers(1)?)?;
    let part = |size| {
        let mut shape = x.shape.clone();
        shape[axis] = size;
        TensorType::new(x.data_type, shape)
    };
    Ok(sizes.into_iter().map(part).collect())
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn parts<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let axis = axis_of(args.node(), args.node().int("axis", 0)?, from.len())?;
        let wanted = args.optional(1).map(Tensor::as_i64).transpose()?;
        let inner = args.count(&from[axis + 1..])?;
        let mut first = 0;
        let mut parts = Vec::new();
        for size in sizes(args.node(), from[axis], wanted)? {
            let mut shape = from.to_vec();
            shape[axis] = size;
            let count = args.count(&shape)?;
            let mut part = Vec::with_capacity(count);
            for run in x.chunks_exact((from[axis] * inner).max(1)) {
                part.extend_from_slice(&run[first * inner..][..size * inner]);
            }
            parts.push(Tensor::new(shape, T::wrap(part))?);
            first += size;
        }
        Ok(parts)
    }
    by_element!(args, args.tensor(0)?, parts)
}

/// The sizes of the parts of an axis of size `whole`: the sizes `wanted`, whose sum must be `whole`; otherwise equal sizes, one
/// per output, of which the last may be smaller if operator set 18's `num_outputs` is present.
fn sizes(node: &Node, whole: usize, wanted: Option<&[i64]>) -> Result<Vec<usize>, Error> {
    if let Some(wanted) = wanted {
        let sizes: Option<Vec<usize>> = wanted.iter().map(|&size| usize::try_from(size).ok()).collect();
        let total = sizes.iter().flatten().try_fold(0usize, |sum, &size| sum.checked_add(size));
        return match sizes {
            Some(sizes) if total == Some(whole) && sizes.len() == node.outputs.len() => Ok(sizes),
            _ => Err(Error::node(
                node,
                format!("parts {wanted:?} of an axis of {whole} for {} outputs", node.outputs.len()),
            )),
        };
    }
    let count = node.outputs.len();
    let named = node.optional_int("num_outputs")?;
    if count == 0 {
        return Err(Error::node(node, "has no outputs"));
    }
    if let Some(named) = named.filter(|&named| usize::try_from(named) != Ok(count)) {
        let reason = format!("is {named}, the node has {count} outputs");
        return Err(Error::attribute(node, "num_outputs", reason));
    }
    if named.is_none() && !whole.is_multiple_of(count) {
        return Err(Error::node(node, format!("an axis of {whole} has no {count} equal parts")));
    }
    let size = whole.div_ceil(count);
    match whole.checked_sub(size * (count - 1)) {
        Some(last) => Ok((1..count).map(|_| size).chain([last]).collect()),
        None => Err(Error::node(node, format!("an axis of {whole} has no {count} parts of {size}"))),
    }
}

/// `split` became an input with operator set 13.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 13 {
        constants.ints_to_input(&mut node, "split", 1)?;
    }
    Ok(vec![node])
}
