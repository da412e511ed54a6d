//! Adds nodes and constants to the graph.

use std::collections::BTreeMap;

use eightbit_graph::{Attribute, Error, Graph, Node, Op, Tensor, passes};

use super::importer::{Importer, OPSET};
use super::operation::Operation;

impl<'d> Importer<'d> {
    /// The name for a node and a value: that of the node of TensorFlow for the first with an empty `suffix`.
    pub(super) fn fresh(&mut self, operation: &Operation<'d>, suffix: &str) -> String {
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

    /// Adds a node of the operator `kind`, of ONNX's own domain or with the domain before a point, and returns the name of its
    /// output. A node that reads constants alone becomes a constant.
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
        let mut single = passes::fold_constants_within(single, &mut self.folding)?;
        let Some(tensor) = single.constants.remove(output) else { return Ok(None) };
        let bytes = tensor.len() as u64 * tensor.data_type().size() as u64;
        // A graph whose constants grow without end keeps its nodes.
        let Some(left) = self.left.checked_sub(bytes) else { return Ok(None) };
        self.left = left;
        Ok(Some(tensor))
    }
}
