//! What is in a graph, in the words of TensorFlow's `summarize_graph`.

use std::collections::{BTreeMap, HashSet};

use crate::data_types;
use crate::node::{node_name, type_of, value};
use crate::proto::{GraphDef, NodeDef, TensorShapeProto, Value};
use crate::transforms::TransformError;
use crate::transforms::shared::{graph, order};

/// Operators of nodes that are no outputs though no node reads them.
const NO_OUTPUTS: [&str; 4] = ["Const", "Assign", "NoOp", "Placeholder"];

/// A graph, to be described.
pub struct Summary<'a>(pub &'a GraphDef);

impl Summary<'_> {
    /// The lines of the description. Names are as in the file: escape them before they are printed.
    ///
    /// # Errors
    ///
    /// An input that is no node of the graph.
    pub fn lines(&self) -> Result<Vec<String>, TransformError> {
        let nodes = &self.0.node;
        let all =
            |ops: &[&str]| nodes.iter().filter(|node| ops.contains(&node.op.as_str())).collect::<Vec<_>>();
        let read: HashSet<&str> =
            nodes.iter().flat_map(|node| &node.input).map(|input| node_name(input)).collect();
        let is_output =
            |node: &&NodeDef| !read.contains(node.name.as_str()) && !NO_OUTPUTS.contains(&node.op.as_str());
        let outputs: Vec<&NodeDef> = nodes.iter().filter(is_output).collect();
        let placeholders = all(&["Placeholder"]);
        let mut lines = vec![
            list("possible inputs", "inputs", &placeholders, describe),
            list("variables", "variables", &all(&["Variable", "VariableV2"]), describe),
            list("possible outputs", "outputs", &outputs, |node| {
                format!("(name={}, op={})", node.name, node.op)
            }),
            self.parameters(),
        ];
        let mut devices = BTreeMap::<&str, usize>::new();
        nodes
            .iter()
            .filter(|node| !node.device.is_empty())
            .for_each(|node| *devices.entry(&node.device).or_default() += 1);
        lines.extend(
            devices.iter().map(|(device, count)| format!("{count} nodes assigned to device '{device}'")),
        );
        graph::check_inputs(nodes)?;
        lines.push(self.operators());
        let names =
            |nodes: &[&NodeDef]| nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(",");
        let (inputs, outputs) = (names(&placeholders), names(&outputs));
        lines.push(format!("To use with eightbit transform-graph: --inputs={inputs} --outputs={outputs}"));
        Ok(lines)
    }

    /// A line for each node, in an order of execution.
    ///
    /// # Errors
    ///
    /// A graph without such an order.
    pub fn structure(&self) -> Result<Vec<String>, TransformError> {
        let nodes = &self.0.node;
        let (order, result) = order::execution_order(nodes);
        result?;
        let lines = order.into_iter().map(|index| {
            let node = &nodes[index];
            let mut line = format!("{} ({}): [{}]", node.name, node.op, node.input.join(", "));
            if let Some(Value::Tensor(tensor)) = value(node, "value") {
                let shape = tensor.tensor_shape.as_ref().map_or_else(|| "[]".to_owned(), shape);
                line += &format!(", value=Tensor<type: {} shape: {shape}>", data_types::name(tensor.dtype));
            }
            line
        });
        Ok(lines.collect())
    }

    fn parameters(&self) -> String {
        let (mut constants, mut variables) = (0i64, 0i64);
        for node in &self.0.node {
            let Some(Value::Tensor(tensor)) = value(node, "value") else { continue };
            let sizes = tensor.tensor_shape.iter().flat_map(|shape| &shape.dim);
            let count = sizes.fold(1i64, |count, dim| count.saturating_mul(dim.size.max(0)));
            match node.op.as_str() {
                "Const" => constants = constants.saturating_add(count),
                "Variable" | "VariableV2" => variables = variables.saturating_add(count),
                _ => {}
            }
        }
        let inputs = self.0.node.iter().flat_map(|node| &node.input);
        let control = inputs.filter(|input| input.starts_with('^')).count();
        let (short, short_variables) = (human(constants), human(variables));
        format!(
            "Found {constants} ({short}) const parameters, {variables} ({short_variables}) variable parameters, and \
             {control} control_edges"
        )
    }

    fn operators(&self) -> String {
        let functions = self.0.library.iter().flat_map(|library| &library.function);
        let nodes = self.0.node.iter().chain(functions.flat_map(|function| &function.node_def));
        let mut counts = BTreeMap::<&str, usize>::new();
        nodes.for_each(|node| *counts.entry(&node.op).or_default() += 1);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let counts: Vec<_> = counts.iter().map(|(op, count)| format!("{count} {op}")).collect();
        format!("Op types used: {}", counts.join(", "))
    }
}

fn list(found: &str, missing: &str, nodes: &[&NodeDef], describe: impl Fn(&NodeDef) -> String) -> String {
    if nodes.is_empty() {
        return format!("No {missing} spotted.");
    }
    let descriptions: Vec<_> = nodes.iter().map(|node| describe(node)).collect();
    format!("Found {} {found}: {}", nodes.len(), descriptions.join(" "))
}

fn describe(node: &NodeDef) -> String {
    let shape = match value(node, "shape") {
        Some(Value::Shape(of_node)) => shape(of_node),
        _ => "None".to_owned(),
    };
    let data_type = type_of(node, "dtype").unwrap_or_default();
    format!("(name={}, type={}({data_type}), shape={shape})", node.name, data_types::name(data_type))
}

fn shape(shape: &TensorShapeProto) -> String {
    if shape.unknown_rank {
        return "<unknown>".to_owned();
    }
    let size = |size: i64| if size < 0 { "?".to_owned() } else { size.to_string() };
    let sizes: Vec<_> = shape.dim.iter().map(|dim| size(dim.size)).collect();
    format!("[{}]", sizes.join(","))
}

/// A number with three digits and a unit, as TensorFlow writes it: `4.21M`.
fn human(number: i64) -> String {
    let mut value = number as f64;
    if number < 1000 {
        return number.to_string();
    }
    for unit in ["k", "M", "B", "T"] {
        value /= 1000.0;
        if value < 1000.0 {
            return format!("{value:.2}{unit}");
        }
    }
    format!("{number:e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Builder;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 4_221_032].map(human), ["0", "999", "1.00k", "4.22M"]);
    }

    #[test]
    fn a_graph_in_lines() {
        let x = Builder::new("x", "Placeholder").data_type("dtype", crate::proto::DataType::Float).build();
        let nodes = vec![x, Builder::new("o", "Neg").input("x").input("^x").build()];
        let graph = GraphDef { node: nodes, ..GraphDef::default() };
        let lines = Summary(&graph).lines().expect("a valid graph");
        assert_eq!(lines[0], "Found 1 possible inputs: (name=x, type=float(1), shape=None)");
        assert_eq!(lines[2], "Found 1 possible outputs: (name=o, op=Neg)");
        assert_eq!(lines[3], "Found 0 (0) const parameters, 0 (0) variable parameters, and 1 control_edges");
        assert_eq!(lines[4], "Op types used: 1 Neg, 1 Placeholder");
        assert_eq!(
            Summary(&graph).structure().expect("no cycle"),
            ["x (Placeholder): []", "o (Neg): [x, ^x]"]
        );
    }
}
