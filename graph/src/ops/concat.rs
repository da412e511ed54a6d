//! `Concat`.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_concat;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::axis_of;
use super::shared::inputs::Inputs;
use super::shared::qlinear;
use crate::exec::float;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Floats(&[1, 2, 4, 5])],
            &[("axis", Value::Int(1))],
        ),
        Example::new(&[Input::Bytes(&[2, 3]), Input::Bytes(&[2, 4])], &[("axis", Value::Int(-1))]),
    ],
    eight_bit: EightBit::Compute(qlinear::compute(usize::MAX, |node, operands, to| {
        Ok(qlinear::operands(node, operands, to, |scales| scales).map(|parts| {
            let inputs = qlinear::output(to).into_iter().chain(parts).collect();
            qlinear::node(&qlinear_concat::OP, inputs, node)
        }))
    })),
    lower: float::lower::concat,
    ..Operator::new("Concat", "the inputs one after the other along an axis", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let first = inputs.get(0)?;
    let axis = axis(inputs.node, first.shape.len())?;
    let mut shapes = Vec::with_capacity(inputs.len());
    for index in 0..inputs.len() {
        let input = inputs.get(index)?;
        if input.data_type != first.data_type {
            return Err(inputs.error(format!("inputs of types {} and {}", first.data_type, input.data_type)));
        }
        shapes.push(input.shape.as_slice());
    }
    Ok(vec![TensorType::new(first.data_type, joined(inputs.node, &shapes, axis)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn parts<T: Element>(args: &Arguments<'_>, _first: &[T]) -> Result<Vec<Tensor>, Error> {
        let inputs = args.all()?;
        let axis = axis(args.node(), inputs[0].rank())?;
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
        let shape = joined(args.node(), &shapes, axis)?;
        let count = args.count(&shape)?;
        if count == 0 {
            return Ok(vec![Tensor::new(shape, T::wrap(Vec::new()))?]);
        }
        let mut result: Vec<T> = Vec::with_capacity(count);
        let runs = args.count(&shape[..axis])?;
        for run in 0..runs {
            for input in &inputs {
                let len = input.len() / runs;
                result.extend_from_slice(&input.values::<T>()?[run * len..][..len]);
            }
        }
        Ok(vec![Tensor::new(shape, T::wrap(result))?])
    }
    by_element!(args, args.all()?[0], parts)
}

fn axis(node: &Node, rank: usize) -> Result<usize, Error> {
    let axis = node.optional_int("axis")?.ok_or_else(|| Error::attribute(node, "axis", "is missing"))?;
    axis_of(node, axis, rank)
}

/// The shape of tensors of `shapes` joined along `axis`.
pub(crate) fn joined(node: &Node, shapes: &[&[usize]], axis: usize) -> Result<Vec<usize>, Error> {
    let mut shape = shapes.first().ok_or_else(|| Error::node(node, "has no inputs"))?.to_vec();
    for (index, next) in shapes.iter().enumerate().skip(1) {
        let fits = next.len() == shape.len()
            && next.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
        if !fits {
            return Err(Error::node(
                node,
                format!("part {index} of shape {next:?} does not follow {:?} along axis {axis}", shapes[0]),
            ));
        }
        shape[axis] = shape[axis].checked_add(next[axis]).ok_or_else(|| Error::node(node, "too large"))?;
    }
    Ok(shape)
}
