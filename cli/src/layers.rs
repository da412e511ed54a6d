//! Cuts a part out of a network, by the names of values.

use std::cmp::Reverse;

use eightbit_graph::{Graph, passes, quoted};

use crate::error::CliError;
use crate::model;
use crate::report;

const INPUT: &str = "--input-layer";
const OUTPUT: &str = "--output-layer";

/// The most names that an error suggests.
const SUGGESTED: usize = 4;
/// Names are compared up to this many bytes: the time grows with the square.
const COMPARED: usize = 128;

/// Names of values, in the network's form or TensorFlow's (`Mul:0`). Without any, the network's own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layers<'a> {
    pub(crate) inputs: &'a [String],
    pub(crate) outputs: &'a [String],
}

/// The part of `graph`, of the file `file`, that `layers` name.
pub(crate) fn cut(graph: Graph, file: &str, layers: Layers<'_>) -> Result<Graph, CliError> {
    let Layers { inputs, outputs } = layers;
    if inputs.is_empty() && outputs.is_empty() {
        return Ok(graph);
    }
    let inputs = resolved(&graph, file, INPUT, inputs)?;
    let outputs = resolved(&graph, file, OUTPUT, outputs)?;
    passes::extract(graph, &inputs, &outputs).map_err(|error| CliError::model(file, error))
}

/// The names that values have in the graph.
fn resolved(graph: &Graph, file: &str, flag: &str, names: &[String]) -> Result<Vec<String>, CliError> {
    let find = |name: &String| {
        let found = model::value_name(graph, name);
        if values(graph).any(|value| value == found) || flag == OUTPUT && graph.is_output(&found) {
            return Ok(found);
        }
        let list = |values: &[eightbit_graph::ValueInfo]| {
            report::names(values.iter().map(|value| value.name.as_str()))
        };
        let near = match &near(values(graph), name.strip_suffix(":0").unwrap_or(name))[..] {
            [] => String::new(),
            near => format!("; similar names are {}", report::names(near.iter().copied())),
        };
        let (inputs, outputs) = (list(&graph.inputs), list(&graph.outputs));
        Err(CliError::Invalid(format!(
            "{file}: {flag} {}: the network has no such value; its inputs are {inputs}, its outputs {outputs}{near}",
            quoted(name)
        )))
    };
    names.iter().map(find).collect()
}

/// The names of inputs, and of what nodes compute.
fn values(graph: &Graph) -> impl Iterator<Item = &str> {
    let inputs = graph.inputs.iter().map(|info| &info.name);
    let computed = graph.nodes.iter().flat_map(|node| &node.outputs);
    inputs.chain(computed).map(String::as_str).filter(|name| !name.is_empty())
}

/// The names most like `name`: those that contain it or differ in a third of its letters at most, the most similar first.
fn near<'a>(known: impl Iterator<Item = &'a str>, name: &str) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let mut near: Vec<(Reverse<bool>, usize, &str)> = known
        .filter_map(|known| {
            let lower = known.to_lowercase();
            let contains = wanted.len() > 1 && lower.contains(&wanted);
            let distance = distance(lower.as_bytes(), wanted.as_bytes());
            (contains || distance <= wanted.len() / 3).then_some((Reverse(contains), distance, known))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().map(|(_, _, name)| name).take(SUGGESTED).collect()
}

/// The least number of bytes inserted, removed or replaced that makes one name of the other (Levenshtein's distance).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let [a, b] = [a, b].map(|name| &name[..name.len().min(COMPARED)]);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, a) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("relu_1", "relu_2", 1), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes()), expected, "{b} {a}");
        }
    }

    #[test]
    fn similar_names_come_first() {
        let known = ["InceptionV3/Predictions/Softmax", "mixed_10", "mixed_9", "input"];
        assert_eq!(near(known.into_iter(), "softmax"), ["InceptionV3/Predictions/Softmax"]);
        assert_eq!(near(known.into_iter(), "mixed_8"), ["mixed_9", "mixed_10"]);
        assert!(near(known.into_iter(), "logits").is_empty());
    }
}
