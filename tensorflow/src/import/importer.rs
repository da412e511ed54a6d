//! The graph while it is made.

use std::collections::{HashMap, HashSet};

use eightbit_graph::passes::FoldBudget;
use eightbit_graph::{DataType, Error, Graph, Limits, MissingOperator, Names, Node, Tensor, ValueInfo};

use super::atrous::{self, Detours};
use super::decomposed_norm::DecomposedNorms;
use super::once::ReadOnce;
use super::operation::{DOMAIN, Operation};
use super::{Reference, eight_bit, flow, table};
use crate::proto::{GraphDef, NodeDef};

/// What an output of a node of TensorFlow became.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A value of the graph.
    Named(String),
    /// Never computed: the branch of a condition that does not hold.
    Dead,
    /// Not known, because an operator before it is not implemented.
    Unknown,
}

/// Adds nodes to a [`Graph`].
pub(super) struct Importer<'d> {
    pub(super) graph: Graph,
    pub(super) names: Names,
    /// Names of nodes of TensorFlow that no node of the graph has yet.
    pub(super) own: HashSet<&'d str>,
    values: HashMap<(&'d str, usize), Value>,
    missing: Vec<MissingOperator>,
    /// The position in `missing`, by operator.
    missing_positions: HashMap<&'d str, usize>,
    /// Shapes of values that are computed from constants and are none, such as weights in eight bits.
    shapes: HashMap<String, Vec<usize>>,
    /// See [`atrous`].
    pub(super) detours: Detours,
    /// Bytes that constants may still take.
    pub(super) left: u64,
    /// What folding may still take.
    pub(super) folding: FoldBudget,
    /// See [`eight_bit::quantizes`].
    pub(super) is_eight_bit: bool,
}

impl<'d> Importer<'d> {
    pub(super) fn new(graph: &'d GraphDef) -> Self {
        let mut names = Names::default();
        for node in &graph.node {
            names.take(&node.name);
        }
        Self {
            graph: Graph { name: "tensorflow".to_owned(), opset: OPSET, ..Graph::default() },
            names,
            own: graph.node.iter().map(|node| node.name.as_str()).collect(),
            values: HashMap::new(),
            missing: Vec::new(),
            missing_positions: HashMap::new(),
            shapes: HashMap::new(),
            detours: HashMap::new(),
            left: Limits::default().max_bytes,
            folding: FoldBudget::within(&Limits::default()),
            is_eight_bit: eight_bit::quantizes(graph),
        }
    }

    /// Imports the nodes `order`, of which some are `norms`; an error that lists all operators that are not implemented.
    pub(super) fn run(
        &mut self,
        order: &[&'d NodeDef],
        norms: &DecomposedNorms<'d>,
        once: &ReadOnce<'d>,
    ) -> Result<(), Error> {
        for &node in order {
            // Cut off: an input.
            if !self.values.contains_key(&(node.name.as_str(), 0)) {
                let first = self.graph.nodes.len();
                self.import(node, norms)?;
                self.release(node, once, first);
            }
        }
        if self.missing.is_empty() {
            Ok(())
        } else {
            Err(Error::MissingOperators(std::mem::take(&mut self.missing)))
        }
    }

    /// Removes the constants that `node` alone reads, unless a node that it became, from the graph's node `first`, reads them, or it
    /// passes them on.
    fn release(&mut self, node: &'d NodeDef, once: &ReadOnce<'d>, first: usize) {
        // What stands for blocks of pixels keeps the name of the image.
        if flow::decides(&node.op) || node.op == "SpaceToBatchND" {
            return;
        }
        let constants: Vec<&str> = once.constants(node).collect();
        if constants.is_empty() {
            return;
        }
        let outputs = (0..).map_while(|port| self.values.get(&(node.name.as_str(), port)));
        let passed = outputs.filter_map(|value| match value {
            Value::Named(name) => Some(name.as_str()),
            Value::Dead | Value::Unknown => None,
        });
        let read = self.graph.nodes[first..].iter().flat_map(|node| &node.inputs).map(String::as_str);
        let needed: HashSet<&str> = passed.chain(read).collect();
        let unused: Vec<&str> = constants.into_iter().filter(|name| !needed.contains(name)).collect();
        for name in unused {
            self.graph.constants.remove(name);
        }
    }

    fn import(&mut self, node: &'d NodeDef, norms: &DecomposedNorms<'d>) -> Result<(), Error> {
        let mut values = Vec::with_capacity(node.input.len());
        for input in node.input.iter().map(|input| Reference::new(input)) {
            if let Some(port) = input.port {
                values.push(self.value(input.node, port));
            }
        }
        if let Some(outputs) = flow::outputs(self, node, &values)? {
            self.set(node, outputs);
            return Ok(());
        }
        if values.contains(&Value::Dead) {
            self.set(node, vec![Value::Dead]);
            return Ok(());
        }
        let Some(function) = table::find(&node.op) else {
            self.add_missing(node);
            self.set(node, vec![Value::Unknown]);
            return Ok(());
        };
        let mut inputs = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::Named(name) => inputs.push(name),
                Value::Dead | Value::Unknown => {
                    self.set(node, vec![Value::Unknown]);
                    return Ok(());
                }
            }
        }
        let detour = inputs.first().and_then(|name| self.detours.get(name)).cloned();
        let operation = Operation { node, inputs };
        let is_read = |(index, name): (usize, &String)| {
            self.detours.get(name).is_none_or(|blocks| index == 0 && atrous::may_read(&node.op, blocks))
        };
        if !operation.inputs.iter().enumerate().all(is_read) {
            return Err(
                operation.unsupported("pixels in blocks (SpaceToBatchND): they are read for convolutions")
            );
        }
        let outputs = match norms.import(self, &operation)? {
            Some(normalized) => vec![normalized],
            None => function(self, &operation)?,
        };
        if let (Some(detour), Some(output), true) =
            (detour, outputs.first(), atrous::acts_on_pixels(&node.op))
        {
            self.detours.insert(output.clone(), detour);
        }
        self.set(node, outputs.into_iter().map(Value::Named).collect());
        Ok(())
    }

    /// Reports that the operator of `node` is not implemented.
    pub(super) fn add_missing(&mut self, node: &'d NodeDef) {
        let position = *self.missing_positions.entry(&node.op).or_insert(self.missing.len());
        match self.missing.get_mut(position) {
            Some(missing) => missing.nodes.push(node.name.clone()),
            None => self.missing.push(MissingOperator {
                op: node.op.clone(),
                domain: DOMAIN.to_owned(),
                nodes: vec![node.name.clone()],
            }),
        }
    }

    /// The value of an output of a node. All outputs of a dead or unknown node are as its first.
    pub(super) fn value(&self, node: &str, port: usize) -> Value {
        let of = |port| self.values.get(&(node, port)).cloned();
        match of(port) {
            Some(value) => value,
            None => of(0).filter(|first| *first == Value::Dead).unwrap_or(Value::Unknown),
        }
    }

    fn set(&mut self, node: &'d NodeDef, outputs: Vec<Value>) {
        for (port, value) in outputs.into_iter().enumerate() {
            self.values.insert((&node.name, port), value);
        }
    }

    /// Adds an input of the graph in the place of an output of a node.
    pub(super) fn add_input(
        &mut self,
        node: &'d str,
        port: usize,
        data_type: DataType,
        shape: Vec<Option<usize>>,
    ) {
        let name = Reference { node, port: Some(port) }.value_name();
        self.own.remove(node);
        self.names.take(&name);
        self.values.insert((node, port), Value::Named(name.clone()));
        self.graph.inputs.push(ValueInfo { name, data_type, shape });
    }

    /// Makes the values `outputs` the outputs of the graph, under the names by which TensorFlow calls them. Those that are never
    /// computed are errors, unless it `skips_dead` ones.
    pub(super) fn set_outputs(&mut self, outputs: &[Reference<'_>], skips_dead: bool) -> Result<(), Error> {
        let mut pairs = Vec::with_capacity(outputs.len());
        for output in outputs {
            let name = output.value_name();
            match self.value(output.node, output.port.unwrap_or_default()) {
                Value::Named(value) => pairs.push((value, name)),
                Value::Dead if skips_dead => {}
                Value::Dead => {
                    return Err(Error::value(
                        name,
                        "belongs to the branch of a condition that does not hold",
                    ));
                }
                Value::Unknown => return Err(Error::value(name, "the node has no such output")),
            }
        }
        // A value within the nodes that a node of TensorFlow became may have its name.
        let others = pairs.iter().filter(|(value, name)| value != name);
        let renamed: HashMap<String, String> =
            others.map(|(_, name)| (name.clone(), self.names.fresh(&format!("{name}/inner")))).collect();
        let rename = |name: &mut String| {
            if let Some(new) = renamed.get(name) {
                name.clone_from(new);
            }
        };
        for node in &mut self.graph.nodes {
            node.inputs.iter_mut().chain(&mut node.outputs).for_each(rename);
        }
        for (old, new) in &renamed {
            if let Some(tensor) = self.graph.constants.remove(old) {
                self.graph.constants.insert(new.clone(), tensor);
            }
        }
        for (mut value, name) in pairs {
            if value != name {
                rename(&mut value);
                let node = self.names.fresh(&format!("{name}/output"));
                self.graph.nodes.push(Node::new(&node, "Identity", &[&value], &[&name]));
            }
            self.graph.outputs.push(ValueInfo { name, data_type: DataType::F32, shape: Vec::new() });
        }
        Ok(())
    }

    pub(super) fn into_graph(self) -> Graph {
        self.graph
    }

    /// The tensor called `name`, if it is constant.
    pub(super) fn constant(&self, name: &str) -> Option<&Tensor> {
        self.graph.constants.get(name)
    }

    /// The shape of a value, if it is constant or computed from constants.
    pub(super) fn shape_of(&self, name: &str) -> Option<&[usize]> {
        self.constant(name).map(Tensor::shape).or_else(|| self.shapes.get(name).map(Vec::as_slice))
    }

    /// Remembers the shape of a value that is computed from constants.
    pub(super) fn set_shape(&mut self, name: &str, shape: Vec<usize>) {
        self.shapes.insert(name.to_owned(), shape);
    }

    /// Takes `bytes` from what constants may take.
    pub(super) fn take_bytes(&mut self, operation: &Operation<'_>, bytes: u64) -> Result<(), Error> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| operation.error("the constants of the graph take too much memory"))?;
        Ok(())
    }
}

/// The operator set that the nodes follow.
pub(super) const OPSET: i64 = 13;
