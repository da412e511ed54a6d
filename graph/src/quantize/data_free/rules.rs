//! Which rule an operator has.

use super::channels::Channels;
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use super::{arithmetic, elementwise, moves, norms, pools, products};
use crate::ops::Operator;
use crate::ops::eight_bit::EightBit;
use crate::ops::shared::indexing::axis_of;
use crate::ops::{
    add, average_pool, batch_normalization, concat, conv, div, flatten, gemm, global_average_pool,
    instance_normalization, layer_normalization, matmul, max_pool, mul, pad, reduce_mean, reshape, softmax,
    split, squeeze, sub, sum, transpose, unsqueeze,
};
use crate::{Node, escaped};

type Rule = fn(&Context<'_>, &Node) -> Result<Channels, Reason>;

/// Operators with a rule of their own.
static RULES: [(&Operator, Rule); 22] = [
    (&add::OP, arithmetic::sum),
    (&average_pool::OP, pools::average),
    (&batch_normalization::OP, batch_normalization),
    (&concat::OP, moves::joined),
    (&conv::OP, products::conv),
    (&div::OP, arithmetic::quotient),
    (&flatten::OP, moves::reshaped),
    (&gemm::OP, products::gemm),
    (&global_average_pool::OP, pools::global_average),
    (&instance_normalization::OP, |context, node| norms::normalization(context, node, 1)),
    (&layer_normalization::OP, layer_normalization),
    (&matmul::OP, products::gemm),
    (&max_pool::OP, pools::largest),
    (&mul::OP, arithmetic::product),
    (&pad::OP, moves::padded),
    (&reduce_mean::OP, pools::reduced),
    (&reshape::OP, moves::reshaped),
    (&softmax::OP, softmax),
    (&squeeze::OP, moves::reshaped),
    (&sub::OP, arithmetic::difference),
    (&transpose::OP, moves::transposed),
    (&unsqueeze::OP, moves::reshaped),
];

/// The channels of the outputs of `node`, of its first ones.
pub(super) fn outputs(context: &Context<'_>, node: &Node) -> Result<Vec<Channels>, Reason> {
    let Some(operator) = node.operator() else { return Err(no_rule(node)) };
    if node.is(&split::OP) {
        return moves::split(context, node);
    }
    let own = RULES.iter().find(|(known, _)| std::ptr::eq(*known, operator)).map(|(_, rule)| *rule);
    let rule: Rule = match (own, operator.eight_bit) {
        (Some(rule), _) => rule,
        (None, EightBit::Move(_)) => moves::moved,
        (None, _) if operator.elementwise => elementwise::elementwise,
        (None, _) if node.is(&sum::OP) => arithmetic::sum,
        (None, _) => return Err(no_rule(node)),
    };
    Ok(vec![rule(context, node)?])
}

fn no_rule(node: &Node) -> Reason {
    Reason::new(format!("what {} gives cannot be foretold", escaped(node.op.as_str())))
}

fn batch_normalization(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    if node.flag("training_mode", false)? {
        return Err(Reason::new("it normalizes by the batch itself"));
    }
    norms::normalization(context, node, 1)
}

/// The scale and the shift lie along the last axis, the only normalized one of most networks.
fn layer_normalization(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let rank = context.shape(node.required_output(0)?)?.len();
    if axis_of(node, node.int("axis", -1)?, rank)? + 1 != rank {
        return Err(Reason::new("it normalizes several axes"));
    }
    norms::normalization(context, node, rank - 1)
}

/// Numbers from 0 to 1 whose sum is 1: the largest deviation that they can have.
fn softmax(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let shape = context.shape(node.required_output(0)?)?;
    let axis = axis_of(node, node.int("axis", -1)?, shape.len())?;
    let mean = 1.0 / shape.get(axis).copied().unwrap_or(1).max(1) as f64;
    let deviation = (mean * (1.0 - mean)).sqrt();
    Ok(Channels::alike(Moments { mean, deviation, low: 0.0, high: 1.0 }))
}
