//! `EyeLike`: a matrix of the input's shape with ones on the `k`-th diagonal and zeros elsewhere.

use super::cast;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use crate::{DataType, Error, Node, Tensor, TensorType, onnx};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(&[Input::Floats(&[3, 4])], &[]),
        Example::new(&[Input::Floats(&[4, 3])], &[("k", Value::Int(-1)), ("dtype", Value::Int(6))]),
    ],
    output_type: |node, inputs| {
        onnx::type_attribute(node, "dtype").ok().flatten().or(inputs.first().copied().flatten())
    },
    from_types: Some(|inputs| {
        let of = of_type(inputs)?;
        inputs.shape(0).and_then(|shape| matrix(inputs.node, shape, of.data_type))
    }),
    ..Operator::new("EyeLike", "ones on a diagonal, zeros elsewhere", infer, evaluate)
};

fn of_type(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    if x.shape.len() != 2 {
        return Err(inputs.error(format!("an input of shape {:?} is no matrix", x.shape)));
    }
    let data_type = onnx::type_attribute(inputs.node, "dtype")?.unwrap_or(x.data_type);
    Ok(TensorType::new(data_type, x.shape.as_slice()))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![of_type(inputs)?])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = args.tensor(0)?;
    args.count(x.shape())?;
    let data_type = onnx::type_attribute(args.node(), "dtype")?.unwrap_or(x.data_type());
    matrix(args.node(), x.shape(), data_type)
}

fn matrix(node: &Node, shape: &[usize], data_type: DataType) -> Result<Vec<Tensor>, Error> {
    let &[rows, columns] = shape else {
        return Err(Error::node(node, format!("an input of shape {shape:?} is no matrix")));
    };
    let diagonal = i128::from(node.int("k", 0)?);
    let mut ones = Tensor::zeros(shape, DataType::U8)?;
    for (row, elements) in ones.values_mut::<u8>()?.chunks_exact_mut(columns.max(1)).take(rows).enumerate() {
        let one = usize::try_from(row as i128 + diagonal).ok().and_then(|column| elements.get_mut(column));
        one.into_iter().for_each(|one| *one = 1);
    }
    Ok(vec![cast::converted(&ones, data_type)?])
}
