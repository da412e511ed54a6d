//! `TopK`: along an axis, the `k` greatest or least elements in order, and their indices. Of equal elements, the one with the
//! lower index comes first; NaN is the greatest number.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::inputs::Inputs;
use super::shared::lines::Lines;
use super::shared::order::compare;
use super::shared::upgrade::Constants;
use crate::{DataType, Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 5, 3]), Input::Integers(&[2])], &[("axis", Value::Int(1))])
            .outputs(2),
        Example::new(&[Input::Bytes(&[3, 7]), Input::Integers(&[3])], &[("largest", Value::Int(0))])
            .outputs(2),
    ],
    upgrade,
    ..Operator::new(
        "TopK",
        "the greatest or least elements along an axis, and their indices",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let k = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the number of elements, is missing"))?;
    let (_, shape) = shape(inputs.node, &x.shape, k)?;
    Ok(vec![TensorType::new(x.data_type, shape.as_slice()), TensorType::new(DataType::I64, shape)])
}

/// The axis, and the shape of the outputs.
fn shape(node: &Node, from: &[usize], k: &[i64]) -> Result<(usize, Vec<usize>), Error> {
    let axis = super::shared::indexing::axis_of(node, node.int("axis", -1)?, from.len())?;
    let &[k] = k else { return Err(Error::node(node, "input 1 must be a single number")) };
    let fits = usize::try_from(k).ok().filter(|&k| k <= from[axis]);
    let k =
        fits.ok_or_else(|| Error::node(node, format!("{k} of the {} elements of an axis", from[axis])))?;
    let mut shape = from.to_vec();
    shape[axis] = k;
    Ok((axis, shape))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn selected<T: Element + PartialOrd>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let (axis, shape) = shape(args.node(), from, args.values::<i64>(1)?)?;
        let largest = args.node().flag("largest", true)?;
        let (lines, outputs) = (Lines::new(args, from, axis)?, Lines::new(args, &shape, axis)?);
        let count = args.count(&shape)?;
        let (mut values, mut indices) = (vec![T::default(); count], vec![0i64; count]);
        let mut order: Vec<usize> = Vec::with_capacity(lines.size);
        for (first, to) in lines.firsts().zip(outputs.firsts()) {
            if count == 0 {
                break;
            }
            order.clear();
            order.extend(0..lines.size);
            let at = |index: usize| first + index * lines.step;
            let by_rank = |&a: &usize, &b: &usize| {
                let ascending = compare(&x[at(a)], &x[at(b)]);
                if largest { ascending.reverse() } else { ascending }.then(a.cmp(&b))
            };
            if outputs.size < lines.size {
                order.select_nth_unstable_by(outputs.size, by_rank);
            }
            order.truncate(outputs.size);
            order.sort_unstable_by(by_rank);
            for (&index, to) in order.iter().zip(outputs.line(to)) {
                (values[to], indices[to]) = (x[at(index)], index as i64);
            }
        }
        Ok(vec![Tensor::new(shape.as_slice(), T::wrap(values))?, Tensor::new(shape, indices)?])
    }
    by_number!(args, args.tensor(0)?, selected)
}

/// `k` became an input with operator set 10.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 10 {
        let k = node.optional_int("k")?.ok_or_else(|| Error::attribute(&node, "k", "is missing"))?;
        let name = constants.add(&node, "k", Tensor::vector([k]));
        node.inputs.resize(1, String::new());
        node.inputs.push(name);
        node.attributes.remove("k");
    }
    Ok(vec![node])
}
