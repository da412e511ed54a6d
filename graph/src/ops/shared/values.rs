//! What the quantizer knows about a float graph's values when it decides roles: constants and types, no shapes.

use std::collections::HashMap;

use crate::{DataType, Error, Graph, Tensor};

/// The constants of a graph and the types of its values.
pub(crate) struct Values<'a> {
    graph: &'a Graph,
    types: HashMap<&'a str, DataType>,
}

impl<'a> Values<'a> {
    /// Infers the types of the values of `graph`.
    pub(crate) fn new(graph: &'a Graph) -> Result<Self, Error> {
        let mut types: HashMap<&str, DataType> = HashMap::new();
        types.extend(graph.inputs.iter().map(|input| (input.name.as_str(), input.data_type)));
        types.extend(graph.constants.iter().map(|(name, tensor)| (name.as_str(), tensor.data_type())));
        for index in graph.topological_order()? {
            let node = &graph.nodes[index];
            let Some(operator) = node.operator() else { continue };
            let inputs: Vec<Option<DataType>> = (0..node.inputs.len())
                .map(|input| node.input(input).and_then(|input| types.get(input)).copied())
                .collect();
            if let Some(data_type) = (operator.output_type)(node, &inputs) {
                types.extend(operator.data_outputs(node).map(|output| (output, data_type)));
            }
        }
        Ok(Self { graph, types })
    }

    /// The type of a value, if it is known.
    pub(crate) fn data_type(&self, value: &str) -> Option<DataType> {
        self.types.get(value).copied()
    }

    /// The constant called `value`, if it is one.
    pub(crate) fn constant(&self, value: &str) -> Option<&'a Tensor> {
        self.graph.constants.get(value)
    }

    /// Whether `value` is a constant.
    pub(crate) fn is_constant(&self, value: &str) -> bool {
        self.constant(value).is_some()
    }
}
