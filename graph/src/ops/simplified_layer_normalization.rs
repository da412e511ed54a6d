//! `SimplifiedLayerNormalization` of ONNX Runtime, which its files also have in ONNX's own domain. Outputs: the results and the
//! inverse root mean squares.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::domains::MICROSOFT;
use super::shared::layer_normalization::Layer;
use super::shared::normalization::Kind;

const LAYER: Layer = Layer { kind: Kind::Rms, scale: 1, bias: None, epsilon: 1e-5 };

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT, ""],
    examples: &[Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[4])], &[]).outputs(2)],
    lower: |builder, node| LAYER.lower(builder, node),
    ..Operator::new(
        "SimplifiedLayerNormalization",
        "scale · x / √(mean square + epsilon) over the last axes",
        |inputs| {
            let [y, _, inverse] = LAYER.infer(inputs)?;
            Ok(vec![y, inverse])
        },
        |args| {
            let [y, _, inverse] = LAYER.evaluate(args, args.tensor(0)?)?;
            Ok(vec![y, inverse])
        },
    )
};
