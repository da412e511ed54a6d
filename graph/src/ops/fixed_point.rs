//! `FixedPoint`: a float tensor on the grid of a fixed point, again in floats. QONNX's `Quant` neither wraps nor rounds ties in one
//! direction.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::EIGHTBIT;
use super::shared::unary;
use crate::exec::float;
use crate::precision::FixedPoint;
use crate::{Error, Node, Tensor};

pub(crate) static OP: Operator = Operator {
    domains: &[EIGHTBIT],
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("format", Value::Text("ap_fixed<6,2>"))]),
        Example::new(&[Input::Floats(&[7])], &[("format", Value::Text("ap_ufixed<3,1,AP_RND_CONV,AP_SAT>"))]),
    ],
    elementwise: true,
    lower: float::fixed_point::lower,
    ..Operator::new(
        "FixedPoint",
        "x as `ap_fixed<W,I,rounding,overflow>`, which the attribute `format` names",
        unary::same,
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (format, x) = (format(args.node())?, args.tensor(0)?);
    unary::map(x, x.as_f32()?, |x| format.apply(x))
}

/// The format of a node.
pub(crate) fn format(node: &Node) -> Result<FixedPoint, Error> {
    node.string("format", "")?.parse().map_err(|error| Error::node(node, format!("{error}")))
}

/// A node that writes `to`, which is `from` in this format.
pub(crate) fn node(name: &str, from: &str, to: &str, format: &FixedPoint) -> Node {
    Node::of(&OP, name, &[from], &[to]).with("format", format.to_string())
}
