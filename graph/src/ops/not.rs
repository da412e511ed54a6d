//! `Not`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Booleans(&[2, 5])], &[])],
    elementwise: true,
    ..Operator::new("Not", "the opposite of a boolean", unary::same, |args| {
        unary::map(args.tensor(0)?, args.values::<bool>(0)?, |x| !x)
    })
};
