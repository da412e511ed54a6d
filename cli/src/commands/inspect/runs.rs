//! How each node would run as the network is, and why: kernels, tables, plain loops, or not at all.

use std::collections::BTreeMap;
use std::io::Write;

use eightbit_graph::{Error, ExecutorOptions, Graph, Limits, StepKind, Support, escaped, supported};
use serde_json::{Value, json};

use super::{REASON, qualified};
use crate::error::CliError;
use crate::report::{self, BOLD, Table};

/// The most operators of a row of the summary, and the most characters of their list.
const OPERATORS: usize = 4;
const LIST: usize = 48;

/// How each node of a graph would run, in its order.
pub(super) struct Runs(Vec<Support>);

impl Runs {
    /// Those of `graph`, an open first dimension being 1.
    pub(super) fn of(graph: &Graph) -> Result<Self, Error> {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = Limits::for_model(graph);
        Ok(Self(supported(graph, &options)?))
    }

    /// A row for each way to run, with its nodes and the reason or the kernel that most of them have.
    pub(super) fn summary(&self, out: &mut dyn Write, graph: &Graph) -> Result<(), CliError> {
        let mut ways: BTreeMap<(usize, &str), Way> = BTreeMap::new();
        for (node, support) in graph.nodes.iter().zip(&self.0) {
            let way = ways.entry(word(support)).or_default();
            way.nodes += 1;
            *way.operators.entry(qualified(node)).or_default() += 1;
            *way.reasons.entry(why(support)).or_default() += 1;
        }
        writeln!(out, "\n{BOLD}How it would run{BOLD:#}")?;
        let mut table = Table::new(&["runs as", "nodes", "operators", "mostly"], 1).with_text_last(2);
        for ((_, word), way) in &ways {
            table.row([
                (*word).to_owned(),
                way.nodes.to_string(),
                way.listed(),
                report::fit(&most(&way.reasons), REASON),
            ]);
        }
        Ok(table.write(out)?)
    }

    /// How node number `index` runs, as a cell of a table.
    pub(super) fn cell(&self, index: usize) -> String {
        self.0.get(index).map_or_else(String::new, |support| {
            let (_, word) = word(support);
            match why(support) {
                why if why.is_empty() => word.to_owned(),
                why => format!("{word}: {why}"),
            }
        })
    }

    /// The same as JSON.
    pub(super) fn json(&self, index: usize) -> Value {
        let Some(support) = self.0.get(index) else { return Value::Null };
        let (_, word) = word(support);
        match support {
            Support::Fused(into) => json!({ "as": word, "into": into }),
            Support::Refused { reason } => json!({ "as": word, "reason": reason }),
            Support::Step { description, .. } => json!({ "as": word, "kernel": description }),
            _ => json!({ "as": word }),
        }
    }
}

/// The nodes that run in one way.
#[derive(Default)]
struct Way {
    nodes: usize,
    operators: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
}

impl Way {
    /// The operators, the most frequent ones first.
    fn listed(&self) -> String {
        let mut operators: Vec<(&String, &usize)> = self.operators.iter().collect();
        operators.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let first = operators.iter().take(OPERATORS).map(|(name, count)| format!("{count} {name}"));
        let mut listed: Vec<String> = first.collect();
        if operators.len() > OPERATORS {
            listed.push("…".to_owned());
        }
        report::fit(&listed.join(", "), LIST)
    }
}

/// The most frequent text.
fn most(texts: &BTreeMap<String, usize>) -> String {
    texts.iter().max_by_key(|(_, count)| **count).map_or_else(String::new, |(text, _)| text.clone())
}

/// A way to run in a word, and its place in the summary: what is computed first, what is refused last.
fn word(support: &Support) -> (usize, &'static str) {
    match support {
        Support::Step { kind: StepKind::EightBit, .. } => (0, "eight-bit"),
        Support::Step { kind: StepKind::Table, .. } => (1, "table"),
        Support::Step { kind: StepKind::Float, .. } => (2, "float"),
        Support::Step { kind: StepKind::Copy, .. } => (3, "copy"),
        Support::Step { kind: StepKind::Plain, .. } => (4, "plain loops"),
        Support::Step { .. } => (5, "another kernel"),
        Support::Fused(_) => (6, "fused"),
        Support::Constant => (7, "constant"),
        Support::Nothing => (8, "nothing"),
        Support::Refused { .. } => (9, "refused"),
        _ => (10, "unknown"),
    }
}

/// The kernel, or the reason.
fn why(support: &Support) -> String {
    match support {
        // Its name says it already.
        Support::Step { kind: StepKind::Plain, description } => description.replacen("plain loops: ", "", 1),
        Support::Step { description, .. } => description.clone(),
        Support::Fused(into) => format!("into {}", escaped(into)),
        Support::Constant => "computed once, when the network is loaded".to_owned(),
        Support::Refused { reason } => escaped(reason).to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_listed_by_their_number() {
        let mut way = Way::default();
        for (name, count) in [("Add", 1), ("Conv", 9), ("Mul", 2), ("Relu", 3), ("Tanh", 1)] {
            way.operators.insert(name.to_owned(), count);
        }
        assert_eq!(way.listed(), "9 Conv, 3 Relu, 2 Mul, 1 Add, …");
    }
}
