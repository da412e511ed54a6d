//! `LpPool`: the norm of each window; the padding is zeros.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::{norm, pool};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 5, 6])],
            &[("kernel_shape", Value::Ints(&[3, 2])), ("pads", Value::Ints(&[1, 0, 1, 1]))],
        ),
        Example::new(
            &[Input::Floats(&[1, 3, 5])],
            &[("kernel_shape", Value::Ints(&[2])), ("p", Value::Int(3))],
        ),
    ],
    reads: pool::taps,
    ..Operator::new(
        "LpPool",
        "(Σ |x|ᵖ)^(1/p) of each window",
        |inputs| Ok(vec![pool::infer(inputs)?]),
        |args| {
            let power = norm::power(args.node())?;
            pool::windows(args, |_, taps| norm::of(taps, power))
        },
    )
};
