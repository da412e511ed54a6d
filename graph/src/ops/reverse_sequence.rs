//! `ReverseSequence`: the first elements along `time_axis` in reverse order, as many as the second input says for each index along
//! `batch_axis`.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::{for_each_index, strides};
use super::shared::inputs::Inputs;
use super::shared::unary::same;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(&[Input::Floats(&[4, 3, 2]), Input::Integers(&[4, 1, 3])], &[]),
        Example::new(
            &[Input::Bytes(&[2, 5]), Input::Integers(&[0, 4])],
            &[("batch_axis", Value::Int(0)), ("time_axis", Value::Int(1))],
        ),
    ],
    eight_bit: EightBit::MOVE,
    ..Operator::new("ReverseSequence", "beginnings of sequences in reverse order", infer, evaluate)
};

/// The axes of the batch and of the time.
fn axes(node: &Node, shape: &[usize], lengths: &[usize]) -> Result<[usize; 2], Error> {
    let axis = |name: &str, default: i64| {
        let axis =
            usize::try_from(node.int(name, default)?).ok().filter(|&axis| axis < 2 && axis < shape.len());
        axis.ok_or_else(|| Error::attribute(node, name, "must be 0 or 1, and an axis of the input"))
    };
    let (batch, time) = (axis("batch_axis", 1)?, axis("time_axis", 0)?);
    if batch == time || lengths != [shape[batch]] {
        let reason = format!("lengths of shape {lengths:?} along axis {batch} for axis {time} of {shape:?}");
        return Err(Error::node(node, reason));
    }
    Ok([batch, time])
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    axes(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    same(inputs)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn reversed<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let shape = args.tensor(0)?.shape();
        let [batch, time] = axes(args.node(), shape, args.tensor(1)?.shape())?;
        let lengths = args.integers(1)?.into_iter().map(|length| {
            let length = usize::try_from(length).ok().filter(|&length| length <= shape[time]);
            length.ok_or_else(|| args.error(format!("a length that is not within {}", shape[time])))
        });
        let lengths: Vec<usize> = lengths.collect::<Result<_, _>>()?;
        let step = strides(shape)[time];
        let mut y = Vec::with_capacity(x.len());
        for_each_index(shape, |index| {
            let (at, length) = (index[time], lengths[index[batch]]);
            let source = if at < length { length - 1 - at } else { at };
            y.push(x[y.len() - at * step + source * step]);
        });
        Ok(vec![Tensor::new(shape, T::wrap(y))?])
    }
    by_element!(args, args.tensor(0)?, reversed)
}
