//! `LayerNormalization`. Outputs: the results, the means, and the inverse deviations.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::domains::MICROSOFT;
use super::shared::layer_normalization::Layer;
use super::shared::normalization::Kind;

const LAYER: Layer = Layer { kind: Kind::Centered, scale: 1, bias: Some(2), epsilon: 1e-5 };

pub(crate) static OP: Operator = Operator {
    domains: &["", MICROSOFT],
    since: 17,
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[4]), Input::Weights(&[4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[3, 4])], &[("axis", Value::Int(1))])
            .outputs(3),
    ],
    lower: |builder, node| LAYER.lower(builder, node),
    ..Operator::new(
        "LayerNormalization",
        "scale · (x − mean) / √(variance + epsilon) + bias over the last axes",
        |inputs| Ok(LAYER.infer(inputs)?.to_vec()),
        |args| Ok(LAYER.evaluate(args, args.tensor(0)?)?.to_vec()),
    )
};
