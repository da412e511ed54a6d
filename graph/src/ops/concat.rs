//! `Concat`.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_concat;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use super::shared::{concat, qlinear};
use crate::exec::float;
use crate::{Error, Node, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Floats(&[1, 2, 4, 5])],
            &[("axis", Value::Int(1))],
        ),
        Example::new(&[Input::Bytes(&[2, 3]), Input::Bytes(&[2, 4])], &[("axis", Value::Int(-1))]),
    ],
    eight_bit: EightBit::Compute(qlinear::compute(usize::MAX, |node, operands, to| {
        Ok(qlinear::operands(node, operands, to, |scales| scales).map(|parts| {
            let inputs = qlinear::output(to).into_iter().chain(parts).collect();
            qlinear::node(&qlinear_concat::OP, inputs, node)
        }))
    })),
    lower: float::lower::concat,
    upgrade,
    ..Operator::new("Concat", "the inputs one after the other along an axis", infer, concat::evaluate)
};

/// The axis has no default since operator set 4.
fn upgrade(node: Node, version: i64, _: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let is_bare = version < 4 && !node.attributes.contains_key("axis");
    Ok(vec![if is_bare { node.with("axis", 1i64) } else { node }])
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let first = inputs.get(0)?;
    let axis = concat::axis(inputs.node, first.shape.len())?;
    let mut shapes = Vec::with_capacity(inputs.len());
    for index in 0..inputs.len() {
        let input = inputs.get(index)?;
        if input.data_type != first.data_type {
            return Err(inputs.error(format!("inputs of types {} and {}", first.data_type, input.data_type)));
        }
        shapes.push(input.shape.as_slice());
    }
    Ok(vec![TensorType::new(first.data_type, concat::joined(inputs.node, &shapes, axis)?)])
}
