//! `NegativeLogLikelihoodLoss`. Inputs: the logarithms of probabilities, labels, weights of classes.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::doubles::doubles;
use super::shared::loss;

pub(crate) static OP: Operator = Operator {
    since: 12,
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 3, 2]), Input::IntegersOf(&[2, 2], &[2, 0, 1, 1]), Input::Weights(&[3])],
            &[("reduction", Value::Text("none"))],
        ),
        Example::new(
            &[Input::Floats(&[2, 3]), Input::IntegersOf(&[2], &[-1, 2])],
            &[("ignore_index", Value::Int(-1))],
        ),
    ],
    ..Operator::new(
        "NegativeLogLikelihoodLoss",
        "the negative of the right class's input, weighted, summed or averaged",
        |inputs| Ok(vec![loss::infer(inputs)?]),
        |args| Ok(vec![loss::evaluate(args, &doubles(args, 0)?)?]),
    )
};
