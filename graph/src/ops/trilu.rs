//! `Trilu`: each matrix with zeros below its `k`-th diagonal (`upper`, the default) or above it.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::inputs::Inputs;
use super::shared::unary::same;
use crate::{Element, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 14,
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
        Example::new(&[Input::Bytes(&[4, 3]), Input::Integers(&[-1])], &[("upper", Value::Int(0))]),
    ],
    ..Operator::new(
        "Trilu",
        "the upper or the lower triangle of each matrix, zeros elsewhere",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    if inputs.shape(0)?.len() < 2 {
        return Err(inputs.error(format!("an input of shape {:?} is no matrix", inputs.shape(0)?)));
    }
    same(inputs)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn triangle<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let shape = args.tensor(0)?.shape();
        let &[.., rows, columns] = shape else {
            return Err(args.error(format!("an input of shape {shape:?} is no matrix")));
        };
        let upper = args.node().flag("upper", true)?;
        let diagonal = i128::from(args.optional_scalar::<i64>(1)?.unwrap_or(0));
        let keep = |at: usize| {
            let beyond = (at % columns) as i128 - (at / columns % rows) as i128 - diagonal;
            if upper { beyond >= 0 } else { beyond <= 0 }
        };
        let elements = x.iter().enumerate().map(|(at, &x)| if keep(at) { x } else { T::default() });
        Ok(vec![Tensor::new(shape, T::wrap(elements.collect()))?])
    }
    by_element!(args, args.tensor(0)?, triangle)
}
