//! `LookupTable`: `y = table[x as u8]`; the table has 256 elements.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::EIGHTBIT;
use super::shared::inputs::Inputs;
use crate::exec::integer;
use crate::{Error, Tensor, TensorData, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[EIGHTBIT],
    examples: &[Example::new(&[Input::Bytes(&[1, 3, 4, 5]), Input::Table], &[])],
    eight_bit: EightBit::Bytes,
    lower: integer::elementwise::table,
    output_type: |_, inputs| inputs.get(1).copied().flatten(),
    ..Operator::new("LookupTable", "a function of one byte, by its 256 results", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(inputs.get(1)?.data_type, inputs.shape(0)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (x, table) = (args.tensor(0)?, args.tensor(1)?);
    if table.len() != 256 {
        return Err(args.error(format!("a table of {} elements, 256 are needed", table.len())));
    }
    let index: Vec<usize> = match x.data() {
        TensorData::U8(x) => x.iter().map(|&x| x.into()).collect(),
        TensorData::I8(x) => x.iter().map(|&x| (x as u8).into()).collect(),
        other => return Err(args.wrong_type(other.data_type())),
    };
    let data = match table.data() {
        TensorData::U8(table) => TensorData::U8(index.iter().map(|&at| table[at]).collect()),
        TensorData::I8(table) => TensorData::I8(index.iter().map(|&at| table[at]).collect()),
        other => return Err(args.wrong_type(other.data_type())),
    };
    Ok(vec![Tensor::new(x.shape(), data)?])
}
