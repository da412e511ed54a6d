//! Operators that mean a few nodes of other operators. The importer replaces their nodes, so that what serves the others serves them:
//! kernels, eight-bit forms, passes.

use std::collections::HashMap;

use super::super::evaluate::{evaluate as evaluate_node, evaluate_known};
use super::super::operator::Operator;
use super::arguments::Arguments;
use super::domains::MICROSOFT;
use super::inputs::Inputs;
use super::upgrade::Constants;
use crate::shapes::output_types;
use crate::{Attribute, Error, Graph, Node, Tensor, TensorType};

/// The nodes that a node means, in the order of their computation, ended by the one that writes its output.
pub(crate) type Expand = fn(&Node, &mut Constants<'_>) -> Result<Vec<Node>, Error>;

/// An operator of ONNX Runtime that means a few nodes.
pub(crate) const fn operator(name: &'static str, summary: &'static str, expand: Expand) -> Operator {
    Operator { domains: &[MICROSOFT], expand: Some(expand), ..Operator::new(name, summary, infer, evaluate) }
}

/// The nodes of `node`, whose constants and names are added to `graph`, which has those of the inputs that are known.
fn expanded(node: &Node, graph: &mut Graph) -> Result<Vec<Node>, Error> {
    let expand = node.operator().and_then(|operator| operator.expand);
    let expand = expand.ok_or_else(|| Error::node(node, "means no other nodes"))?;
    let mut constants = Constants::new(graph);
    for name in node.inputs.iter().chain(&node.outputs) {
        constants.names.take(name);
    }
    expand(node, &mut constants)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let known = |index: usize| Some((inputs.node.input(index)?.to_owned(), inputs.value_of(index)?.clone()));
    let constants = (0..inputs.len()).filter_map(known).collect();
    let mut graph = Graph { constants, ..Graph::default() };
    let nodes = expanded(inputs.node, &mut graph)?;
    let mut types: HashMap<String, TensorType> =
        graph.constants.iter().map(|(name, tensor)| (name.clone(), TensorType::of(tensor))).collect();
    for (index, name) in inputs.node.inputs.iter().enumerate() {
        types.extend(inputs.optional(index).map(|of| (name.clone(), of.clone())));
    }
    // Shapes that follow from types decide those of other values.
    let mut values: HashMap<String, Tensor> = graph.constants.into_iter().collect();
    let mut last = Vec::new();
    for node in &nodes {
        let inputs = Inputs::new(node, |name| types.get(name), |name| values.get(name))?;
        last = output_types(&inputs)?;
        let known = evaluate_known(&inputs)?.unwrap_or_default();
        values.extend(node.outputs.iter().cloned().zip(known));
        types.extend(node.outputs.iter().cloned().zip(last.iter().cloned()));
    }
    Ok(last)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let given = args.node().inputs.iter().enumerate();
    let given = given.filter_map(|(index, name)| Some((name.clone(), args.optional(index)?.clone())));
    let mut graph = Graph { constants: given.collect(), ..Graph::default() };
    let nodes = expanded(args.node(), &mut graph)?;
    let mut values: HashMap<String, Tensor> = graph.constants.into_iter().collect();
    let mut last = Vec::new();
    for node in &nodes {
        let inputs: Vec<Option<&Tensor>> =
            (0..node.inputs.len()).map(|index| node.input(index).and_then(|name| values.get(name))).collect();
        last = evaluate_node(node, &inputs)?;
        values.extend(node.outputs.iter().cloned().zip(last.iter().cloned()));
    }
    Ok(last)
}

/// Collects the nodes that a node means.
pub(crate) struct Expansion<'n, 'c, 'g> {
    node: &'n Node,
    pub(crate) constants: &'c mut Constants<'g>,
    nodes: Vec<Node>,
}

impl<'n, 'c, 'g> Expansion<'n, 'c, 'g> {
    pub(crate) fn new(node: &'n Node, constants: &'c mut Constants<'g>) -> Self {
        Self { node, constants, nodes: Vec::new() }
    }

    /// Adds a node of ONNX's operator `op` that reads `inputs`; returns the name of its output. The first node has the name of the
    /// one that is replaced.
    pub(crate) fn add(&mut self, op: &str, inputs: &[&str]) -> String {
        let [output] = self.add_outputs(op, inputs);
        output
    }

    /// As [`add`](Self::add), for several outputs.
    pub(crate) fn add_outputs<const N: usize>(&mut self, op: &str, inputs: &[&str]) -> [String; N] {
        let stem = format!("{}_{op}", self.node.name);
        let name =
            if self.nodes.is_empty() { self.node.name.clone() } else { self.constants.names.fresh(&stem) };
        let outputs: [String; N] = std::array::from_fn(|_| self.constants.names.fresh(&stem));
        let mut node = Node::new(&name, op, inputs, &[]);
        node.outputs.extend(outputs.iter().cloned());
        self.nodes.push(node);
        outputs
    }

    /// Adds an attribute to the last node.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Attribute>) {
        if let Some(node) = self.nodes.last_mut() {
            node.attributes.insert(name.to_owned(), value.into());
        }
    }

    /// The nodes, of which the last writes the node's output.
    pub(crate) fn finish(mut self) -> Result<Vec<Node>, Error> {
        let output = self.node.required_output(0)?.to_owned();
        if let Some(last) = self.nodes.last_mut().and_then(|node| node.outputs.first_mut()) {
            *last = output;
        }
        Ok(self.nodes)
    }
}
