//! `freeze_requantization_ranges`: ranges that a log has seen instead of ranges that are computed in each run.
//!
//! A line of the log that counts has `NODE__print__;__requant_min_max:[MIN][MAX]` in it, as TensorFlow prints it for the nodes that
//! `insert_logging(op=RequantizationRange, show_name=true, message="__requant_min_max:")` adds.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::context::Context;
use super::shared::graph::by_name;
use super::shared::rename::Renames;
use super::{Transform, TransformError};
use crate::evaluate::Value;
use crate::node::constant;
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "freeze_requantization_ranges",
    parameters: &["min_max_log_file", "min_percentile", "max_percentile"],
    summary: "replaces RequantizationRange by the ranges that a log has seen",
    run,
};

const PRINT: &str = "__print__";
const MESSAGE: &str = "__requant_min_max:";

/// The most bytes of a log: 1 GiB.
const MAX_LOG: u64 = 1 << 30;

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let file = context.text("min_max_log_file")?.filter(|file| !file.is_empty());
    let file = file.ok_or_else(|| TransformError::invalid("You must pass a file name to min_max_log_file"))?;
    let low = context.float("min_percentile", 5.0)?;
    let high = context.float("max_percentile", 5.0)?;
    let log = eightbit_graph::read_limited(Path::new(file), MAX_LOG)
        .map_err(|error| TransformError::Invalid(error.to_string()))?;
    let mut records = BTreeMap::<String, Record>::new();
    for (name, min, max) in String::from_utf8_lossy(&log).lines().filter_map(parse) {
        let record = records.entry(name.to_owned()).or_default();
        record.mins.push(min);
        record.maxs.push(max);
    }
    if records.is_empty() {
        return Err(TransformError::invalid("No min/max range logs were found in the log file"));
    }
    let names = by_name(&nodes);
    let missing = records.keys().filter(|name| !names.contains_key(name.as_str()));
    let missing: Vec<_> = missing.map(|name| format!("Node from log not found in graph: {name}")).collect();
    if !missing.is_empty() {
        context.warnings.extend(missing);
        return Err(TransformError::invalid("Nodes were found in the log file that aren't present in the graph"));
    }
    let mut renames = Renames::default();
    let mut result = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(record) = records.remove(&node.name) else {
            result.push(node);
            continue;
        };
        if node.op != "RequantizationRange" {
            let (name, op) = (&node.name, &node.op);
            let reason = format!("Node is expected to be a RequantizationRange op: {name}, but is: {op}");
            return Err(TransformError::Invalid(reason));
        }
        let bounds = [("min", at(record.mins, low / 100.0)), ("max", at(record.maxs, 1.0 - high / 100.0))];
        for (port, (bound, value)) in bounds.into_iter().enumerate() {
            let name = format!("{}/frozen_{bound}", node.name);
            renames.add(format!("{}:{port}", node.name), format!("{name}:0"));
            result.push(constant(name, Value::scalar(value).to_content()));
        }
    }
    renames.apply(&mut result, &HashSet::new())?;
    Ok(result)
}

/// The ranges of a node.
#[derive(Default)]
struct Record {
    mins: Vec<f32>,
    maxs: Vec<f32>,
}

/// The value at a part of the sorted values.
fn at(mut values: Vec<f32>, part: f32) -> f32 {
    values.sort_by(f32::total_cmp);
    let last = values.len().saturating_sub(1);
    // `as` takes care of what is below the first.
    let index = ((values.len() as f32 * part).round() as usize).min(last);
    values.get(index).copied().unwrap_or_default()
}

/// The node and the range that a line of the log has.
fn parse(line: &str) -> Option<(&str, f32, f32)> {
    let parts: Vec<&str> = line.split(';').collect();
    let index = parts.iter().rposition(|part| part.starts_with(MESSAGE)).filter(|&index| index > 0)?;
    let name = parts[index - 1].strip_suffix(PRINT)?;
    let mut numbers = parts[index].strip_prefix(MESSAGE)?.strip_prefix('[')?.split('[');
    let mut number = || numbers.next()?.trim_end().strip_suffix(']')?.trim().parse().ok();
    let range = (number()?, number()?);
    numbers.next().is_none().then_some((name, range.0, range.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_records_do_not_count() {
        let line = "I0108 x.cc:79] ;a/b__print__;__requant_min_max:[-20.5][3e1]";
        assert_eq!(parse(line), Some(("a/b", -20.5, 30.0)));
        for line in ["", ";;", "__requant_min_max:[1][2]", ";a__print__;__requant_min_max:[1]", ";a;__requant_min_max:[1][2]"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn percentiles() {
        assert_eq!(at(vec![3.0, 1.0, 2.0], 0.05), 1.0);
        assert_eq!(at(vec![3.0, 1.0, 2.0], 2.0), 3.0);
        assert_eq!(at(vec![3.0, 1.0, 2.0], -1.0), 1.0);
    }
}
