//! `sort_by_execution_order`: sorts nodes topologically.

use crate::{Error, Graph};

/// Moves each node after those whose values it reads. A sorted graph is unchanged.
///
/// # Errors
///
/// Every error of [`Graph::topological_order`].
pub fn sort_by_execution_order(mut graph: Graph) -> Result<Graph, Error> {
    let order = graph.topological_order()?;
    let mut nodes: Vec<_> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
    graph.nodes = order.into_iter().filter_map(|index| nodes[index].take()).collect();
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;
    use crate::passes::testing::{graph, names};

    #[test]
    fn readers_come_after_writers() {
        let mixed = graph(vec![
            Node::new("c", "Add", &["a", "b"], &["y"]),
            Node::new("b", "Relu", &["a"], &["b"]),
            Node::new("a", "Relu", &["x"], &["a"]),
        ]);
        let sorted = sort_by_execution_order(mixed).expect("acyclic");
        assert_eq!(names(&sorted), ["a", "b", "c"]);
        assert_eq!(sort_by_execution_order(sorted.clone()).expect("acyclic"), sorted);
    }

    #[test]
    fn a_cycle_is_an_error() {
        let cycle =
            graph(vec![Node::new("a", "Relu", &["y"], &["z"]), Node::new("b", "Relu", &["z"], &["y"])]);
        assert!(matches!(sort_by_execution_order(cycle), Err(Error::Cycle { .. })));
    }
}
