//! `Mod`: with the sign of the divisor, or with that of the dividend if `fmod` is set. Floats need `fmod`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::{self, Operation};
use super::shared::number::Number;
use crate::{DataType, Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Positive(&[3, 1, 5])],
            &[("fmod", Value::Int(1))],
        ),
        Example::new(&[Input::Integers(&[-7, 7, 8]), Input::Integers(&[3])], &[]),
    ],
    evaluate,
    ..binary::two::<Truncated>("Mod", "the remainder of a / b")
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    if args.node().flag("fmod", false)? {
        return binary::evaluate_two::<Truncated>(args);
    }
    let data_type = args.tensor(0)?.data_type();
    if [DataType::F32, DataType::F64].contains(&data_type) {
        return Err(Error::attribute(args.node(), "fmod", "must be 1 for floats"));
    }
    binary::evaluate_two::<Floored>(args)
}

struct Truncated;

impl Operation for Truncated {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.rem(b)
    }

    fn is_defined<T: Number>(b: &[T]) -> bool {
        binary::divides(b)
    }
}

struct Floored;

impl Operation for Floored {
    fn apply<T: Number>(a: T, b: T) -> T {
        let (zero, rest) = (T::default(), a.rem(b));
        if rest != zero && (rest < zero) != (b < zero) { rest.add(b) } else { rest }
    }

    fn is_defined<T: Number>(b: &[T]) -> bool {
        binary::divides(b)
    }
}
