//! `insert_logging`: `Print` nodes log what nodes compute.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::context::Context;
use super::shared::rename::Renames;
use super::{Transform, TransformError};
use crate::node::{Builder, Input};
use crate::proto::{ListValue, NodeDef, Value};
use crate::registry::Operator;

pub(super) static TRANSFORM: Transform = Transform {
    name: "insert_logging",
    parameters: &["op…", "prefix…", "message", "show_name", "show_op", "first_n", "summarize"],
    summary: "prints the values of nodes, all or by operator and start of the name, when the graph runs",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let logging = Logging {
        message: context.text("message")?.unwrap_or_default(),
        show_name: context.flag("show_name", false)?,
        show_op: context.flag("show_op", false)?,
        first_n: context.integer::<i32>("first_n", -1)?.into(),
        summarize: context.integer::<i32>("summarize", 1024)?.into(),
    };
    let (ops, prefixes) = (context.all("op"), context.all("prefix"));
    let outputs = used_outputs(&nodes)?;
    let names: HashSet<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let mut renames = Renames::default();
    let mut printing = HashSet::new();
    let mut result = Vec::with_capacity(nodes.len());
    for node in nodes {
        let is_chosen = (ops.is_empty() || ops.contains(&node.op))
            && (prefixes.is_empty() || prefixes.iter().any(|prefix| node.name.starts_with(prefix)));
        let print = match outputs.get(&node.name) {
            Some(outputs) if is_chosen => Some(logging.print(&node, outputs)?),
            _ => None,
        };
        if let Some(print) = &print {
            if names.contains(&print.name) {
                return Err(TransformError::Invalid(format!(
                    "{} cannot be logged by {}, for a node of that name is there: if an earlier insert_logging made it, \
                     remove_nodes(op=Print) takes it out",
                    node.name, print.name
                )));
            }
            renames.add(format!("{}:0", node.name), format!("{}:0", print.name));
            printing.insert(print.name.clone());
        }
        result.push(node);
        result.extend(print);
    }
    renames.apply(&mut result, &printing)?;
    Ok(result)
}

/// The outputs of each node that some node reads; control counts as the first.
fn used_outputs(nodes: &[NodeDef]) -> Result<HashMap<String, BTreeSet<i32>>, TransformError> {
    let mut used = HashMap::<String, BTreeSet<i32>>::new();
    for input in nodes.iter().flat_map(|node| &node.input) {
        let parsed = Input::parse(input);
        let port = parsed.port.unwrap_or("0").parse().map_err(|_| {
            TransformError::Invalid(format!("Couldn't understand output number in {input}"))
        })?;
        used.entry(parsed.node.to_owned()).or_default().insert(port);
    }
    Ok(used)
}

/// What is logged.
struct Logging<'a> {
    message: &'a str,
    show_name: bool,
    show_op: bool,
    first_n: i64,
    summarize: i64,
}

impl Logging<'_> {
    fn print(&self, node: &NodeDef, outputs: &BTreeSet<i32>) -> Result<NodeDef, TransformError> {
        let operator = Operator::find(&node.op).ok_or_else(|| {
            TransformError::Invalid(format!("Op type not registered '{}': the types of {} are not known", node.op, node.name))
        })?;
        let types = operator.result_types(node).map_err(TransformError::Invalid)?;
        let Some(&first) = types.first() else {
            return Err(TransformError::Invalid(format!("{} ({}) has no output to log", node.name, node.op)));
        };
        let name = format!("{}__print__", node.name);
        let mut message = String::new();
        if self.show_op {
            message += &format!(";{};", node.op);
        }
        if self.show_name {
            message += &format!(";{name};");
        }
        message += self.message;
        let print = Builder::new(name, "Print")
            .text("message", &message)
            .attribute("first_n", Value::I(self.first_n))
            .attribute("summarize", Value::I(self.summarize))
            .attribute("T", Value::Type(first))
            .attribute("U", Value::List(Box::new(ListValue { r#type: types, ..ListValue::default() })))
            .input(format!("{}:0", node.name));
        let print = outputs.iter().fold(print, |print, port| print.input(format!("{}:{port}", node.name)));
        Ok(print.build())
    }
}
