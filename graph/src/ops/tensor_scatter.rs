//! `TensorScatter`: writes a sequence into a cache of sequences, from an index on that each entry of the batch has.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::unary;
use crate::{Element, Error, Tensor, quoted};

pub(crate) static OP: Operator = Operator {
    since: 24,
    examples: &[
        Example::new(&[Input::Floats(&[2, 5, 3]), Input::Floats(&[2, 2, 3]), Input::Integers(&[1, 3])], &[]),
        Example::new(
            &[Input::Floats(&[2, 4, 1]), Input::Floats(&[2, 3, 1]), Input::Integers(&[1, 3])],
            &[("mode", Value::Text("circular")), ("axis", Value::Int(1))],
        ),
    ],
    ..Operator::new("TensorScatter", "a cache with a sequence written into it", unary::same, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn written<T: Element>(args: &Arguments<'_>, cache: &[T]) -> Result<Vec<Tensor>, Error> {
        let (shape, update) = (args.tensor(0)?.shape(), args.tensor(1)?);
        let axis = args.axis(args.node().int("axis", -2)?, shape.len())?;
        let Some(&longest) = shape.get(axis).filter(|_| axis > 0) else {
            return Err(Error::attribute(args.node(), "axis", "is the axis of the batch"));
        };
        let fits = update.rank() == shape.len()
            && (0..shape.len()).all(|i| {
                if i == axis { update.shape()[i] <= longest } else { update.shape()[i] == shape[i] }
            });
        if !fits {
            return Err(
                args.error(format!("an update of shape {:?} for a cache of {shape:?}", update.shape()))
            );
        }
        let circular = match args.node().string("mode", "linear")? {
            "linear" => false,
            "circular" => true,
            other => {
                return Err(Error::attribute(args.node(), "mode", format!("{} is unknown", quoted(other))));
            }
        };
        let length = update.shape()[axis];
        let starts = starts(args, shape[0], longest, if circular { 0 } else { length })?;
        let inner: usize = shape[axis + 1..].iter().product();
        let lines: usize = shape[1..axis].iter().product();
        let mut result = cache.to_vec();
        let steps = update.values::<T>()?.chunks_exact(inner.max(1));
        for (index, step) in steps.enumerate() {
            let (line, at) = (index / length, index % length);
            let to = (line * longest + (starts[line / lines] + at) % longest) * inner;
            result[to..to + inner].copy_from_slice(step);
        }
        Ok(vec![Tensor::new(shape, T::wrap(result))?])
    }
    by_element!(args, args.tensor(0)?, written)
}

/// Where the update of each entry of the batch begins: so that `length` steps fit into the `longest`.
fn starts(args: &Arguments<'_>, batch: usize, longest: usize, length: usize) -> Result<Vec<usize>, Error> {
    let Some(indices) = args.optional(2) else { return Ok(vec![0; batch]) };
    let start = |&index: &i64| usize::try_from(index).ok().filter(|&start| start <= longest - length);
    let starts: Option<Vec<usize>> = indices.as_i64()?.iter().map(start).collect();
    starts
        .filter(|starts| starts.len() == batch)
        .ok_or_else(|| args.error(format!("input 2 are not {batch} indices at which the update fits")))
}
