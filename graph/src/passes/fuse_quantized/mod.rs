//! `fuse_quantized`: from QDQ form to operators on bytes.

mod bias;
mod bytes;
mod chain;
mod operators;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ops::indexing;
use crate::{Attribute, Error, Graph, Names, Node, Tensor, ops};

use bytes::{Bytes, read_parameters};
use chain::Chain;

/// Domain of the operators that ONNX and ONNX Runtime do not name.
pub const DOMAIN: &str = "eightbit";

/// Rewrites a graph in QDQ form (float operators between `DequantizeLinear` and `QuantizeLinear`) into one whose
/// operators read and write bytes, so that running it is executing its nodes:
///
/// * `Conv`, `MatMul`, `Gemm` become `QLinearConv`, `QLinearMatMul` and `QGemm` (domain `com.microsoft`, as the next);
/// * their weights may be floats behind a `QuantizeLinear`, as training with quantization in mind leaves them: the bytes
///   are made here, once, also where they are transposed before the product;
/// * their biases may be floats or have steps of their own: they are rounded to whole steps of the accumulator
///   (`alpha · a_scale · b_scale`) where that moves no result by more than 1/16 of an output step; other products stay
///   float, as do those with a bias for each row;
/// * `Add`, `Mul`, `Concat`, `AveragePool`, `GlobalAveragePool` and `ReduceMean` over the pixels become `QLinearAdd`, …;
/// * a `Relu` or `Clip` before the `QuantizeLinear` becomes their attributes `clamp_low` and `clamp_high`, in steps of
///   the output: rounding keeps the order, so that is exact;
/// * other unary operators and changes of scale become `LookupTable` (domain [`DOMAIN`]): 256 outputs, indexed by the
///   input's byte, each computed as the float operators would have;
/// * `MaxPool`, `Reshape`, `Transpose` and others that only move data do so with bytes.
///
/// What has no such form stays float, between the `DequantizeLinear` and `QuantizeLinear` that it needs. The results
/// differ from those of the float operators by rounding only: sums are exact, and scaled once.
///
/// # Errors
///
/// A graph whose nodes do not hold together.
pub fn fuse_quantized(graph: &Graph) -> Result<Graph, Error> {
    let mut fuser = Fuser::new(graph);
    for index in graph.topological_order()? {
        if !fuser.taken.contains(&index) {
            fuser.node(index)?;
        }
    }
    fuser.finish()
}

/// Operators whose outputs are elements of their input: they do with bytes what they do with floats.
const MOVES: [&str; 8] =
    ["MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Pad"];

struct Fuser<'a> {
    graph: &'a Graph,
    consumers: HashMap<&'a str, Vec<usize>>,
    nodes: Vec<Node>,
    constants: BTreeMap<String, Tensor>,
    names: Names,
    /// Float values that are bytes, dequantized; the `DequantizeLinear` is added where someone needs the floats.
    lazy: HashMap<String, Bytes>,
    /// Values that are others under a second name.
    renamed: HashMap<String, String>,
    /// Float values whose `DequantizeLinear` was added.
    floats: HashSet<String>,
    /// Nodes that became part of an earlier one.
    taken: HashSet<usize>,
}

impl<'a> Fuser<'a> {
    fn new(graph: &'a Graph) -> Fuser<'a> {
        let mut constants = graph.constants.clone();
        for node in &graph.nodes {
            if let (true, Some(output), Some(Attribute::Tensor(value))) =
                (node.is("Constant"), node.output(0), node.attributes.get("value"))
            {
                constants.insert(output.to_owned(), value.clone());
            }
        }
        Fuser {
            graph,
            consumers: graph.consumers(),
            nodes: Vec::with_capacity(graph.nodes.len()),
            constants,
            names: Names::of(graph),
            lazy: HashMap::new(),
            renamed: HashMap::new(),
            floats: HashSet::new(),
            taken: HashSet::new(),
        }
    }

    fn node(&mut self, index: usize) -> Result<(), Error> {
        let node = &self.graph.nodes[index];
        let fused = if node.is("Constant") {
            self.constants.contains_key(node.required_output(0)?)
        } else if node.is("DequantizeLinear") {
            self.dequantize(node)?
        } else if node.is("QuantizeLinear") && self.reads_constants(node) {
            self.evaluate(node, node.required_output(0)?)?
        } else if node.is("QuantizeLinear") {
            self.quantize(node)?
        } else if node.domain.is_empty() && MOVES.contains(&node.op.as_str()) {
            self.moves(node)?
        } else {
            self.compute(node)?
        };
        if !fused {
            self.keep(node);
        }
        Ok(())
    }

    /// Remembers that a float value is bytes, dequantized.
    fn dequantize(&mut self, node: &Node) -> Result<bool, Error> {
        let value = self.resolve(node.required_input(0)?);
        let Some(bytes) = read_parameters(node, value, &mut self.constants, &mut self.names)? else {
            return Ok(false);
        };
        self.lazy.insert(node.required_output(0)?.to_owned(), bytes);
        Ok(true)
    }

    /// Bytes that were bytes: the same ones, or a table from the ones to the others.
    fn quantize(&mut self, node: &Node) -> Result<bool, Error> {
        let Some(from) = self.bytes(node.required_input(0)?) else { return Ok(false) };
        let output = node.required_output(0)?;
        let Some(to) = read_parameters(node, output.to_owned(), &mut self.constants, &mut self.names)? else {
            return Ok(false);
        };
        if !from.per_tensor() || !to.per_tensor() {
            return Ok(false);
        }
        if from.same_steps(&to) {
            self.same_bytes(node, &from.value)?;
            return Ok(true);
        }
        self.table(&node.name, &from, &[], &to)
    }

    /// What `node` writes is `bytes` under a second name.
    fn same_bytes(&mut self, node: &Node, bytes: &str) -> Result<(), Error> {
        let output = node.required_output(0)?;
        if self.graph.is_output(output) {
            self.nodes.push(Node::new(&node.name, "Identity", &[bytes], &[output]));
        } else {
            self.renamed.insert(output.to_owned(), bytes.to_owned());
        }
        Ok(())
    }

    /// An operator that only moves data, on bytes.
    fn moves(&mut self, node: &Node) -> Result<bool, Error> {
        let bytes = match self.bytes(node.required_input(0)?) {
            Some(bytes) if bytes.per_tensor() => bytes,
            Some(bytes) if node.is("Transpose") => match self.transposed(node, bytes)? {
                Some(bytes) => bytes,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        let mut moved = node.clone();
        moved.inputs[0].clone_from(&bytes.value);
        if node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
            return Ok(false);
        }
        if node.is("Pad") && !self.pad_with_bytes(&mut moved, &bytes)? {
            return Ok(false);
        }
        let output = node.required_output(0)?;
        let value = self.names.fresh(&format!("{output}_bytes"));
        moved.outputs = vec![value.clone()];
        if self.reads_constants(&moved) {
            self.evaluate(&moved, &value)?;
        } else {
            self.nodes.push(moved);
        }
        self.lazy.insert(output.to_owned(), Bytes { value, ..bytes });
        Ok(true)
    }

    /// What constant bytes with several scales are when a `Transpose` has moved the axis of the scales: weights that are
    /// quantized as they were trained, and multiplied the other way round.
    fn transposed(&self, node: &Node, bytes: Bytes) -> Result<Option<Bytes>, Error> {
        let Some(rank) = self.constants.get(&bytes.value).map(Tensor::rank) else { return Ok(None) };
        let Some(axis) = indexing::axis(bytes.axis, rank) else { return Ok(None) };
        let moved = match node.ints("perm")? {
            None => Some(rank - 1 - axis),
            Some(perm) => perm.iter().position(|&from| indexing::axis(from, rank) == Some(axis)),
        };
        Ok(moved.map(|moved| Bytes { axis: moved as i64, ..bytes }))
    }

    /// Whether all that a node reads is constant.
    fn reads_constants(&self, node: &Node) -> bool {
        node.inputs.iter().all(|name| name.is_empty() || self.constants.contains_key(name))
    }

    /// Makes the constant `output` of a node that reads only constants and keeps their number of elements, or nearly:
    /// weights that the file holds as floats, behind a `QuantizeLinear`, become bytes here.
    fn evaluate(&mut self, node: &Node, output: &str) -> Result<bool, Error> {
        let inputs: Vec<Option<&Tensor>> = node.inputs.iter().map(|name| self.constants.get(name)).collect();
        let tensor = ops::evaluate(node, &inputs)?.into_iter().next();
        let tensor = tensor.ok_or_else(|| Error::node(node, "has no output"))?;
        self.constants.insert(output.to_owned(), tensor);
        Ok(true)
    }

    /// Makes the value that a `Pad` fills with a byte.
    fn pad_with_bytes(&mut self, node: &mut Node, bytes: &Bytes) -> Result<bool, Error> {
        if node.string("mode", "constant")? != "constant" {
            // Nothing is filled: the value is ignored, and must not stay behind as a float beside bytes.
            if let Some(fill) = node.inputs.get_mut(2) {
                fill.clear();
            }
            return Ok(true);
        }
        let fill = match node.input(2) {
            None => 0.0,
            Some(name) => match self.constants.get(name).and_then(|tensor| tensor.to_scalar::<f32>().ok()) {
                Some(fill) => fill,
                None => return Ok(false),
            },
        };
        // Only a fill that is a step exactly: others would be rounded before what follows sees them.
        let step = bytes.step(fill);
        if bytes.real(step) != fill {
            return Ok(false);
        }
        let name = self.names.fresh(&format!("{}_fill", node.name));
        self.constants.insert(name.clone(), bytes.scalar(step));
        node.inputs.resize(node.inputs.len().max(3), String::new());
        node.inputs[2] = name;
        Ok(true)
    }

    /// An operator that computes, if its inputs are bytes and its output becomes bytes.
    fn compute(&mut self, node: &Node) -> Result<bool, Error> {
        if node.outputs.len() != 1 || !node.domain.is_empty() {
            return Ok(false);
        }
        let output = node.required_output(0)?;
        let Some(chain) = Chain::after(self.graph, &self.consumers, &self.constants, output)? else {
            return Ok(false);
        };
        let quantize = &self.graph.nodes[chain.quantize];
        let written = quantize.required_output(0)?.to_owned();
        let Some(to) = read_parameters(quantize, written, &mut self.constants, &mut self.names)? else {
            return Ok(false);
        };
        if !to.per_tensor() {
            return Ok(false);
        }
        let fused = if table::is_unary(node) {
            match self.bytes(node.required_input(0)?).filter(Bytes::per_tensor) {
                None => false,
                Some(from) => {
                    let graph = self.graph;
                    let mut nodes = vec![node];
                    nodes.extend(chain.activations.iter().map(|&index| &graph.nodes[index]));
                    self.table(&node.name, &from, &nodes, &to)?
                }
            }
        } else {
            match self.operator(node, &chain, &to)? {
                None => false,
                Some(fused) => {
                    self.nodes.push(fused);
                    true
                }
            }
        };
        if fused {
            self.taken.extend(chain.activations.iter().chain(&chain.copies));
            self.taken.insert(chain.quantize);
            for &copy in &chain.copies {
                self.same_bytes(&self.graph.nodes[copy], &to.value)?;
            }
        }
        Ok(fused)
    }

    /// Keeps a node as it is, with the floats that it reads.
    fn keep(&mut self, node: &Node) {
        let mut node = node.clone();
        for input in &mut node.inputs {
            self.float(input);
            *input = self.resolve(input);
        }
        self.nodes.push(node);
    }

    /// Adds the `DequantizeLinear` of a float value that is bytes, once.
    fn float(&mut self, value: &str) {
        let Some(bytes) = self.lazy.get(value).cloned() else { return };
        if self.floats.insert(value.to_owned()) {
            let name = self.names.fresh(&format!("{value}_dequantize"));
            let inputs = [bytes.value.as_str(), &bytes.scale, &bytes.zero_point];
            let node = Node::new(&name, "DequantizeLinear", &inputs, &[value]);
            self.nodes.push(node.with("axis", Attribute::Int(bytes.axis)));
        }
    }

    /// The bytes of a float value, if it is bytes.
    fn bytes(&self, value: &str) -> Option<Bytes> {
        self.lazy.get(value).cloned()
    }

    fn resolve(&self, value: &str) -> String {
        self.renamed.get(value).map_or(value, String::as_str).to_owned()
    }

    fn finish(mut self) -> Result<Graph, Error> {
        for output in &self.graph.outputs {
            self.float(&output.name);
        }
        let used: HashSet<&str> = self
            .nodes
            .iter()
            .flat_map(|node| node.inputs.iter().map(String::as_str))
            .chain(self.graph.outputs.iter().map(|output| output.name.as_str()))
            .collect();
        let constants = self.constants.into_iter().filter(|(name, _)| used.contains(name.as_str())).collect();
        let graph = Graph { constants, nodes: self.nodes, ..self.graph.clone() };
        graph.validate()?;
        Ok(graph)
    }
}
