//! Replaces the matches of a pattern in turn, in a time that does not grow with the number of those that share a node.

use std::collections::{HashMap, HashSet};

use super::super::TransformError;
use super::super::context::Context;
use super::graph::by_name;
use super::order::execution_order;
use super::pattern::{Match, Pattern, match_at};
use super::replace::{Found, Missing};
use crate::node::node_name;
use crate::proto::NodeDef;

/// As [`replace`](super::replace::replace), again and again as long as there are matches, in one pass. Each head is tried once, in
/// the order of execution, so a replacement must not make others; it keeps the name of the head.
pub(crate) fn replace_in_turn(
    nodes: Vec<NodeDef>,
    pattern: &Pattern<'_>,
    missing: Missing,
    context: &mut Context,
    mut replacement: impl FnMut(&Found<'_>) -> Result<Vec<NodeDef>, TransformError>,
) -> Result<Vec<NodeDef>, TransformError> {
    let (order, _) = execution_order(&nodes);
    let mut graph = Changing::new(nodes, &order);
    for head in order {
        let Some(matched) = graph.match_at(head, pattern) else { continue };
        let found = Found::new(&graph.nodes, &matched, graph.used(&matched));
        if let Some(new) = found.checked(replacement(&found)?, missing, context) {
            graph.replace(&matched, new);
        }
    }
    Ok(graph.finish())
}

/// A graph whose nodes are replaced one after the other.
struct Changing {
    /// All nodes that there ever were.
    nodes: Vec<NodeDef>,
    is_left: Vec<bool>,
    /// Whether a node can be part of a match: those of a cycle, which do not run, cannot.
    runs: Vec<bool>,
    /// The positions of the nodes that are left, by name.
    names: HashMap<String, usize>,
    /// How often inputs name a node.
    reads: HashMap<String, usize>,
    /// For each of the first nodes, what stands in its place.
    places: Vec<Vec<usize>>,
}

impl Changing {
    fn new(nodes: Vec<NodeDef>, order: &[usize]) -> Self {
        let names = by_name(&nodes).into_iter().map(|(name, index)| (name.to_owned(), index)).collect();
        let mut runs = vec![false; nodes.len()];
        order.iter().for_each(|&index| runs[index] = true);
        let mut reads = HashMap::new();
        nodes.iter().for_each(|node| count(&mut reads, node));
        let places = (0..nodes.len()).map(|index| vec![index]).collect();
        Self { is_left: vec![true; nodes.len()], nodes, runs, names, reads, places }
    }

    fn match_at(&self, head: usize, pattern: &Pattern<'_>) -> Option<Match> {
        let is_free = |&index: &usize| self.is_left[index] && self.runs[index];
        let position = |name: &str| self.names.get(name).copied().filter(is_free);
        is_free(&head).then(|| match_at(&self.nodes, head, pattern, &position)).flatten()
    }

    /// The nodes of a match that others read.
    fn used(&self, matched: &Match) -> HashSet<usize> {
        let inside = matched.nodes();
        let mut reads = HashMap::new();
        inside.iter().for_each(|&index| count(&mut reads, &self.nodes[index]));
        let is_used = |index: &usize| {
            let name = &self.nodes[*index].name;
            self.reads.get(name) > reads.get(name)
        };
        inside.into_iter().filter(is_used).collect()
    }

    /// Puts `new` in the place of the head of a match, and takes the nodes of the match away.
    fn replace(&mut self, matched: &Match, new: Vec<NodeDef>) {
        for index in matched.nodes() {
            let node = &self.nodes[index];
            self.is_left[index] = false;
            for input in &node.input {
                self.reads.entry(node_name(input).to_owned()).and_modify(|reads| *reads -= 1);
            }
            if self.names.get(&node.name) == Some(&index) {
                self.names.remove(&node.name);
            }
        }
        for node in new {
            let index = self.nodes.len();
            count(&mut self.reads, &node);
            self.names.insert(node.name.clone(), index);
            self.places[matched.node].push(index);
            self.nodes.push(node);
            self.is_left.push(true);
            self.runs.push(true);
        }
    }

    fn finish(self) -> Vec<NodeDef> {
        let Self { nodes, is_left, places, .. } = self;
        let mut nodes: Vec<Option<NodeDef>> =
            nodes.into_iter().zip(is_left).map(|(node, is_left)| is_left.then_some(node)).collect();
        places.into_iter().flatten().filter_map(|index| nodes[index].take()).collect()
    }
}

/// Counts what a node reads.
fn count(reads: &mut HashMap<String, usize>, node: &NodeDef) {
    for input in &node.input {
        *reads.entry(node_name(input).to_owned()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Builder;
    use crate::transforms::shared::replace::replace;

    /// `Relu` of `Const`, which becomes `Neg` of it.
    fn negated(found: &Found<'_>) -> Result<Vec<NodeDef>, TransformError> {
        let mut head = found.at(&[]).clone();
        head.op = "Neg".to_owned();
        let kept = found.is_used_elsewhere(&[0]).then(|| found.at(&[0]).clone());
        head.input.truncate(usize::from(kept.is_some()));
        Ok(kept.into_iter().chain([head]).collect())
    }

    #[test]
    fn the_result_is_that_of_many_passes() {
        let node = |name: &str, op: &str, inputs: &[&str]| {
            Builder::new(name, op).inputs(inputs.iter().map(|&input| input.to_owned())).build()
        };
        let mut nodes = vec![
            node("a", "Relu", &["c"]),
            node("c", "Const", &[]),
            node("loop", "Relu", &["loop"]),
            node("b", "Relu", &["c"]),
            node("d", "Abs", &["b"]),
            node("e", "Relu", &["c", "^d"]),
            node("alone", "Const", &[]),
            node("f", "Relu", &["alone"]),
            node("g", "Relu", &["c"]),
        ];
        let pattern = Pattern::with("Relu", [Pattern::op("Const")]);
        let context = &mut Context::default();
        let in_turn =
            replace_in_turn(nodes.clone(), &pattern, Missing::Accept, context, negated).expect("in turn");
        let mut count = 1;
        while count > 0 {
            (nodes, count) = replace(&nodes, &pattern, Missing::Accept, context, negated).expect("a pass");
        }
        assert_eq!(in_turn, nodes);
        let of = |op: &str| in_turn.iter().filter(|node| node.op == op).count();
        assert_eq!([of("Neg"), of("Relu"), of("Const")], [5, 1, 1], "nobody else reads one constant");
    }
}
