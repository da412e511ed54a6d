//! Unique names for the nodes and values that importers and passes add.

use std::collections::{HashMap, HashSet};

use crate::Graph;

/// Generates names that no node and no value of a graph has.
#[derive(Clone, Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
    /// The last number tried for each stem, so that many names with one stem do not take quadratic time.
    last: HashMap<String, u64>,
}

impl Names {
    /// Names that are free in `graph`.
    pub fn of(graph: &Graph) -> Self {
        let mut taken: HashSet<String> = graph.constants.keys().cloned().collect();
        taken.extend(graph.inputs.iter().chain(&graph.outputs).map(|value| value.name.clone()));
        for node in &graph.nodes {
            taken.insert(node.name.clone());
            taken.extend(node.inputs.iter().chain(&node.outputs).cloned());
        }
        Self { taken, last: HashMap::new() }
    }

    /// Marks `name` as taken; `false` if it was taken already.
    pub fn take(&mut self, name: &str) -> bool {
        self.taken.insert(name.to_owned())
    }

    /// `stem` itself if it is free, else `stem_1`, `stem_2`, …; taken from now on.
    pub fn fresh(&mut self, stem: &str) -> String {
        if self.take(stem) {
            return stem.to_owned();
        }
        let mut number = self.last.get(stem).copied().unwrap_or(0);
        loop {
            number += 1;
            let name = format!("{stem}_{number}");
            if self.take(&name) {
                self.last.insert(stem.to_owned(), number);
                return name;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    #[test]
    fn names_are_fresh() {
        let graph = Graph { nodes: vec![Node::new("y_1", "Relu", &["x"], &["y"])], ..Graph::default() };
        let mut names = Names::of(&graph);
        assert_eq!(names.fresh("z"), "z");
        assert_eq!(names.fresh("z"), "z_1");
        assert_eq!(names.fresh("y"), "y_2");
        assert_eq!(names.fresh("y"), "y_3");
    }
}
