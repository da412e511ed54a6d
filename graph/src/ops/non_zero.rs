//! `NonZero`: the indices of the elements that are not zero, a row for each axis.

use super::cast;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::data_dependent;
use super::shared::indexing::for_each_index;
use crate::{DataType, Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(&[Input::Integers(&[0, 3, 0, -1])], &[]),
        Example::new(&[Input::Weights(&[2, 3])], &[]),
    ],
    output_type: |_, _| Some(DataType::I64),
    sizes_from: &[0],
    ..Operator::new(
        "NonZero",
        "the indices of the elements that are not zero",
        |inputs| data_dependent::infer(inputs, evaluate),
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = args.tensor(0)?;
    let set = cast::converted(x, DataType::Bool)?;
    let set = set.as_bool()?;
    let found = set.iter().filter(|set| **set).count();
    let shape = [x.rank(), found];
    let mut indices = vec![0i64; args.count(&shape)?];
    let (mut elements, mut column) = (set.iter(), 0);
    for_each_index(x.shape(), |index| {
        if elements.next() == Some(&true) {
            for (row, &at) in index.iter().enumerate() {
                indices[row * found + column] = at as i64;
            }
            column += 1;
        }
    });
    Ok(vec![Tensor::new(shape, indices)?])
}
