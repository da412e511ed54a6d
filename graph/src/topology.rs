//! Producers and consumers of values, validation, and topological order.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::{Error, Graph, Node, ValueInfo, quoted};

impl Graph {
    /// The index of the node that writes each value; an error if two nodes write one value.
    pub fn producers(&self) -> Result<HashMap<&str, usize>, Error> {
        let mut producers = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for output in named(&node.outputs) {
                if producers.insert(output, index).is_some() {
                    return Err(Error::DuplicateName { kind: "value", name: output.to_owned() });
                }
            }
        }
        Ok(producers)
    }

    /// The indices of the nodes that read each value, ascending; a node that reads a value twice is listed twice.
    pub fn consumers(&self) -> HashMap<&str, Vec<usize>> {
        let mut consumers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for input in named(&node.inputs) {
                consumers.entry(input).or_default().push(index);
            }
        }
        consumers
    }

    /// The names of the graph's outputs: where many values are looked up, which [`Graph::is_output`] would compare with all of them.
    pub(crate) fn output_names(&self) -> HashSet<&str> {
        self.outputs.iter().map(|output| output.name.as_str()).collect()
    }

    /// The names of the graph's inputs, as [`Graph::output_names`].
    pub(crate) fn input_names(&self) -> HashSet<&str> {
        self.inputs.iter().map(|input| input.name.as_str()).collect()
    }

    /// Whether `value` is one of the graph's outputs.
    pub fn is_output(&self, value: &str) -> bool {
        self.outputs.iter().any(|output| output.name == value)
    }

    /// The graph's input called `name`.
    pub fn input_info(&self, name: &str) -> Option<&ValueInfo> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// Checks that the names are consistent: node names are unique, each value has exactly one source (an input,
    /// a constant or a node), every value read and every output of the graph has one, and there is no cycle.
    pub fn validate(&self) -> Result<(), Error> {
        let mut names = HashSet::new();
        for node in &self.nodes {
            if !names.insert(node.name.as_str()) {
                return Err(Error::DuplicateName { kind: "node", name: node.name.clone() });
            }
        }
        let mut sources: HashSet<&str> = HashSet::new();
        for input in &self.inputs {
            if input.name.is_empty() {
                return Err(Error::model("graph inputs", "an input has no name"));
            }
            if !sources.insert(&input.name) {
                return Err(Error::DuplicateName { kind: "input", name: input.name.clone() });
            }
        }
        let produced = self.producers()?;
        for name in self.constants.keys().map(String::as_str).chain(produced.keys().copied()) {
            if !sources.insert(name) {
                return Err(Error::DuplicateName { kind: "value", name: name.to_owned() });
            }
        }
        let mut outputs = HashSet::new();
        for output in &self.outputs {
            if !outputs.insert(output.name.as_str()) {
                return Err(Error::DuplicateName { kind: "output", name: output.name.clone() });
            }
            if !sources.contains(output.name.as_str()) {
                return Err(Error::value(
                    &output.name,
                    "is an output of the graph, but no node, input or constant has this name",
                ));
            }
        }
        self.topological_order().map(|_| ())
    }

    /// An order of the nodes' indices in which each node comes after those whose values it reads. Of the nodes
    /// that could come next it takes the first in the graph, so a graph in order keeps its order.
    ///
    /// # Errors
    ///
    /// A node that reads an unknown value, two nodes that write one value, a cycle.
    pub fn topological_order(&self) -> Result<Vec<usize>, Error> {
        // Kahn's algorithm (CACM 5(11), 1962): no recursion, so a chain of any length is safe.
        let producers = self.producers()?;
        let mut missing = vec![0usize; self.nodes.len()];
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let inputs = self.input_names();
        for (index, node) in self.nodes.iter().enumerate() {
            for input in named(&node.inputs) {
                if let Some(&producer) = producers.get(input) {
                    readers[producer].push(index);
                    missing[index] += 1;
                } else if !inputs.contains(input) && !self.constants.contains_key(input) {
                    return Err(dangling(node, input));
                }
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> =
            (0..self.nodes.len()).filter(|&index| missing[index] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(Reverse(index)) = ready.pop() {
            order.push(index);
            for &reader in &readers[index] {
                missing[reader] -= 1;
                if missing[reader] == 0 {
                    ready.push(Reverse(reader));
                }
            }
        }
        match missing.iter().position(|&count| count > 0) {
            None => Ok(order),
            Some(index) => {
                let node = &self.nodes[index];
                Err(Error::Cycle { node: node.name.clone(), op: node.op.to_string() })
            }
        }
    }
}

fn named(values: &[String]) -> impl Iterator<Item = &str> {
    values.iter().map(String::as_str).filter(|name| !name.is_empty())
}

fn dangling(node: &Node, input: &str) -> Error {
    Error::node(
        node,
        format!(
            "reads {}, which is not the name of an input, a constant or an output of a node",
            quoted(input)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Tensor};

    fn value(name: &str) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(1)] }
    }

    fn graph(nodes: Vec<Node>) -> Graph {
        Graph { inputs: vec![value("x")], outputs: vec![value("y")], nodes, ..Graph::default() }
    }

    #[test]
    fn order_follows_the_values() {
        let graph =
            graph(vec![Node::new("b", "Relu", &["h"], &["y"]), Node::new("a", "Relu", &["x"], &["h"])]);
        graph.validate().expect("valid");
        assert_eq!(graph.topological_order().expect("acyclic"), [1, 0]);
        assert_eq!(graph.consumers()["h"], [0]);
        assert_eq!(graph.producers().expect("unique")["y"], 0);
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let nodes = (0..100_000)
            .map(|i| {
                let input = if i == 0 { "x".to_owned() } else { format!("v{i}") };
                let output = if i == 99_999 { "y".to_owned() } else { format!("v{}", i + 1) };
                Node::new(&format!("n{i}"), "Relu", &[&input], &[&output])
            })
            .collect();
        graph(nodes).validate().expect("valid");
    }

    #[test]
    fn faults_are_named() {
        let cycle = graph(vec![Node::new("a", "Add", &["x", "y"], &["y"])]);
        assert!(matches!(cycle.validate(), Err(Error::Cycle { node, .. }) if node == "a"));
        let dangling = graph(vec![Node::new("a", "Relu", &["z"], &["y"])]);
        assert!(dangling.validate().expect_err("dangling").to_string().contains("\"z\""));
        let twice =
            graph(vec![Node::new("a", "Relu", &["x"], &["y"]), Node::new("b", "Relu", &["x"], &["y"])]);
        assert!(matches!(twice.validate(), Err(Error::DuplicateName { kind: "value", .. })));
        let same =
            graph(vec![Node::new("a", "Relu", &["x"], &["h"]), Node::new("a", "Relu", &["h"], &["y"])]);
        assert!(matches!(same.validate(), Err(Error::DuplicateName { kind: "node", .. })));
        let mut shadow = graph(vec![Node::new("a", "Relu", &["x"], &["y"])]);
        shadow.constants.insert("x".to_owned(), Tensor::scalar(0.0f32));
        assert!(matches!(shadow.validate(), Err(Error::DuplicateName { kind: "value", .. })));
        assert!(graph(vec![]).validate().expect_err("no source").to_string().contains("output of the graph"));
    }
}
