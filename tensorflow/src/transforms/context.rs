//! What a transform knows beside the graph: its parameters, and the graph's inputs and outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::TransformError;
use super::shared::ranges::Ranges;
use crate::node::node_name;

/// The most nodes that are searched in repeated passes: half a million, which takes a second or two.
const MAX_SEARCHED: usize = 1 << 19;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// The graph's inputs: `node` or `node:1`.
    pub(crate) inputs: Vec<String>,
    /// The graph's outputs.
    pub(crate) outputs: Vec<String>,
    /// The transform's parameters.
    pub(crate) parameters: BTreeMap<String, Vec<String>>,
    /// What a user should know though nothing failed.
    pub(crate) warnings: Vec<String>,
    /// The number of constants that were folded so far, over all transforms.
    pub(crate) folded: usize,
    /// The number of nodes that were searched in repeated passes so far, over all transforms.
    pub(crate) searched: usize,
    /// Whether ranges are chosen from examples.
    pub(crate) is_calibrated: bool,
    /// The ranges that were observed, for `quantize_nodes`.
    pub(crate) ranges: Option<Ranges>,
}

impl Context {
    /// The names of nodes that are inputs or outputs of the graph.
    pub(crate) fn required(&self) -> BTreeSet<String> {
        self.inputs.iter().chain(&self.outputs).map(|name| node_name(name).to_owned()).collect()
    }

    /// Whether a transform may search `nodes` nodes in another pass, as the tool does while it finds something: this gives the tool's
    /// order of nodes. A graph in which very many matches share a node has too many passes; what they leave is replaced in one.
    pub(crate) fn may_repeat(&mut self, nodes: usize) -> bool {
        self.searched = self.searched.saturating_add(nodes);
        self.searched <= MAX_SEARCHED
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.parameters.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.parameters.contains_key(name)
    }

    /// The only value of a parameter, if it is given.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, TransformError> {
        match self.all(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            values => {
                let count = values.len();
                let reason = format!("Expected a single '{name}' parameter, but found {count} occurrences");
                Err(TransformError::Invalid(reason))
            }
        }
    }

    pub(crate) fn integer<T: FromStr>(&self, name: &str, default: T) -> Result<T, TransformError> {
        self.number(name, default, "number")
    }

    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, TransformError> {
        self.number(name, default, "float number")
    }

    fn number<T: FromStr>(&self, name: &str, default: T, kind: &str) -> Result<T, TransformError> {
        let Some(text) = self.text(name)? else { return Ok(default) };
        text.trim().parse().map_err(|_| {
            TransformError::Invalid(format!("Couldn't interpret the {name} argument as a {kind}:{text}"))
        })
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, TransformError> {
        match self.text(name)? {
            None => Ok(default),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(text) => {
                let reason = format!(
                    "Couldn't interpret the {name} argument as a boolean:{text} (expected true, false, 0 or 1)"
                );
                Err(TransformError::Invalid(reason))
            }
        }
    }

    /// Two bounds, of which both are given or none.
    pub(crate) fn range(&self, low: &str, high: &str) -> Result<Option<(f32, f32)>, TransformError> {
        match (self.has(low), self.has(high)) {
            (false, false) => Ok(None),
            (true, true) => Ok(Some((self.float(low, 0.0)?, self.float(high, 0.0)?))),
            _ => Err(TransformError::Invalid(format!(
                "You must pass both {low} and {high} into quantize_nodes"
            ))),
        }
    }
}
