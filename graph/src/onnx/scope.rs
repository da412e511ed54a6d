//! Converts graphs: that of the model, and those in attributes of its nodes.

use std::collections::{BTreeMap, HashSet};

use super::broadcast::is_aligned;
use super::external::External;
use super::functions::Functions;
use super::half::Widened;
use super::narrow::{Narrow, NarrowConstants};
use super::proto::{GraphProto, NodeProto, TensorProto, ValueInfoProto};
use super::value::{checked, unknown_rank, value};
use super::{tensor, upgrade};
use crate::ops::constant;
use crate::{Attribute, DataType, Error, Graph, Names, Node, Tensor, ValueInfo, quoted};

/// What the whole model shares while it is read.
pub(super) struct Importer<'m> {
    pub(super) functions: Functions<'m>,
    pub(super) external: External,
    pub(super) widened: Widened,
    pub(super) narrow: NarrowConstants,
    /// What is not supported, so that all of it can be named.
    pub(super) problems: Vec<Error>,
}

/// What the meaning of a node depends on beside the node.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The version of ONNX's own operator set; `None` if it is not imported.
    pub(super) version: Option<i64>,
    /// The attributes of the call, for nodes of a function.
    pub(super) attributes: Option<&'a BTreeMap<String, Attribute>>,
    /// The number of calls and graphs around the node.
    pub(super) depth: usize,
}

/// A graph in the making.
#[derive(Default)]
pub(super) struct Body {
    pub(super) graph: Graph,
    /// For each node, the version of the operator set that it follows.
    versions: Vec<Option<i64>>,
    pub(super) node_names: Names,
    /// Names of values, if functions may add some.
    pub(super) value_names: Names,
}

impl Importer<'_> {
    /// The graph of the model, and the names of its outputs without a shape.
    pub(super) fn model(
        &mut self,
        proto: GraphProto,
        scope: Scope<'_>,
    ) -> Result<(Graph, Vec<String>), Error> {
        let (inputs, outputs) = (proto.input.clone(), proto.output.clone());
        let mut graph = self.contents(proto, scope)?;
        for input in inputs {
            // Files of version 3 and older also list constants among the inputs.
            if graph.constants.contains_key(&input.name) {
                continue;
            }
            let input = value(input).and_then(|input| match input.dims {
                Some(_) => Ok(input),
                None => Err(unknown_rank(&input.name)),
            });
            if let Some(input) = self.supported(input)? {
                self.widened.values.extend(input.is_half.then(|| input.name.clone()));
                let input = input.of(&mut graph);
                graph.inputs.push(input);
            }
        }
        let mut unknown = Vec::new();
        for output in outputs {
            let Some(output) = self.supported(value(output))? else { continue };
            self.widened.values.extend(output.is_half.then(|| output.name.clone()));
            if output.dims.is_none() {
                unknown.push(output.name.clone());
            }
            let output = output.of(&mut graph);
            graph.outputs.push(output);
        }
        Ok((graph, unknown))
    }

    /// The graph in an attribute of a node, and the values that it takes from the graph around it, which become its last inputs.
    pub(super) fn subgraph(
        &mut self,
        proto: GraphProto,
        scope: Scope<'_>,
    ) -> Result<(Graph, Vec<String>), Error> {
        let names = |values: &[ValueInfoProto]| -> Result<Vec<String>, Error> {
            values.iter().map(|value| checked(value.name.clone(), "input or output of a subgraph")).collect()
        };
        let (inputs, outputs) = (names(&proto.input)?, names(&proto.output)?);
        let mut graph = self.contents(proto, scope)?;
        if let Some(node) = graph.nodes.iter().find(|node| is_aligned(node)) {
            let reason =
                "its inputs are broadcast from an axis, in a subgraph: convert the model to operator set 7";
            self.problems.push(Error::unsupported(node, reason));
        }
        let mut known: HashSet<&str> =
            inputs.iter().chain(graph.constants.keys()).map(String::as_str).collect();
        known.extend(graph.nodes.iter().flat_map(|node| &node.outputs).map(String::as_str));
        let read = graph.nodes.iter().flat_map(|node| &node.inputs).chain(&outputs);
        let mut captured: Vec<String> = Vec::new();
        for name in read.filter(|name| !name.is_empty()) {
            if known.insert(name) {
                captured.push(name.clone());
            }
        }
        // The types are those of the values around it.
        let info =
            |name: &String| ValueInfo { name: name.clone(), data_type: DataType::F32, shape: Vec::new() };
        (graph.inputs, graph.outputs) =
            (inputs.iter().chain(&captured).map(info).collect(), outputs.iter().map(info).collect());
        Ok((graph, captured))
    }

    /// Constants and nodes.
    fn contents(&mut self, proto: GraphProto, scope: Scope<'_>) -> Result<Graph, Error> {
        let mut body = Body::default();
        if !self.functions.is_empty() {
            take_names(&proto, &mut body.value_names);
        }
        body.graph.name = checked(proto.name, "graph")?;
        if !proto.sparse_initializer.is_empty() {
            let error = Error::unsupported_model("sparse initializers", "store them as dense tensors");
            self.problems.push(error);
        }
        for initializer in proto.initializer {
            let narrow = Narrow::of(initializer.data_type).filter(|_| scope.depth == 0);
            let initializer = self.initializer(initializer, narrow.is_some());
            if let (Some(narrow), Ok((name, _))) = (narrow, &initializer) {
                self.narrow.insert(name.clone(), narrow);
            }
            if let Some((name, tensor)) = self.supported(initializer)? {
                insert_constant(&mut body.graph.constants, name, tensor)?;
            }
        }
        for (index, node) in proto.node.into_iter().enumerate() {
            self.add(node, index, scope, &mut body)?;
        }
        let Body { mut graph, versions, .. } = body;
        upgrade::upgrade(&mut graph, &versions, &mut self.problems)?;
        Ok(graph)
    }

    /// Adds a node, or what stands for it.
    fn add(
        &mut self,
        proto: NodeProto,
        index: usize,
        scope: Scope<'_>,
        body: &mut Body,
    ) -> Result<(), Error> {
        let overload = proto.overload.clone();
        let node = self.node(proto, index, scope, &mut body.node_names);
        match self.supported(node)? {
            Some(node) => self.push(node, &overload, scope, body),
            None => Ok(()),
        }
    }

    /// Adds a node whose names are those of the graph: nodes for the call of a function, a constant for a `Constant`.
    pub(super) fn push(
        &mut self,
        node: Node,
        overload: &str,
        scope: Scope<'_>,
        body: &mut Body,
    ) -> Result<(), Error> {
        if let Some(function) = self.functions.find(&node, overload) {
            return self.call(node, function, scope, body);
        }
        if node.is(&constant::OP) {
            let name = node.required_output(0)?.to_owned();
            let value = self.supported(constant::value(&node))?;
            return value.map_or(Ok(()), |value| insert_constant(&mut body.graph.constants, name, value));
        }
        if node.op.domain().is_empty() && scope.version.is_none() {
            self.problems
                .push(Error::unsupported(&node, "the model does not import the operator set ai.onnx"));
        }
        body.graph.nodes.push(node);
        body.versions.push(scope.version);
        Ok(())
    }

    /// Integers of less than a byte are read where `narrow` says so.
    fn initializer(&mut self, proto: TensorProto, narrow: bool) -> Result<(String, Tensor), Error> {
        let name = checked(proto.name.clone(), "initializer")?;
        if name.is_empty() {
            return Err(Error::model("initializer", "it has no name"));
        }
        let what = format!("initializer {}", quoted(&name));
        let tensor = if narrow {
            tensor::from_proto(proto, &what, &mut self.external)?
        } else {
            self.tensor(proto, &what)?
        };
        Ok((name, tensor))
    }

    /// The tensor `what`.
    pub(super) fn tensor(&mut self, proto: TensorProto, what: &str) -> Result<Tensor, Error> {
        self.widened.constants += usize::from(tensor::is_half(proto.data_type));
        // Of narrow types it is known which nodes read them only where constants have the names of the model.
        tensor::data_type(proto.data_type, what)?;
        tensor::from_proto(proto, what, &mut self.external)
    }

    /// `None` for what is not supported, which is listed with everything else that is not.
    pub(super) fn supported<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_about_support() => {
                self.problems.push(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn insert_constant(
    constants: &mut BTreeMap<String, Tensor>,
    name: String,
    tensor: Tensor,
) -> Result<(), Error> {
    match constants.insert(name.clone(), tensor) {
        None => Ok(()),
        Some(_) => Err(Error::DuplicateName { kind: "constant", name }),
    }
}

/// Marks all names of values of a graph as taken.
fn take_names(proto: &GraphProto, names: &mut Names) {
    let values = proto.input.iter().chain(&proto.output).map(|value| &value.name);
    let constants = proto.initializer.iter().map(|constant| &constant.name);
    let of_nodes = proto.node.iter().flat_map(|node| node.input.iter().chain(&node.output));
    for name in values.chain(constants).chain(of_nodes) {
        names.take(name);
    }
}
