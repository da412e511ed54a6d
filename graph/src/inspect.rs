//! What is in a model: its nodes with their shapes and costs, what would become eight-bit, and what stops it from running.

use std::collections::{BTreeMap, HashSet};

use crate::ops::evaluate;
use crate::ops::shared::inputs::Inputs;
use crate::quantize::{Role, Roles, simplified};
use crate::shapes::{PartialShapes, ShapeOptions, infer_partial_shapes};
use crate::{Error, Graph, Node, TensorType};

/// What is known of a node before it runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeFacts {
    /// The types of its outputs; `None` for those that are not known.
    pub outputs: Vec<Option<TensorType>>,
    /// Elements of the constants that it is the first node to read.
    pub parameters: u64,
    /// Multiplications and additions of products; 0 for other operators, `None` if shapes are not known.
    pub macs: Option<u64>,
    /// Its role if the graph is quantized; `None` if it is folded into constants or other nodes before, or is eight-bit already.
    pub role: Option<Role>,
}

/// What is known of a model before it runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// For each node of the graph, in its order.
    pub nodes: Vec<NodeFacts>,
    /// What stops the model: see [`PartialShapes::errors`].
    pub errors: Vec<Error>,
}

/// Inspects `graph` with the sizes in `options`. A graph that cannot run is inspected as far as it is understood.
///
/// # Errors
///
/// Every error of [`Graph::validate`].
pub fn inspect(graph: &Graph, options: &ShapeOptions) -> Result<Inspection, Error> {
    graph.validate()?;
    let known = infer_partial_shapes(graph, options)?;
    let roles = roles(graph);
    let mut counted = HashSet::new();
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let constants = node.inputs.iter().filter_map(|name| graph.constants.get_key_value(name));
        let first = constants.filter(|(name, _)| counted.insert(name.as_str()));
        let type_of = |name: &String| known.types.get(name).cloned();
        nodes.push(NodeFacts {
            parameters: first.map(|(_, tensor)| tensor.len() as u64).sum(),
            outputs: node.outputs.iter().map(type_of).collect(),
            macs: macs(graph, node, &known),
            role: roles.get(&node.name).cloned(),
        });
    }
    Ok(Inspection { nodes, errors: known.errors })
}

/// The number of products that a node adds up.
fn macs(graph: &Graph, node: &Node, known: &PartialShapes) -> Option<u64> {
    if node.operator().is_none_or(|operator| !operator.multiplies) {
        return Some(0);
    }
    let inputs = Inputs::new(node, |name| known.types.get(name), |name| known.value(graph, name)).ok()?;
    evaluate::macs(&inputs, known.types.get(node.output(0)?)?)
}

/// The roles of the nodes by name, as [`quantize`](crate::quantize::quantize) decides them after its passes over the float graph.
fn roles(graph: &Graph) -> BTreeMap<String, Role> {
    // A graph that is eight-bit already has no roles.
    let Ok(roles) = simplified(graph.clone(), |_| {}).and_then(|float| Roles::new(&float)) else {
        return BTreeMap::new();
    };
    roles.iter().map(|(name, role)| (name.to_owned(), role.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Tensor, ValueInfo};

    #[test]
    fn what_cannot_run_does_not_hide_what_can() {
        let value = |name: &str| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: [1, 2, 5, 5].map(Some).to_vec(),
        };
        let mut graph = Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes: vec![
                Node::new("conv", "Conv", &["x", "w"], &["a"]),
                Node::new("odd", "Frobnicate", &["a"], &["b"]),
                Node::new("relu", "Relu", &["b"], &["y"]),
            ],
            ..Graph::default()
        };
        graph.constants.insert("w".to_owned(), Tensor::zeros([4, 2, 3, 3], DataType::F32).expect("small"));
        let found = inspect(&graph, &ShapeOptions::default()).expect("valid");
        let [conv, odd, relu] = &found.nodes[..] else { panic!("three nodes") };
        assert_eq!((conv.parameters, conv.macs), (72, Some(4 * 9 * 18)));
        assert_eq!(conv.outputs[0].as_ref().map(|of| of.shape.clone()), Some(vec![1, 4, 3, 3]));
        assert_eq!(conv.role, Some(Role::Quantized));
        assert_eq!((&odd.outputs[0], &relu.outputs[0]), (&None, &None));
        assert!(matches!(found.errors[..], [Error::MissingOperators(_)]));
    }
}
