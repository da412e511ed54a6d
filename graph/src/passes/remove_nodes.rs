//! `remove_nodes`: removes identity nodes.

use std::collections::HashMap;

use crate::ops::shared::values::Values;
use crate::ops::{cast, dropout};
use crate::{Error, Graph, Node};

/// Removes `Identity`, inference-mode `Dropout`, `Cast` to the type that the input has, and `Sum`, `Mean`, `Max` and `Min` of a single tensor; their
/// readers read the inputs of the removed nodes.
///
/// Where such a node writes an output of the graph, the node before it takes over that name. The node stays where that is
/// impossible: where it copies an input, a constant or another output of the graph.
///
/// # Errors
///
/// Every error of [`Graph::topological_order`].
pub fn remove_nodes(mut graph: Graph) -> Result<Graph, Error> {
    let values = Values::new(&graph)?;
    let give_back: Vec<bool> =
        graph.nodes.iter().map(|node| gives_back(node, &values)).collect::<Result<_, _>>()?;
    let producers = graph.producers()?;
    let consumers = graph.consumers();
    let outputs = graph.output_names();
    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut removed = vec![false; graph.nodes.len()];
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let is_read = |value: &str| consumers.contains_key(value) || outputs.contains(value);
        if !give_back[index] || node.outputs.iter().skip(1).any(|value| is_read(value)) {
            continue;
        }
        let (input, output) = (node.required_input(0)?, node.required_output(0)?);
        let input = resolve(&renamed, input).to_owned();
        if !outputs.contains(output) {
            renamed.insert(output.to_owned(), input);
        } else if producers.contains_key(input.as_str()) && !outputs.contains(input.as_str()) {
            renamed.insert(input, output.to_owned());
        } else {
            continue;
        }
        removed[index] = true;
    }
    let mut removed = removed.into_iter();
    graph.nodes.retain(|_| removed.next() == Some(false));
    for node in &mut graph.nodes {
        for value in node.inputs.iter_mut().chain(&mut node.outputs) {
            let new = resolve(&renamed, value);
            if new != value {
                *value = new.to_owned();
            }
        }
    }
    Ok(graph)
}

/// The final name of `value`. A chain has at most two links: from a removed node's output to its input, and from there to
/// the output of the graph whose name it took over.
fn resolve<'a>(renamed: &'a HashMap<String, String>, value: &'a str) -> &'a str {
    let mut value = value;
    while let Some(next) = renamed.get(value) {
        value = next;
    }
    value
}

/// Whether the first output of a node is its first input.
fn gives_back(node: &Node, values: &Values<'_>) -> Result<bool, Error> {
    if node.operator().is_some_and(|operator| (operator.copies)(node)) {
        return Ok(true);
    }
    if node.is(&cast::OP) {
        let from = values.data_type(node.required_input(0)?);
        return Ok(from.is_some() && from == Some(cast::to(node)?));
    }
    if !node.is(&dropout::OP) {
        return Ok(false);
    }
    // Operator set 12 added `training_mode`; a mode that is not constant keeps the node.
    Ok(match node.input(2) {
        None => true,
        Some(mode) => match values.constant(mode) {
            Some(mode) => !mode.to_scalar::<bool>().map_err(|error| error.in_node(node))?,
            None => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::passes::testing::{graph, names};

    #[test]
    fn casts_to_the_same_type_are_removed() {
        let graph = graph(vec![
            Node::new("same", "Cast", &["x"], &["a"]).with("to", 1i64),
            Node::new("wide", "Cast", &["a"], &["b"]).with("to", 11i64),
            Node::new("again", "Cast", &["b"], &["c"]).with("to", 11i64),
            Node::new("back", "Cast", &["c"], &["y"]).with("to", 1i64),
        ]);
        let graph = remove_nodes(graph).expect("valid");
        assert_eq!(names(&graph), ["wide", "back"]);
        graph.validate().expect("valid");
    }

    #[test]
    fn readers_skip_what_is_removed() {
        let graph = graph(vec![
            Node::new("i", "Identity", &["x"], &["a"]),
            Node::new("d", "Dropout", &["a", "ratio"], &["b", "mask"]),
            Node::new("r", "Add", &["a", "b"], &["y"]),
        ]);
        let mut graph = graph;
        graph.constants.insert("ratio".to_owned(), Tensor::scalar(0.5f32));
        let graph = remove_nodes(graph).expect("valid");
        assert_eq!(names(&graph), ["r"]);
        assert_eq!(graph.nodes[0].inputs, ["x", "x"]);
    }

    #[test]
    fn what_combines_one_tensor_is_removed() {
        let graph = graph(vec![
            Node::new("sum", "Sum", &["x"], &["a"]),
            Node::new("max", "Max", &["a"], &["b"]),
            Node::new("two", "Sum", &["a", "b"], &["y"]),
        ]);
        let graph = remove_nodes(graph).expect("valid");
        assert_eq!(names(&graph), ["two"]);
        assert_eq!(graph.nodes[0].inputs, ["x", "x"]);
    }

    #[test]
    fn an_output_keeps_its_name() {
        let graph = graph(vec![
            Node::new("r", "Relu", &["x"], &["a"]),
            Node::new("i", "Identity", &["a"], &["b"]),
            Node::new("s", "Relu", &["a"], &["c"]),
            Node::new("j", "Identity", &["b"], &["y"]),
            Node::new("t", "Add", &["b", "c"], &["d"]),
        ]);
        let graph = remove_nodes(graph).expect("valid");
        graph.validate().expect("valid");
        assert_eq!(names(&graph), ["r", "s", "t"]);
        assert_eq!(graph.nodes[0].outputs, ["y"]);
        assert_eq!(graph.nodes[2].inputs, ["y", "c"]);
    }

    #[test]
    fn what_cannot_go_stays() {
        let copy = graph(vec![Node::new("i", "Identity", &["x"], &["y"])]);
        assert_eq!(remove_nodes(copy.clone()).expect("valid"), copy);
        let mut training = graph(vec![Node::new("d", "Dropout", &["x", "", "mode"], &["a"])]);
        training.nodes.push(Node::new("r", "Relu", &["a"], &["y"]));
        training.constants.insert("mode".to_owned(), Tensor::scalar(true));
        assert_eq!(remove_nodes(training.clone()).expect("valid"), training);
        let mask = graph(vec![
            Node::new("d", "Dropout", &["x"], &["a", "m"]),
            Node::new("r", "Where", &["m", "a", "a"], &["y"]),
        ]);
        assert_eq!(remove_nodes(mask.clone()).expect("valid"), mask);
    }
}
