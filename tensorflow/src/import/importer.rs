//! The graph while it is made.

use std::collections::{BTreeMap, HashMap, HashSet};

use eightbit_graph::{
    Attribute, DataType, Error, Graph, Limits, MissingOperator, Names, Node, Op, Tensor, ValueInfo, passes,
};

use super::atrous::{self, Blocks, Detours};
use super::operation::{DOMAIN, Operation};
use super::{Reference, flow, table};
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
    graph: Graph,
    names: Names,
    /// Names of nodes of TensorFlow that no node of the graph has yet.
    own: HashSet<&'d str>,
    values: HashMap<(&'d str, usize), Value>,
    missing: Vec<MissingOperator>,
    /// Shapes of values that are computed from constants and are none, such as weights in eight bits.
    shapes: HashMap<String, Vec<usize>>,
    /// See [`atrous`].
    detours: Detours,
    /// Bytes that constants may still take.
    left: u64,
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
            shapes: HashMap::new(),
            detours: HashMap::new(),
            left: Limits::default().max_bytes,
        }
    }

    /// Imports the nodes `order`; an error that lists all operators that are not implemented.
    pub(super) fn run(&mut self, order: &[&'d NodeDef]) -> Result<(), Error> {
        for &node in order {
            // Cut off: an input.
            if !self.values.contains_key(&(node.name.as_str(), 0)) {
                self.import(node)?;
            }
        }
        if self.missing.is_empty() {
            Ok(())
        } else {
            Err(Error::MissingOperators(std::mem::take(&mut self.missing)))
        }
    }

    fn import(&mut self, node: &'d NodeDef) -> Result<(), Error> {
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
        let outputs = function(self, &operation)?;
        if let (Some(detour), Some(output), true) =
            (detour, outputs.first(), atrous::acts_on_pixels(&node.op))
        {
            self.detours.insert(output.clone(), detour);
        }
        self.set(node, outputs.into_iter().map(Value::Named).collect());
        Ok(())
    }

    /// Reports that the operator of `node` is not implemented.
    pub(super) fn add_missing(&mut self, node: &NodeDef) {
        let same = |missing: &&mut MissingOperator| missing.op == node.op;
        match self.missing.iter_mut().find(same) {
            Some(missing) => missing.nodes.push(node.name.clone()),
            None => self.missing.push(MissingOperator {
                op: node.op.clone(),
                domain: DOMAIN.to_owned(),
                nodes: vec![node.name.clone()],
            }),
        }
    }

    /// The value of an output of a node. All outputs of a dead or unknown node are as its first.
    fn value(&self, node: &str, port: usize) -> Value {
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

    /// Makes the values `outputs` the outputs of the graph, under the names by which TensorFlow calls them.
    pub(super) fn set_outputs(&mut self, outputs: &[Reference<'_>]) -> Result<(), Error> {
        let mut pairs = Vec::with_capacity(outputs.len());
        for output in outputs {
            let name = output.value_name();
            match self.value(output.node, output.port.unwrap_or_default()) {
                Value::Named(value) => pairs.push((value, name)),
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

    /// A value of a detour, which has no node.
    pub(super) fn add_detour(&mut self, operation: &Operation<'d>, blocks: Blocks) -> String {
        let name = self.fresh(operation, "");
        self.detours.insert(name.clone(), blocks);
        name
    }

    /// Marks the value `name`, which a convolution computes, as one of a detour.
    pub(super) fn set_detour(&mut self, name: &str, blocks: Blocks) {
        self.detours.insert(name.to_owned(), blocks);
    }

    /// The detour of which `name` is a value before its convolution.
    pub(super) fn detour(&self, name: &str) -> Option<&Blocks> {
        self.detours.get(name).filter(|blocks| blocks.conv.is_none())
    }

    /// Takes the value `name` out of its detour.
    pub(super) fn end_detour(&mut self, name: &str) -> Option<Blocks> {
        self.detours.remove(name)
    }

    /// Changes an attribute of the node `name`.
    pub(super) fn set_attribute(&mut self, name: &str, attribute: &str, value: Attribute) {
        if let Some(node) = self.graph.nodes.iter_mut().rev().find(|node| node.name == name) {
            node.attributes.insert(attribute.to_owned(), value);
        }
    }

    /// Takes `bytes` from what constants may take.
    pub(super) fn take_bytes(&mut self, operation: &Operation<'_>, bytes: u64) -> Result<(), Error> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| operation.error("the constants of the graph take too much memory"))?;
        Ok(())
    }

    /// The name for a node and a value: that of the node of TensorFlow for the first with an empty `suffix`.
    fn fresh(&mut self, operation: &Operation<'d>, suffix: &str) -> String {
        let name = operation.node.name.as_str();
        match suffix {
            "" if self.own.remove(name) => name.to_owned(),
            "" => self.names.fresh(name),
            _ => self.names.fresh(&format!("{name}/{suffix}")),
        }
    }

    /// Adds a constant.
    pub(super) fn add_constant(&mut self, operation: &Operation<'d>, suffix: &str, tensor: Tensor) -> String {
        let name = self.fresh(operation, suffix);
        self.graph.constants.insert(name.clone(), tensor);
        name
    }

    /// Adds a constant list of integers.
    pub(super) fn add_integers(
        &mut self,
        operation: &Operation<'d>,
        suffix: &str,
        values: Vec<i64>,
    ) -> String {
        self.add_constant(operation, suffix, Tensor::vector(values))
    }

    /// Adds a node of the operator `kind`, of ONNX's own domain or with the domain before a point, and returns the name of its output. A node that reads constants alone becomes a
    /// constant.
    pub(super) fn emit(
        &mut self,
        operation: &Operation<'d>,
        suffix: &str,
        kind: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> Result<String, Error> {
        let name = self.fresh(operation, suffix);
        let node = Self::node(name.clone(), kind, inputs, vec![name.clone()], attributes);
        match self.folded(&node)? {
            Some(tensor) => drop(self.graph.constants.insert(name.clone(), tensor)),
            None => self.graph.nodes.push(node),
        }
        Ok(name)
    }

    /// As [`emit`](Self::emit), for a node with `count` outputs, which stays a node.
    pub(super) fn emit_many(
        &mut self,
        operation: &Operation<'d>,
        kind: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
        count: usize,
    ) -> Vec<String> {
        let name = self.fresh(operation, "");
        let mut outputs = vec![name.clone()];
        for port in 1..count {
            outputs.push(self.names.fresh(&format!("{name}:{port}")));
        }
        self.graph.nodes.push(Self::node(name, kind, inputs, outputs.clone(), attributes));
        outputs
    }

    /// As [`emit`](Self::emit), for a node that stays one even if it reads constants alone.
    pub(super) fn emit_kept(
        &mut self,
        operation: &Operation<'d>,
        suffix: &str,
        kind: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        let name = self.fresh(operation, suffix);
        self.graph.nodes.push(Self::node(name.clone(), kind, inputs, vec![name.clone()], attributes));
        name
    }

    fn node(
        name: String,
        kind: &str,
        inputs: &[&str],
        outputs: Vec<String>,
        attributes: &[(&str, Attribute)],
    ) -> Node {
        Node {
            name,
            op: kind.rsplit_once('.').map_or_else(|| Op::from(kind), |(domain, kind)| Op::new(domain, kind)),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs,
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        }
    }

    /// The output of `node`, if it reads constants alone and is not too large.
    fn folded(&mut self, node: &Node) -> Result<Option<Tensor>, Error> {
        let of_constant = |name: &String| Some((name.clone(), self.constant(name)?.clone()));
        let inputs = node.inputs.iter().filter(|name| !name.is_empty());
        let Some(constants) = inputs.map(of_constant).collect::<Option<BTreeMap<_, _>>>() else {
            return Ok(None);
        };
        let Some(output) = node.outputs.first() else { return Ok(None) };
        let single = Graph { opset: OPSET, nodes: vec![node.clone()], constants, ..Graph::default() };
        let mut single = passes::fold_constants(single)?;
        let Some(tensor) = single.constants.remove(output) else { return Ok(None) };
        let bytes = tensor.len() as u64 * tensor.data_type().size() as u64;
        // A graph whose constants grow without end keeps its nodes.
        let Some(left) = self.left.checked_sub(bytes) else { return Ok(None) };
        self.left = left;
        Ok(Some(tensor))
    }
}

/// The operator set that the nodes follow.
const OPSET: i64 = 13;
