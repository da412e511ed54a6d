//! Constants that a single operator reads: what was folded from them replaces them, so that weights are not held twice.

use std::collections::HashMap;

use super::Reference;
use crate::proto::NodeDef;

/// Which nodes are read once, in the whole graph, outputs included.
#[derive(Debug, Default)]
pub(super) struct ReadOnce<'d> {
    readers: HashMap<&'d str, usize>,
    by_name: HashMap<&'d str, &'d NodeDef>,
}

impl<'d> ReadOnce<'d> {
    /// Counts the readers of the nodes `order` among themselves and the outputs of the graph.
    pub(super) fn new(order: &[&'d NodeDef], outputs: &[Reference<'d>]) -> Self {
        let mut readers = HashMap::new();
        let inputs = order.iter().flat_map(|node| &node.input).map(|input| Reference::new(input));
        for input in inputs.filter(|input| input.port.is_some()).chain(outputs.iter().copied()) {
            *readers.entry(input.node).or_default() += 1;
        }
        Self { readers, by_name: order.iter().map(|node| (node.name.as_str(), *node)).collect() }
    }

    /// Counts `names` as read once more.
    pub(super) fn keep(&mut self, names: impl IntoIterator<Item = &'d str>) {
        for name in names {
            *self.readers.entry(name).or_default() += 1;
        }
    }

    /// Whether `node` is read once.
    pub(super) fn is_read_once(&self, node: &NodeDef) -> bool {
        self.readers.get(node.name.as_str()) == Some(&1)
    }

    /// The `Const` nodes that only `node` reads, at once or through nodes that pass them on.
    pub(super) fn constants(&self, node: &'d NodeDef) -> impl Iterator<Item = &'d str> {
        node.input.iter().filter_map(|input| self.constant(input))
    }

    /// The `Const` node that is read through `input` alone.
    fn constant(&self, input: &'d str) -> Option<&'d str> {
        let mut source = Reference::new(input);
        // A node is read once on this way, which therefore ends.
        loop {
            let node = self.by_name.get(source.node)?;
            if source.port != Some(0) || self.readers.get(source.node) != Some(&1) {
                return None;
            }
            match (node.op.as_str(), &node.input[..]) {
                ("Const", _) => return Some(source.node),
                ("Identity", [before]) => source = Reference::new(before),
                _ => return None,
            }
        }
    }
}
