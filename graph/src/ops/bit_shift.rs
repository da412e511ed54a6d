//! `BitShift`: a shift by all bits of the type, or more, leaves 0. The standard defines it for unsigned integers alone.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::bits::{Bits, by_integer};
use super::shared::zipped::{self, zipped};
use crate::{DataType, Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Bytes(&[2, 5]), Input::Byte(3)], &[("direction", Value::Text("LEFT"))]),
        Example::new(&[Input::Bytes(&[2, 5]), Input::Byte(9)], &[("direction", Value::Text("RIGHT"))]),
    ],
    ..Operator::new(
        "BitShift",
        "the bits of an integer, shifted",
        |inputs| zipped::infer(inputs, inputs.get(0)?.data_type),
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn shifted<T: Bits>(args: &Arguments<'_>, a: &[T]) -> Result<Vec<Tensor>, Error> {
        let left = match args.node().string("direction", "")? {
            "LEFT" => true,
            "RIGHT" => false,
            _ => return Err(Error::attribute(args.node(), "direction", "is neither LEFT nor RIGHT")),
        };
        let shift = |a: T, b: T| {
            let by = u32::try_from(b.bits()).ok().filter(|&by| by < T::COUNT);
            let shifted = by.map_or(0, |by| if left { a.bits() << by } else { a.bits() >> by });
            T::of_bits(shifted)
        };
        Ok(vec![zipped(args, args.tensor(0)?, a, args.tensor(1)?, shift)?])
    }
    let x = args.tensor(0)?;
    if [DataType::I8, DataType::I16, DataType::I32, DataType::I64].contains(&x.data_type()) {
        return Err(args.wrong_type(x.data_type()));
    }
    by_integer!(args, x, shifted)
}
