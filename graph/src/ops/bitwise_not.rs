//! `BitwiseNot`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::bits::{Bits, by_integer};
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 18,
    examples: &[Example::new(&[Input::Bytes(&[2, 5])], &[])],
    elementwise: true,
    ..Operator::new("BitwiseNot", "the bits that an integer does not have", unary::same, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn inverse<T: Bits>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        unary::map(args.tensor(0)?, x, |x| T::of_bits(!x.bits()))
    }
    by_integer!(args, args.tensor(0)?, inverse)
}
