//! `backport_tensor_array_v3`: tensor arrays of the second version, without an output for the flow.

use super::context::Context;
use super::shared::rename::Renames;
use super::{Transform, TransformError};
use crate::evaluate::Value;
use crate::node::constant;
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "backport_tensor_array_v3",
    parameters: &[],
    summary: "replaces the third version of tensor arrays by the second",
    run,
};

const OTHERS: [&str; 8] = ["Write", "Read", "Gather", "Scatter", "Concat", "Split", "Size", "Close"];

fn run(nodes: Vec<NodeDef>, _: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let mut renames = Renames::default();
    let mut result = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        let Some(kind) = node.op.strip_prefix("TensorArray").and_then(|op| op.strip_suffix("V3")) else {
            result.push(node);
            continue;
        };
        let is_array = matches!(kind, "" | "Grad");
        if is_array || OTHERS.contains(&kind) {
            node.op = format!("TensorArray{kind}V2");
        }
        let flow = is_array.then(|| format!("{}/replacement_flow_node", node.name));
        let output = format!("{}:1", node.name);
        result.push(node);
        if let Some(flow) = flow {
            renames.add(output, flow.clone());
            // Any value: the second version orders its operators by the handle.
            result.push(constant(flow, Value::scalar(1f32).to_content()));
        }
    }
    renames.apply(&mut result, &Default::default())?;
    Ok(result)
}
