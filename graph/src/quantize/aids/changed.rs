//! A graph some of whose weights and biases are replaced.

use crate::{Error, Graph, Names, Tensor, passes};

/// A graph some of whose constants are replaced, each for a single node: others that read the same one keep it.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) graph: Graph,
    names: Names,
    any: bool,
}

impl Changed {
    /// `graph`, of which nothing is replaced yet.
    pub(super) fn of(graph: &Graph) -> Self {
        Self { graph: graph.clone(), names: Names::of(graph), any: false }
    }

    /// Makes node number `node` read `tensor` as its input number `input`.
    pub(super) fn put(&mut self, node: usize, input: usize, tensor: Tensor) {
        let place = &mut self.graph.nodes[node].inputs[input];
        let name = self.names.fresh(place);
        place.clone_from(&name);
        self.graph.constants.insert(name, tensor);
        self.any = true;
    }

    /// The graph without what is no longer read; `None` if nothing was replaced.
    pub(super) fn finish(self) -> Result<Option<Graph>, Error> {
        self.any.then(|| passes::strip_unused_nodes(self.graph)).transpose()
    }
}
