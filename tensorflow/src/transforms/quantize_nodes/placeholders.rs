//! With `input_min` and `input_max`, the graph's placeholders of floats take codes.

use std::collections::HashSet;

use super::operators::CODES;
use super::rewrite::{dequantize, float_constant};
use crate::node::{constant, type_of};
use crate::proto::{DataType, NodeDef, Value};
use crate::transforms::TransformError;
use crate::transforms::context::Context;
use crate::transforms::shared::rename::Renames;

pub(super) fn quantize(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let Some((min, max)) = context.range("input_min", "input_max")? else { return Ok(nodes) };
    let mut renames = Renames::default();
    let mut converting = HashSet::new();
    let mut result = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        if node.op != "Placeholder" || type_of(&node, "dtype") != Some(DataType::Float as i32) {
            result.push(node);
            continue;
        }
        let [min_name, max_name, output] =
            ["min", "max", "dequantize"].map(|part| format!("{}_eightbit/{part}", node.name));
        let inputs = [node.name.clone(), min_name.clone(), max_name.clone()];
        renames.add(&node.name, &output);
        converting.insert(output.clone());
        if let Some(data_type) = node.attr.get_mut("dtype") {
            data_type.value = Some(Value::Type(CODES as i32));
        }
        result.push(node);
        result.push(constant(min_name, float_constant(min)));
        result.push(constant(max_name, float_constant(max)));
        result.push(dequantize(&output, inputs));
    }
    renames.apply(&mut result, &converting)?;
    Ok(result)
}
