//! `sort_by_execution_order`: inputs come before the nodes that read them.

use super::context::Context;
use super::shared::order::execution_order;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "sort_by_execution_order",
    parameters: &[],
    summary: "puts nodes behind their inputs",
    run,
};

fn run(mut nodes: Vec<NodeDef>, _: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let (order, result) = execution_order(&nodes);
    result?;
    Ok(order.into_iter().map(|index| std::mem::take(&mut nodes[index])).collect())
}
