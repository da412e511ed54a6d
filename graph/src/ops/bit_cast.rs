//! `BitCast`: the bits of the elements as those of another type of the same size.

use super::cast;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::bits::Bits;
use super::shared::inputs::Inputs;
use crate::exec::by_type::by_type;
use crate::tensor::with_elements;
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 26,
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("to", Value::Int(6))]),
        Example::new(&[Input::Bytes(&[7])], &[("to", Value::Int(3))]),
    ],
    elementwise: true,
    output_type: |node, _| cast::to(node).ok(),
    ..Operator::new("BitCast", "the bits of the elements as another type", infer, evaluate)
};

/// The type `to`, which has the size of `from`.
fn to(node: &Node, from: DataType) -> Result<DataType, Error> {
    let to = cast::to(node)?;
    if to.size() == from.size() {
        return Ok(to);
    }
    Err(Error::attribute(node, "to", format!("{to} has another size than {from}")))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    Ok(vec![TensorType::new(to(inputs.node, x.data_type)?, x.shape.as_slice())])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn of_bits<T: Bits>(shape: &[usize], bits: &[u64]) -> Result<Tensor, Error> {
        Tensor::new(shape, T::wrap(bits.iter().map(|&bits| T::of_bits(bits)).collect()))
    }
    let x = args.tensor(0)?;
    let to = to(args.node(), x.data_type())?;
    let bits: Vec<u64> = with_elements!(x.data(), x => x.iter().map(|&x| x.bits()).collect());
    Ok(vec![by_type!(to, of_bits(x.shape(), &bits))?])
}
