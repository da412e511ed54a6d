//! `eightbit inspect`: what is in a network.

mod runs;

use std::collections::BTreeMap;
use std::io::Write;

use eightbit_graph::quantize::Role;
use eightbit_graph::shapes::ShapeOptions;
use eightbit_graph::{
    Error, Executor, ExecutorOptions, Graph, Inspection, Limits, Node, NodeFacts, TensorType, ValueInfo,
    escaped, inspect,
};
use runs::Runs;
use serde_json::json;

use crate::args::InspectArgs;
use crate::error::CliError;
use crate::fixing;
use crate::layers::Layers;
use crate::model;
use crate::report::{self, BOLD, DIM, Table};

/// The most characters of a node's name and of a reason in a table.
const NAME: usize = 44;
const REASON: usize = 60;

pub(crate) fn run(args: &InspectArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let name = report::path(&args.model);
    let of_model = |error| CliError::model(&name, error);
    let graph =
        model::read(&args.model, Layers::default()).map_err(|error| CliError::model_file(&name, error))?;
    let graph = fixing::apply(graph, &name, &args.fix)?;
    let found = inspect(&graph, &ShapeOptions::with_batch(1)).map_err(of_model)?;
    let runs = Runs::of(&graph);
    if args.json {
        return Ok(report::json(out, &json(args, &graph, &found, &runs))?);
    }
    writeln!(out, "{BOLD}{name}{BOLD:#}  operator set {}", graph.opset)?;
    for note in &graph.notes {
        writeln!(out, "{DIM}note{DIM:#}  {note}")?;
    }
    writeln!(out)?;
    values(out, &graph)?;
    operators(out, &graph, &found)?;
    match &runs {
        Ok(runs) => runs.summary(out, &graph)?,
        Err(error) => writeln!(out, "\n{BOLD}How it would run{BOLD:#} is not known: {error}")?,
    }
    if args.nodes {
        nodes(out, &graph, &found, runs.as_ref().ok())?;
    }
    if args.plan {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = Limits::for_model(&graph);
        let executor = Executor::new(&graph, &options).map_err(of_model)?;
        writeln!(out, "\n{}", executor.explain())?;
    }
    if !found.errors.is_empty() {
        writeln!(out, "\n{BOLD}What stops it{BOLD:#}")?;
        for error in &found.errors {
            writeln!(out, "  * {error}")?;
        }
    }
    Ok(())
}

fn values(out: &mut dyn Write, graph: &Graph) -> Result<(), CliError> {
    let mut table = Table::new(&["", "name", "type", "shape"], 4);
    for (kind, values) in [("input", &graph.inputs), ("output", &graph.outputs)] {
        for info in values {
            let name = report::fit(&escaped(&info.name).to_string(), NAME);
            table.row([kind.to_owned(), name, info.data_type.to_string(), open_shape(graph, info)]);
        }
    }
    Ok(table.write(out)?)
}

/// A shape with the names of open dimensions, or `?`.
fn open_shape(graph: &Graph, info: &ValueInfo) -> String {
    let size = |(axis, dim): (usize, &Option<usize>)| match dim {
        Some(size) => size.to_string(),
        None => match graph.dimension_names.get(&(info.name.clone(), axis)) {
            Some(name) => escaped(name).to_string(),
            None => "?".to_owned(),
        },
    };
    fixing::listed(info.shape.iter().enumerate().map(size))
}

/// The costs and roles of the nodes of one operator.
#[derive(Default)]
struct Total {
    nodes: usize,
    parameters: u64,
    macs: u64,
    eight_bit: usize,
    /// Why nodes stay float, with their numbers.
    reasons: BTreeMap<String, usize>,
}

impl Total {
    fn add(&mut self, facts: &NodeFacts) {
        self.nodes += 1;
        self.parameters += facts.parameters;
        self.macs += facts.macs.unwrap_or(0);
        match &facts.role {
            Some(Role::Float(reason)) => *self.reasons.entry(reason.clone()).or_default() += 1,
            Some(_) => self.eight_bit += 1,
            None => {}
        }
    }

    fn cells(&self, name: String) -> [String; 6] {
        let reason = self.reasons.iter().max_by_key(|(_, count)| **count);
        let reason = reason.map_or_else(String::new, |(reason, _)| escaped(reason).to_string());
        [
            name,
            self.nodes.to_string(),
            grouped(self.parameters),
            grouped(self.macs),
            self.eight_bit.to_string(),
            report::fit(&reason, REASON),
        ]
    }
}

fn operators(out: &mut dyn Write, graph: &Graph, found: &Inspection) -> Result<(), CliError> {
    let mut all = Total::default();
    let mut totals: BTreeMap<String, Total> = BTreeMap::new();
    for (node, facts) in graph.nodes.iter().zip(&found.nodes) {
        all.add(facts);
        totals.entry(qualified(node)).or_default().add(facts);
    }
    all.reasons.clear();
    writeln!(out)?;
    let mut table = Table::new(&["operator", "nodes", "parameters", "MACs", "eight-bit", "why not"], 1);
    let mut rows: Vec<(String, Total)> = totals.into_iter().collect();
    rows.sort_by_key(|(_, total)| std::cmp::Reverse((total.macs, total.nodes)));
    for (name, total) in &rows {
        table.row(total.cells(report::fit(name, NAME)));
    }
    table.row(all.cells("total".to_owned()));
    Ok(table.write(out)?)
}

/// An operator with its domain, if it is not ONNX's own, and a mark if it is not implemented.
fn qualified(node: &Node) -> String {
    let name = match node.op.domain() {
        "" => escaped(node.op.as_str()).to_string(),
        domain => format!("{}.{}", escaped(domain), escaped(node.op.as_str())),
    };
    if node.operator().is_some() { name } else { format!("{name} (missing)") }
}

fn nodes(
    out: &mut dyn Write,
    graph: &Graph,
    found: &Inspection,
    runs: Option<&Runs>,
) -> Result<(), CliError> {
    writeln!(out)?;
    const HEAD: [&str; 7] =
        ["node", "operator", "output", "parameters", "MACs", "quantized", "runs as it is"];
    let mut table = Table::new(&HEAD, 3).with_text_last(2);
    for (index, (node, facts)) in graph.nodes.iter().zip(&found.nodes).enumerate() {
        table.row([
            report::fit(&escaped(&node.name).to_string(), NAME),
            report::fit(&qualified(node), NAME),
            facts.outputs.first().map_or_else(String::new, |of| shape(of.as_ref())),
            grouped(facts.parameters),
            facts.macs.map_or_else(|| "?".to_owned(), grouped),
            report::fit(&role(facts), REASON),
            report::fit(&runs.map_or_else(String::new, |runs| runs.cell(index)), REASON),
        ]);
    }
    Ok(table.write(out)?)
}

fn shape(of: Option<&TensorType>) -> String {
    of.map_or_else(|| "?".to_owned(), |of| fixing::listed(of.shape.iter().map(usize::to_string)))
}

fn role(facts: &NodeFacts) -> String {
    match &facts.role {
        Some(Role::Quantized) => "yes".to_owned(),
        Some(Role::Fused) => "fused".to_owned(),
        Some(Role::Table) => "table".to_owned(),
        Some(Role::Float(reason)) => format!("no: {}", escaped(reason)),
        None => "–".to_owned(),
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn json(
    args: &InspectArgs,
    graph: &Graph,
    found: &Inspection,
    runs: &Result<Runs, Error>,
) -> serde_json::Value {
    let value = |info: &ValueInfo| {
        let names = (0..info.shape.len()).map(|axis| graph.dimension_names.get(&(info.name.clone(), axis)));
        json!({
            "name": info.name,
            "type": info.data_type.to_string(),
            "shape": info.shape,
            "dimension_names": names.collect::<Vec<_>>(),
        })
    };
    let node = |(index, (node, facts)): (usize, (&Node, &NodeFacts))| {
        let outputs = node.outputs.iter().zip(&facts.outputs).map(|(name, of)| {
            json!({
                "name": name,
                "type": of.as_ref().map(|of| of.data_type.to_string()),
                "shape": of.as_ref().map(|of| of.shape.clone()),
            })
        });
        json!({
            "name": node.name,
            "operator": node.op.as_str(),
            "domain": node.op.domain(),
            "implemented": node.operator().is_some(),
            "inputs": node.inputs,
            "outputs": outputs.collect::<Vec<_>>(),
            "parameters": facts.parameters,
            "macs": facts.macs,
            "runs": runs.as_ref().ok().map(|runs| runs.json(index)),
            "eight_bit": facts.role.as_ref().map(|role| !matches!(role, Role::Float(_))),
            "why_float": match &facts.role {
                Some(Role::Float(reason)) => Some(reason),
                _ => None,
            },
        })
    };
    json!({
        "model": args.model.to_string_lossy(),
        "opset": graph.opset,
        "notes": graph.notes,
        "inputs": graph.inputs.iter().map(value).collect::<Vec<_>>(),
        "outputs": graph.outputs.iter().map(value).collect::<Vec<_>>(),
        "parameters": graph.constants.values().map(|tensor| tensor.len() as u64).sum::<u64>(),
        "macs": found.nodes.iter().filter_map(|facts| facts.macs).sum::<u64>(),
        "nodes": graph.nodes.iter().zip(&found.nodes).enumerate().map(node).collect::<Vec<_>>(),
        "runs_unknown": runs.as_ref().err().map(ToString::to_string),
        "errors": found.errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
