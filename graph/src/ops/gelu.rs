//! `Gelu`, of ONNX and of ONNX Runtime, whose operator has no `approximate`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::MICROSOFT;
use super::shared::{gelu, unary};
use crate::exec::float::curve::{self, Curve};
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    domains: &["", MICROSOFT],
    since: 20,
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[]),
        Example::new(&[Input::Floats(&[7])], &[("approximate", Value::Text("tanh"))]),
    ],
    lower: |builder, node| match node.string("approximate", "none")? {
        "none" => curve::lower(builder, node, Curve::Gelu),
        "tanh" => curve::lower(builder, node, Curve::GeluByTanh),
        _ => Ok(false),
    },
    ..unary::operator("Gelu", "x/2 · (1 + erf(x / √2)), or its approximation by tanh", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    match args.node().string("approximate", "none")? {
        "none" => unary::floats(args, gelu::exact),
        "tanh" => unary::floats(args, gelu::by_tanh),
        _ => Err(Error::attribute(args.node(), "approximate", "is neither none nor tanh")),
    }
}
