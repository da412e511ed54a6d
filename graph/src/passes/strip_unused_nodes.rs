//! `strip_unused_nodes`: removes what no output depends on.

use std::collections::HashSet;

use crate::{Error, Graph};

/// Removes nodes and constants that contribute to no output of the graph. The graph's inputs stay, read or not, because
/// callers pass them.
///
/// # Errors
///
/// Two nodes that write one value.
pub fn strip_unused_nodes(mut graph: Graph) -> Result<Graph, Error> {
    let producers = graph.producers()?;
    let mut needed: HashSet<&str> = HashSet::new();
    let mut used = vec![false; graph.nodes.len()];
    let mut open: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    while let Some(value) = open.pop() {
        if !needed.insert(value) {
            continue;
        }
        if let Some(&index) = producers.get(value)
            && !used[index]
        {
            used[index] = true;
            open.extend(graph.nodes[index].inputs.iter().map(String::as_str));
        }
    }
    let needed: HashSet<String> = needed.into_iter().map(str::to_owned).collect();
    let mut used = used.into_iter();
    graph.nodes.retain(|_| used.next() == Some(true));
    graph.constants.retain(|name, _| needed.contains(name));
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{graph, names};
    use crate::{Node, Tensor};

    #[test]
    fn only_what_outputs_need_stays() {
        let mut graph = graph(vec![
            Node::new("dead_end", "Relu", &["dead"], &["nothing"]),
            Node::new("dead", "Add", &["x", "unused"], &["dead"]),
            Node::new("split", "MaxPool", &["x"], &["h", "indices"]),
            Node::new("live", "Add", &["h", "used"], &["y"]),
        ]);
        for name in ["used", "unused", "orphan"] {
            graph.constants.insert(name.to_owned(), Tensor::scalar(1.0f32));
        }
        let graph = strip_unused_nodes(graph).expect("valid");
        assert_eq!(names(&graph), ["split", "live"]);
        assert_eq!(graph.constants.keys().collect::<Vec<_>>(), ["used"]);
        assert_eq!(graph.inputs.len(), 1);
    }

    #[test]
    fn a_constant_output_stays() {
        let mut graph = graph(vec![]);
        graph.constants.insert("y".to_owned(), Tensor::scalar(1.0f32));
        assert_eq!(strip_unused_nodes(graph.clone()).expect("valid"), graph);
    }
}
