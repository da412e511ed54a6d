//! Removes conversions to float and back.

use std::collections::HashSet;

use crate::node::Input;
use crate::proto::NodeDef;
use crate::transforms::TransformError;
use crate::transforms::context::Context;
use crate::transforms::shared::pattern::Pattern;
use crate::transforms::shared::rename::Renames;
use crate::transforms::shared::replace::{Missing, replace};

pub(super) fn cancel(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let pattern = Pattern::with("QuantizeV2", ["Dequantize", "Min", "Max"].map(Pattern::op));
    let required = context.required();
    let mut renames = Renames::default();
    let (mut nodes, _) = replace(&nodes, &pattern, Missing::Accept, context, |found| {
        let (quantize, dequantize) = (found.at(&[]), found.at(&[0]));
        for (port, input) in dequantize.input.iter().filter(|input| !Input::parse(input).is_control).enumerate() {
            renames.add(format!("{}:{port}", quantize.name), input);
        }
        // What others read stays: the float result, and what measures it.
        let is_used = [&[0][..], &[1], &[2]].iter().any(|path| found.is_used_elsewhere(path));
        let is_kept = is_used || required.contains(&dequantize.name);
        Ok(if is_kept { found.original() } else { Vec::new() })
    })?;
    renames.apply(&mut nodes, &HashSet::new())?;
    Ok(nodes)
}
