//! `SkipSimplifiedLayerNormalization`. Inputs: x, the skipped value, scale, bias of the sum.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::domains::MICROSOFT;
use super::shared::layer_normalization::Layer;
use super::shared::normalization::Kind;
use super::shared::skip_normalization::{evaluate, infer};

const LAYER: Layer = Layer { kind: Kind::Rms, scale: 2, bias: None, epsilon: 1e-12 };
const BIAS: usize = 3;

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[Example::new(
        &[Input::Floats(&[2, 3, 4]), Input::Floats(&[2, 3, 4]), Input::Weights(&[4]), Input::Weights(&[4])],
        &[],
    )
    .outputs(4)],
    ..Operator::new(
        "SkipSimplifiedLayerNormalization",
        "SimplifiedLayerNormalization of the sum of two tensors and a bias",
        |inputs| infer(&LAYER, BIAS, inputs),
        |args| evaluate(&LAYER, BIAS, args),
    )
};
