//! `RMSNormalization`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::layer_normalization::Layer;
use super::shared::normalization::Kind;

const LAYER: Layer = Layer { kind: Kind::Rms, scale: 1, bias: None, epsilon: 1e-5 };

pub(crate) static OP: Operator = Operator {
    since: 23,
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[3, 4])], &[("axis", Value::Int(1))]),
    ],
    lower: |builder, node| LAYER.lower(builder, node),
    ..Operator::new(
        "RMSNormalization",
        "scale · x / √(mean square + epsilon) over the last axes",
        |inputs| {
            let [y, ..] = LAYER.infer(inputs)?;
            Ok(vec![y])
        },
        |args| {
            let [y, ..] = LAYER.evaluate(args, args.tensor(0)?)?;
            Ok(vec![y])
        },
    )
};
