//! `FakeQuantWithMinMaxVars` gives a range from training: it takes the place of ranges that are measured in each run.

use super::operators::{CODES, SUMS};
use super::rewrite::{conversion, dequantize, ports};
use crate::node::Builder;
use crate::proto::NodeDef;
use crate::transforms::TransformError;
use crate::transforms::context::Context;
use crate::transforms::shared::pattern::Pattern;
use crate::transforms::shared::replace::{Missing, replace};

const FAKE_QUANT: &str = "FakeQuantWithMinMaxVars";

/// The longest chain of operators with one input that a range is moved over.
const MAX_DEPTH: usize = 3;

/// Moves ranges up over chains of operators that leave them as they are, to the operator whose sums need one.
pub(super) fn hoist(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    for depth in (1..=MAX_DEPTH).rev() {
        let chain = (0..depth).fold(Pattern::any(), |chain, _| Pattern::with("*", [chain]));
        let pattern = Pattern::with(FAKE_QUANT, [chain, Pattern::op("Const"), Pattern::op("Const")]);
        (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
            let fake_quant = found.at(&[]);
            let mut chain: Vec<NodeDef> = (1..=depth + 1).map(|length| found.at(&vec![0; length]).clone()).collect();
            let mut hoisted = fake_quant.clone();
            hoisted.name = format!("{}_hoisted", fake_quant.name);
            // The operator before the chain is its last node.
            let input = chain.get_mut(depth - 1).and_then(|last| last.input.first_mut());
            let (Some(input), Some(source)) = (input, hoisted.input.first_mut()) else { return Ok(found.original()) };
            source.clone_from(input);
            input.clone_from(&hoisted.name);
            if let Some(first) = chain.first_mut() {
                first.name.clone_from(&fake_quant.name);
            }
            let mut new = vec![hoisted, found.at(&[1]).clone(), found.at(&[2]).clone()];
            new.append(&mut chain);
            Ok(new)
        })?;
    }
    Ok(nodes)
}

/// Writes ranges as conversions to sums and from these to codes.
pub(super) fn convert(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let pattern = Pattern::with(FAKE_QUANT, [Pattern::any(), Pattern::op("Const"), Pattern::op("Const")]);
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
        let (node, source, min, max) = (found.at(&[]), found.at(&[0]), found.at(&[1]), found.at(&[2]));
        let [quantize, requantize] = ["quantize", "requantize"].map(|part| format!("{}_eightbit/{part}", node.name));
        let input = node.input.first().unwrap_or(&source.name).clone();
        let mut new: Vec<NodeDef> = Vec::new();
        for kept in [source, min, max] {
            if new.iter().all(|known| known.name != kept.name) {
                new.push(kept.clone());
            }
        }
        new.extend([
            conversion("QuantizeV2", &quantize, SUMS, [input, min.name.clone(), max.name.clone()]),
            requantized(&requantize, ports(&quantize), [&min.name, &max.name]),
            dequantize(&node.name, ports(&requantize)),
        ]);
        Ok(new)
    })?;
    Ok(nodes)
}

/// Where sums are turned into codes twice, once by a range that is measured and once by one from training, the second does.
pub(super) fn merge(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let [any, constant, measured] = [Pattern::any(), Pattern::op("Const"), Pattern::op("RequantizationRange")];
    let requantize = || Pattern::op("Requantize");
    let first = Pattern::with("Requantize", [any.clone(), any.clone(), any, measured.clone(), measured]);
    let float = Pattern::with("Dequantize", [first, requantize(), requantize()]);
    let quantize = Pattern::with("QuantizeV2", [float, constant.clone(), constant.clone()]);
    let again = || Pattern::op("QuantizeV2");
    let pattern = Pattern::with("Requantize", [quantize, again(), again(), constant.clone(), constant]);
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
        let (node, sums, min, max) = (found.at(&[]), found.at(&[0, 0, 0, 0]), found.at(&[3]), found.at(&[4]));
        let mut requantize = node.clone();
        requantize.input = ports(&sums.name).into_iter().chain([min.name.clone(), max.name.clone()]).collect();
        Ok(vec![sums.clone(), min.clone(), max.clone(), requantize])
    })?;
    Ok(nodes)
}

fn requantized(name: &str, sums: [String; 3], range: [&String; 2]) -> NodeDef {
    Builder::new(name, "Requantize")
        .data_type("Tinput", SUMS)
        .data_type("out_type", CODES)
        .inputs(sums)
        .inputs(range.into_iter().cloned())
        .build()
}
