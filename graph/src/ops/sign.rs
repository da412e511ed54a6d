//! `Sign`: zeros and NaN are unchanged.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::number::Number;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator { since: 9, ..unary::operator("Sign", "−1, 0 or 1", evaluate) };

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn signs<T: Number>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let zero = T::default();
        unary::map(args.tensor(0)?, x, |x| {
            if x > zero {
                T::of_count(1)
            } else if x < zero {
                zero.sub(T::of_count(1))
            } else {
                x
            }
        })
    }
    by_number!(args, args.tensor(0)?, signs)
}
