//! Lets nodes read other outputs than before.

use std::collections::{HashMap, HashSet};

use super::super::TransformError;
use crate::node::{Input, node_name};
use crate::proto::NodeDef;

/// Which outputs to replace by which others. The source `node:*` stands for all outputs of the node, its control output included:
/// they become the same outputs of the other node.
#[derive(Debug, Default)]
pub(crate) struct Renames {
    by_node: HashMap<String, Vec<(String, String)>>,
}

impl Renames {
    pub(crate) fn add(&mut self, from: impl Into<String>, to: impl Into<String>) {
        let (from, to) = (from.into(), to.into());
        // As in a map of sources: the last one counts.
        let renames = self.by_node.entry(node_name(&from).to_owned()).or_default();
        match renames.iter_mut().find(|(known, _)| *known == from) {
            Some((_, old)) => *old = to,
            None => {
                renames.push((from, to));
                renames.sort();
            }
        }
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
        for node in nodes {
            let skip = except.contains(&node.name);
            for input in &mut node.input {
                if let Some(renamed) = self.renamed(input, skip)? {
                    *input = renamed;
                }
            }
        }
        Ok(())
    }

    fn renamed(&self, input: &str, skip: bool) -> Result<Option<String>, TransformError> {
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
    fn a_circle_of_names_is_an_error() {
        let error = renamed(&[("a", "b"), ("b", "a")], "a").expect_err("a circle");
        assert_eq!(error.to_string(), "RenameNodeInputs argument contains a cycle for a");
    }
}
