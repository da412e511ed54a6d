//! `fuse_quantized`: converts QDQ form to operators on bytes.

mod chain;
mod function;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ops::eight_bit::{Compute, EightBit, Move};
use crate::ops::shared::indexing;
use crate::ops::shared::operands::Operands;
use crate::ops::shared::quantized_value::QuantizedValue;
use crate::ops::{self, constant, dequantize_linear, matmul, quantize_linear, transpose};
use crate::{Attribute, DataType, Error, Graph, Names, Node, Tensor, TensorType};

use chain::Chain;
use function::Function;
use parameters::read_parameters;

/// Rewrites a graph in QDQ form (float operators between `DequantizeLinear` and `QuantizeLinear`) into one whose
/// operators read and write bytes, so that running it is executing its nodes:
///
/// * `Conv`, `MatMul`, `Gemm` become `QLinearConv`, `QLinearMatMul` and `QGemm` (domain `com.microsoft`, as the next);
/// * their weights may be floats before a `QuantizeLinear`, as quantization-aware training exports them: they are
///   quantized here, once, also where they are transposed before the product;
/// * their biases may be floats or have a scale of their own: they are rounded to multiples of the accumulator's scale
///   (`alpha · a_scale · b_scale`) where that changes no result by more than 1/16 of an output step; other products stay
///   float, as do those with one bias per row;
/// * an `Add` of one number per column after a `MatMul` is its bias, an optional input after the others;
/// * products whose output is not quantized read bytes and write floats: their scale and zero point of the output are left
///   out, and their biases may be floats;
/// * `Add`, `Mul`, `Concat`, `AveragePool`, `GlobalAveragePool` and `ReduceMean` over the pixels become `QLinearAdd`, …;
/// * a `Relu` or `Clip` before the `QuantizeLinear` becomes their attributes `clamp_low` and `clamp_high`, in steps of
///   the output, which is exact because rounding is monotonic;
/// * so does a `Clip` of the bytes, which makes numbers of fewer bits of them;
/// * other values whose every element depends on one byte become `LookupTable` (domain [`DOMAIN`](super::DOMAIN)): 256 outputs, indexed
///   by that byte, each computed as the float operators would have. These are changes of scale, unary operators, and what several
///   elementwise operators compute of one quantized value and single constants together: `x · sigmoid(x)`, `(x − a) / b`;
/// * `MaxPool`, `Reshape`, `Transpose` and others that only move data do so with bytes.
///
/// Other nodes stay float, between the `DequantizeLinear` and `QuantizeLinear` that they need. The results differ from
/// those of the float operators by rounding only: sums are exact, and scaled once.
///
/// # Errors
///
/// An inconsistent graph.
pub fn fuse_quantized(graph: &Graph) -> Result<Graph, Error> {
    let mut fuser = Fuser::new(graph)?;
    for index in graph.topological_order()? {
        if fuser.taken.insert(index) {
            fuser.node(index)?;
        }
    }
    fuser.finish()
}

struct Fuser<'a> {
    graph: &'a Graph,
    consumers: HashMap<&'a str, Vec<usize>>,
    producers: HashMap<&'a str, usize>,
    /// The names of the graph's outputs.
    outputs: HashSet<&'a str>,
    nodes: Vec<Node>,
    /// Float values that have a quantized form; the `DequantizeLinear` is added where a node reads the floats.
    operands: Operands,
    /// Values that are aliases of others.
    renamed: HashMap<String, String>,
    /// Float values whose `DequantizeLinear` was added.
    floats: HashSet<String>,
    /// Nodes converted, and nodes fused into them.
    taken: HashSet<usize>,
    /// Values that are functions of bytes.
    functions: HashMap<String, Function>,
    /// For each float value that became a table, its bytes by their type, the bits of their scale, and their zero point.
    tabulated: HashMap<(String, DataType, u32, i32), String>,
    /// The types of the graph's values, once they are needed.
    types: Option<HashMap<String, TensorType>>,
}

impl<'a> Fuser<'a> {
    fn new(graph: &'a Graph) -> Result<Fuser<'a>, Error> {
        let mut constants = graph.constants.clone();
        for node in &graph.nodes {
            if let (true, Some(output)) = (node.is(&constant::OP), node.output(0))
                && let Ok(value) = constant::value(node)
            {
                constants.insert(output.to_owned(), value);
            }
        }
        Ok(Fuser {
            graph,
            producers: graph.producers()?,
            consumers: graph.consumers(),
            outputs: graph.output_names(),
            nodes: Vec::with_capacity(graph.nodes.len()),
            operands: Operands { bytes: HashMap::new(), constants, names: Names::of(graph) },
            renamed: HashMap::new(),
            floats: HashSet::new(),
            taken: HashSet::new(),
            functions: HashMap::new(),
            tabulated: HashMap::new(),
            types: None,
        })
    }

    fn node(&mut self, index: usize) -> Result<(), Error> {
        let node = &self.graph.nodes[index];
        let fused = if node.is(&constant::OP) {
            self.operands.constants.contains_key(node.required_output(0)?)
        } else if node.is(&dequantize_linear::OP) {
            self.dequantize(node)?
        } else if node.is(&quantize_linear::OP) && self.reads_constants(node) {
            self.evaluate(node)?
        } else if node.is(&quantize_linear::OP) {
            self.quantize(node)?
        } else if self.record_function(node)? {
            // What reads its bytes reads a table. It stays for what reads its floats, if anything does.
            false
        } else {
            match node.operator().map(|operator| &operator.eight_bit) {
                None | Some(EightBit::Float | EightBit::Bytes | EightBit::Table | EightBit::Clamp(_)) => {
                    false
                }
                Some(EightBit::Move(how)) => self.moves(node, how)?,
                Some(EightBit::Compute(compute)) => self.compute(node, compute)?,
            }
        };
        if !fused {
            self.keep(node);
        }
        Ok(())
    }

    /// Records the quantized form of a float value.
    fn dequantize(&mut self, node: &Node) -> Result<bool, Error> {
        let value = self.resolve(node.required_input(0)?);
        let Some(bytes) = read_parameters(node, value, &mut self.operands)? else {
            return Ok(false);
        };
        let output = node.required_output(0)?;
        self.record_dequantized(output, &bytes);
        self.operands.bytes.insert(output.to_owned(), bytes);
        Ok(true)
    }

    /// Quantization of a function of bytes: an alias if it is their value and the parameters are equal, else a table.
    fn quantize(&mut self, node: &Node) -> Result<bool, Error> {
        let input = node.required_input(0)?;
        let Some(function) = self.function(input) else { return Ok(false) };
        let output = node.required_output(0)?;
        let Some(to) = read_parameters(node, output.to_owned(), &mut self.operands)? else {
            return Ok(false);
        };
        if !to.per_tensor() {
            return Ok(false);
        }
        if let Some(from) = self.bytes(input).filter(|from| from.same_steps(&to)) {
            self.same_bytes(node, from.value())?;
            return Ok(true);
        }
        let key = (input.to_owned(), to.data_type, to.scales[0].to_bits(), to.zeros[0]);
        if let Some(bytes) = self.tabulated.get(&key).cloned() {
            self.same_bytes(node, &bytes)?;
            return Ok(true);
        }
        self.table(node, &function, &to)?;
        self.tabulated.insert(key, to.value().to_owned());
        Ok(true)
    }

    /// Makes the output of `node` an alias of `bytes`.
    fn same_bytes(&mut self, node: &Node, bytes: &str) -> Result<(), Error> {
        let output = node.required_output(0)?;
        if self.outputs.contains(output) {
            self.nodes.push(Node::new(&node.name, "Identity", &[bytes], &[output]));
        } else {
            self.renamed.insert(output.to_owned(), bytes.to_owned());
        }
        Ok(())
    }

    /// An operator that only moves data, on bytes.
    fn moves(&mut self, node: &Node, how: &Move) -> Result<bool, Error> {
        let bytes = match self.bytes(node.required_input(0)?) {
            Some(bytes) if bytes.per_tensor() => bytes,
            Some(bytes) if node.is(&transpose::OP) => match self.transposed(node, bytes)? {
                Some(bytes) => bytes,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        if !how.every_output && node.outputs.iter().skip(1).any(|output| !output.is_empty()) {
            return Ok(false);
        }
        let mut moved = node.clone();
        bytes.value().clone_into(&mut moved.inputs[0]);
        if !(how.on_bytes)(&mut moved, &bytes, &mut self.operands)? {
            return Ok(false);
        }
        for output in moved.outputs.iter_mut().filter(|output| !output.is_empty()) {
            let value = self.operands.names.fresh(&format!("{output}_bytes"));
            let [_, scale, zero_point] = bytes.names.clone();
            let names = [value.clone(), scale, zero_point];
            let output = std::mem::replace(output, value);
            self.operands.bytes.insert(output, QuantizedValue { names, ..bytes.clone() });
        }
        if self.reads_constants(&moved) {
            self.evaluate(&moved)?;
        } else {
            self.nodes.push(moved);
        }
        Ok(true)
    }

    /// The quantized form of per-channel constant bytes after a `Transpose`, which moves the axis of the scales: weights
    /// quantized in their trained order and transposed before the product.
    fn transposed(&self, node: &Node, bytes: QuantizedValue) -> Result<Option<QuantizedValue>, Error> {
        let Some(rank) = self.operands.constant(bytes.value()).map(Tensor::rank) else { return Ok(None) };
        let Some(axis) = indexing::axis(bytes.axis, rank) else { return Ok(None) };
        let moved = match node.ints("perm")? {
            None => Some(rank - 1 - axis),
            Some(perm) => perm.iter().position(|&from| indexing::axis(from, rank) == Some(axis)),
        };
        Ok(moved.map(|moved| QuantizedValue { axis: moved as i64, ..bytes }))
    }

    /// Whether a node reads only constants.
    fn reads_constants(&self, node: &Node) -> bool {
        node.inputs.iter().all(|name| name.is_empty() || self.operands.constant(name).is_some())
    }

    /// Evaluates a node that reads only constants and does not change their number of elements by much: float weights before
    /// a `QuantizeLinear` become bytes here.
    fn evaluate(&mut self, node: &Node) -> Result<bool, Error> {
        let inputs: Vec<Option<&Tensor>> =
            node.inputs.iter().map(|name| self.operands.constant(name)).collect();
        let results = ops::evaluate(node, &inputs)?;
        if results.len() < node.outputs.len() {
            return Err(Error::node(node, "has too few outputs"));
        }
        let named = node.outputs.iter().cloned().zip(results).filter(|(name, _)| !name.is_empty());
        self.operands.constants.extend(named);
        Ok(true)
    }

    /// The chain that follows the only output of `node`, and the quantized value at its end; `None` if the output is not
    /// quantized.
    fn quantized_output(&mut self, node: &Node) -> Result<Option<(Chain, QuantizedValue)>, Error> {
        let [output] = node.outputs.as_slice() else { return Ok(None) };
        let Some(chain) = Chain::after(self, output)? else {
            return Ok(None);
        };
        let quantize = &self.graph.nodes[chain.quantize];
        let last = chain.clip.map_or(quantize, |(clip, _)| &self.graph.nodes[clip]);
        let written = last.required_output(0)?.to_owned();
        let to = read_parameters(quantize, written, &mut self.operands)?;
        Ok(to.filter(QuantizedValue::per_tensor).map(|to| (chain, to)))
    }

    /// A computing operator, if its inputs and its output are quantized.
    fn compute(&mut self, node: &Node, compute: &Compute) -> Result<bool, Error> {
        if let Some((add, with_bias)) = self.with_added_bias(node)?
            && self.convert(&with_bias, compute)?
        {
            self.taken.insert(add);
            return Ok(true);
        }
        self.convert(node, compute)
    }

    /// Adds the form on bytes of a computing operator, if it has one: products also write floats where their output is not quantized.
    fn convert(&mut self, node: &Node, compute: &Compute) -> Result<bool, Error> {
        let Some((chain, to)) = self.quantized_output(node)? else {
            let to_floats = (compute.on_bytes)(node, &mut self.operands, None)?;
            let has_form = to_floats.is_some();
            self.nodes.extend(to_floats);
            return Ok(has_form);
        };
        let Some(mut fused) = (compute.on_bytes)(node, &mut self.operands, Some(&to))? else {
            return Ok(false);
        };
        fused.outputs = vec![to.value().to_owned()];
        clamp(&mut fused, &chain, &to);
        self.nodes.push(fused);
        self.take(&chain, &to)?;
        Ok(true)
    }

    /// A `MatMul` with the bias that the only reader of its output, an `Add`, adds to each row; and the index of that node.
    fn with_added_bias(&mut self, node: &Node) -> Result<Option<(usize, Node)>, Error> {
        let Some(output) = node.output(0).filter(|_| node.is(&matmul::OP)) else { return Ok(None) };
        let graph = self.graph;
        let Some(&[index]) = self.consumers.get(output).map(Vec::as_slice) else { return Ok(None) };
        let add = &graph.nodes[index];
        if !add.is(&ops::add::OP) || self.outputs.contains(output) {
            return Ok(None);
        }
        let (a, b) = (add.required_input(0)?, add.required_input(1)?);
        let bias = if a == output { b } else { a };
        // It may come later in the graph.
        if let Some(&at) = self.producers.get(bias)
            && graph.nodes[at].is(&dequantize_linear::OP)
            && self.reads_constants(&graph.nodes[at])
            && self.taken.insert(at)
        {
            self.node(at)?;
        }
        // Of more dimensions, it might have more than the product.
        if self.operands.shape_of(bias).is_none_or(|shape| shape.len() > 1) {
            return Ok(None);
        }
        let mut with_bias = node.clone();
        with_bias.inputs.push(bias.to_owned());
        with_bias.outputs.clone_from(&add.outputs);
        Ok(Some((index, with_bias)))
    }

    /// Marks the nodes of a chain as fused into the one that writes the bytes `to`.
    fn take(&mut self, chain: &Chain, to: &QuantizedValue) -> Result<(), Error> {
        self.taken.extend(chain.activations.iter().chain(&chain.copies));
        self.taken.insert(chain.quantize);
        self.taken.extend(chain.clip.map(|(clip, _)| clip));
        let graph = self.graph;
        chain.copies.iter().try_for_each(|&copy| self.same_bytes(&graph.nodes[copy], to.value()))
    }

    /// Keeps a node unchanged, with the floats that it reads.
    fn keep(&mut self, node: &Node) {
        let mut node = node.clone();
        for input in &mut node.inputs {
            self.float(input);
            *input = self.resolve(input);
        }
        self.nodes.push(node);
    }

    /// Adds the `DequantizeLinear` of a float value that has a quantized form, once.
    fn float(&mut self, value: &str) {
        let Some(bytes) = self.operands.bytes.get(value).cloned() else { return };
        if self.floats.insert(value.to_owned()) {
            let name = self.operands.names.fresh(&format!("{value}_dequantize"));
            let node =
                Node::new(&name, "DequantizeLinear", &bytes.names.each_ref().map(String::as_str), &[value]);
            self.nodes.push(node.with("axis", Attribute::Int(bytes.axis)));
        }
    }

    /// The quantized form of a float value, if it has one.
    fn bytes(&self, value: &str) -> Option<QuantizedValue> {
        self.operands.bytes(value)
    }

    fn resolve(&self, value: &str) -> String {
        self.renamed.get(value).map_or(value, String::as_str).to_owned()
    }

    fn finish(mut self) -> Result<Graph, Error> {
        for output in &self.graph.outputs {
            self.float(&output.name);
        }
        self.drop_unread_functions();
        let used: HashSet<&str> = self
            .nodes
            .iter()
            .flat_map(|node| node.inputs.iter().map(String::as_str))
            .chain(self.graph.outputs.iter().map(|output| output.name.as_str()))
            .collect();
        let constants =
            self.operands.constants.into_iter().filter(|(name, _)| used.contains(name.as_str())).collect();
        let Graph { name, inputs, outputs, dimension_names, notes, opset, .. } = self.graph;
        let graph = Graph {
            name: name.clone(),
            opset: *opset,
            inputs: inputs.clone(),
            outputs: outputs.clone(),
            nodes: self.nodes,
            constants,
            dimension_names: dimension_names.clone(),
            notes: notes.clone(),
            narrow: BTreeMap::new(),
        };
        graph.validate()?;
        Ok(graph)
    }
}

/// Sets the activations' bounds in steps of the output, where they are tighter than the range of its type.
fn clamp(node: &mut Node, chain: &Chain, to: &QuantizedValue) {
    let range = to.range();
    let (mut low, mut high) = (to.step(chain.bounds.0), to.step(chain.bounds.1));
    if let Some((_, bounds)) = chain.clip {
        (low, high) = (low.clamp(bounds.0, bounds.1), high.clamp(bounds.0, bounds.1));
    }
    if low > range.0 {
        node.attributes.insert("clamp_low".into(), Attribute::Int(low.into()));
    }
    if high < range.1 {
        node.attributes.insert("clamp_high".into(), Attribute::Int(high.into()));
    }
}
