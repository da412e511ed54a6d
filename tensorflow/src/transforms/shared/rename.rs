//! Lets nodes read other outputs than before.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::TransformError;
use crate::node::{Input, node_name};
use crate::proto::NodeDef;

/// The most comparisons of inputs with what is replaced.
const MAX_COMPARED: usize = 1 << 24;

/// Which outputs to replace by which others. The source `node:*` stands for all outputs of the node, its control output included:
/// they become the same outputs of the other node.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    by_node: HashMap<String, BTreeMap<String, String>>,
}

impl Renames {
    pub(crate) fn add(&mut self, from: impl Into<String>, to: impl Into<String>) {
        let (from, to) = (from.into(), to.into());
        // As in a map of sources: the last one counts.
        self.by_node.entry(node_name(&from).to_owned()).or_default().insert(from, to);
    }

    /// Applies the replacements to all nodes but some, again and again where a replacement is replaced itself.
    pub(crate) fn apply(
        &self,
        nodes: &mut [NodeDef],
        except: &HashSet<String>,
    ) -> Result<(), TransformError> {
        if self.by_node.is_empty() {
            return Ok(());
        }
        let mut left = MAX_COMPARED;
        for node in nodes {
            let skip = except.contains(&node.name);
            for input in &mut node.input {
                if let Some(renamed) = self.renamed(input, skip, &mut left)? {
                    *input = renamed;
                }
            }
        }
        Ok(())
    }

    fn renamed(&self, input: &str, skip: bool, left: &mut usize) -> Result<Option<String>, TransformError> {
        let mut current: Option<String> = None;
        let mut visited = HashSet::new();
        loop {
            let name = current.as_deref().unwrap_or(input);
            let Some(renames) = self.by_node.get(node_name(name)) else { return Ok(current) };
            if !visited.insert(node_name(name).to_owned()) {
                let node = node_name(name);
                let reason = format!("RenameNodeInputs argument contains a cycle for {node}");
                return Err(TransformError::Invalid(reason));
            }
            if skip {
                return Ok(current);
            }
            *left = left.checked_sub(renames.len()).ok_or_else(|| {
                TransformError::invalid(
                    "too many inputs read nodes of too many outputs, which get other names",
                )
            })?;
            let mut next: Option<String> = None;
            for (from, to) in renames {
                let input = Input::parse(next.as_deref().unwrap_or(name));
                if from.ends_with(":*") {
                    next = Some(input.renamed(to));
                } else if Input::parse(from).canonical() == input.canonical() {
                    next = Some(to.clone());
                }
            }
            match next {
                Some(next) => current = Some(next),
                None => return Ok(current),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Builder;

    fn renamed(renames: &[(&str, &str)], input: &str) -> Result<String, TransformError> {
        let mut all = Renames::default();
        renames.iter().for_each(|&(from, to)| all.add(from, to));
        let mut nodes = [Builder::new("n", "Neg").input(input).build()];
        all.apply(&mut nodes, &HashSet::new())?;
        Ok(nodes[0].input[0].clone())
    }

    #[test]
    fn outputs_are_replaced_by_their_canonical_names() {
        assert_eq!(renamed(&[("a", "b:1")], "a:0").as_deref(), Ok("b:1"));
        assert_eq!(renamed(&[("a", "b:1")], "a:1").as_deref(), Ok("a:1"));
        assert_eq!(renamed(&[("a:*", "b")], "^a").as_deref(), Ok("^b"));
        assert_eq!(renamed(&[("a:*", "b"), ("b", "c")], "a:0").as_deref(), Ok("c"));
    }

    #[test]
    fn nodes_of_many_outputs_are_bounded() {
        let mut all = Renames::default();
        (0..100_000).for_each(|port| all.add(format!("a:{port}"), format!("b:{port}")));
        let inputs = (0..100_000).map(|port| format!("a:{port}"));
        let mut nodes = [Builder::new("n", "AddN").inputs(inputs).build()];
        let error = all.apply(&mut nodes, &HashSet::new()).expect_err("10 billion comparisons");
        assert!(error.to_string().contains("too many inputs"), "{error}");
    }

    #[test]
    fn a_circle_of_names_is_an_error() {
        let error = renamed(&[("a", "b"), ("b", "a")], "a").expect_err("a circle");
        assert_eq!(error.to_string(), "RenameNodeInputs argument contains a cycle for a");
    }
}
