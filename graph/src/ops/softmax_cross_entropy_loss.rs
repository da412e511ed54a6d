//! `SoftmaxCrossEntropyLoss`. Inputs: scores, labels, weights of classes. Outputs: the loss and the logarithms of the
//! probabilities.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::loss;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 12,
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 3, 2]), Input::IntegersOf(&[2, 2], &[2, 0, 1, 1]), Input::Weights(&[3])],
            &[("reduction", Value::Text("none"))],
        )
        .outputs(2),
        Example::new(
            &[Input::Floats(&[2, 3]), Input::IntegersOf(&[2], &[1, 2])],
            &[("reduction", Value::Text("sum"))],
        ),
    ],
    ..Operator::new(
        "SoftmaxCrossEntropyLoss",
        "the negative logarithm of the right class's Softmax, weighted, summed or averaged",
        |inputs| Ok(vec![loss::infer(inputs)?, inputs.get(0)?.clone()]),
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let shape = args.tensor(0)?.shape();
    let mut logs = doubles(args, 0)?;
    let &[_, classes, ref inner @ ..] = shape else {
        return Err(args.error(format!("scores of shape {shape:?} have no classes")));
    };
    let inner: usize = inner.iter().product();
    for first in (0..logs.len()).filter(|at| (at / inner).is_multiple_of(classes)) {
        let line = || (0..classes).map(|class| first + class * inner);
        let greatest = line().map(|at| logs[at]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = line().map(|at| (logs[at] - greatest).exp()).sum();
        line().for_each(|at| logs[at] -= greatest + sum.ln());
    }
    Ok(vec![loss::evaluate(args, &logs)?, rounded(args, shape, logs)?])
}
