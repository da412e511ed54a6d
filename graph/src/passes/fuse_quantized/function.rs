//! Functions of one byte: values whose every element depends on one byte of a quantized value alone.

use std::collections::{HashMap, HashSet};

use super::Fuser;
use crate::ops::eight_bit::EightBit;
use crate::ops::shared::quantized_value::QuantizedValue;
use crate::ops::{dequantize_linear, lookup_table, quantize_linear};
use crate::shapes::{ShapeOptions, infer_shapes};
use crate::{DataType, Error, Node, Tensor, TensorData, ops};

/// What a value is for each byte of another.
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// The other value.
    of: QuantizedValue,
    /// The results for the bytes 0 … 255; for `i8` the upper half is negative.
    results: Tensor,
}

impl Function {
    /// The numbers that the bytes `of` represent.
    fn dequantized(of: QuantizedValue) -> Self {
        let results: Vec<f32> = (0..=255u8).map(|byte| of.real(step(byte, of.data_type))).collect();
        Self { of, results: Tensor::vector(results) }
    }
}

/// The step that a byte stands for.
fn step(byte: u8, data_type: DataType) -> i32 {
    if data_type == DataType::I8 { i32::from(byte as i8) } else { i32::from(byte) }
}

impl Fuser<'_> {
    /// Records that the output of `node` is a function of bytes, if it is; returns whether it is.
    pub(super) fn record_function(&mut self, node: &Node) -> Result<bool, Error> {
        let Some(function) = self.function_of_node(node) else { return Ok(false) };
        self.functions.insert(node.required_output(0)?.to_owned(), function);
        Ok(true)
    }

    /// Records that `value` is the numbers that the bytes `bytes` represent, if those are a function of other bytes.
    pub(super) fn record_dequantized(&mut self, value: &str, bytes: &QuantizedValue) {
        let Some(Function { of, results }) = self.functions.get(bytes.value()) else { return };
        if !bytes.per_tensor() || bytes.data_type != results.data_type() {
            return;
        }
        let reals: Vec<f32> = match results.data() {
            TensorData::U8(steps) => steps.iter().map(|&step| bytes.real(step.into())).collect(),
            TensorData::I8(steps) => steps.iter().map(|&step| bytes.real(step.into())).collect(),
            _ => return,
        };
        let function = Function { of: of.clone(), results: Tensor::vector(reals) };
        self.functions.insert(value.to_owned(), function);
    }

    /// What `value` is as a function of bytes.
    pub(super) fn function(&mut self, value: &str) -> Option<Function> {
        if let Some(known) = self.functions.get(value) {
            return Some(known.clone());
        }
        let bytes = self.operands.bytes(value).filter(QuantizedValue::per_tensor)?;
        if self.operands.constant(bytes.value()).is_some() {
            return None;
        }
        let function = Function::dequantized(bytes);
        self.functions.insert(value.to_owned(), function.clone());
        Some(function)
    }

    /// The output of an operator on elements that are functions of the same bytes, or constant.
    fn function_of_node(&mut self, node: &Node) -> Option<Function> {
        let operator = node.operator()?;
        // What moves bytes does so without a table.
        let moves = matches!(operator.eight_bit, EightBit::Move(_));
        let is_function = (operator.elementwise || operator.broadcasts) && !moves;
        if !is_function || operator.is_eight_bit() || node.outputs.len() != 1 {
            return None;
        }
        let mut of: Option<QuantizedValue> = None;
        let mut operands: Vec<Option<Tensor>> = Vec::with_capacity(node.inputs.len());
        for name in &node.inputs {
            let operand = match self.operands.constant(name) {
                _ if name.is_empty() => None,
                Some(constant) if constant.len() == 1 => Some(constant.clone().reshape([]).ok()?),
                Some(_) => return None,
                None => {
                    let function = self.function(name)?;
                    if of.as_ref().is_some_and(|of| of.value() != function.of.value()) {
                        return None;
                    }
                    of = Some(function.of);
                    Some(function.results)
                }
            };
            operands.push(operand);
        }
        let of = of?;
        if !self.keeps_shape(node) {
            return None;
        }
        let operands: Vec<Option<&Tensor>> = operands.iter().map(Option::as_ref).collect();
        // An error is one of the node itself, and reported where it runs.
        let results = ops::evaluate(node, &operands).ok()?.into_iter().next()?;
        (results.shape() == [256]).then_some(Function { of, results })
    }

    /// Whether the output of `node`, of which some inputs are single constants, has the shape of the others: a constant of more
    /// dimensions than they have adds to them.
    fn keeps_shape(&mut self, node: &Node) -> bool {
        let rank_of = |name: &String| self.operands.constant(name).map_or(0, Tensor::rank);
        let rank = node.inputs.iter().map(rank_of).max().unwrap_or(0);
        if rank == 0 {
            return true;
        }
        let graph = self.graph;
        let types = self.types.get_or_insert_with(|| {
            infer_shapes(graph, &ShapeOptions::with_batch(1)).unwrap_or_default().into_iter().collect()
        });
        let others = node.inputs.iter().filter(|name| self.operands.constant(name).is_none());
        others.filter_map(|name| types.get(name)).any(|value| value.shape.len() >= rank)
    }

    /// Adds a `LookupTable` that computes the quantized value `to` of a function, in the place of `quantize`.
    pub(super) fn table(
        &mut self,
        quantize: &Node,
        function: &Function,
        to: &QuantizedValue,
    ) -> Result<(), Error> {
        let (scale, zero_point) = (Tensor::scalar(to.scales[0]), to.scalar(to.zeros[0]));
        let inputs = [Some(&function.results), Some(&scale), Some(&zero_point)];
        let alone = Node::of(quantize.op.clone(), &quantize.name, &["x", "scale", "zero_point"], &["y"]);
        let table = ops::evaluate(&alone, &inputs)?.into_iter().next();
        let table = table.ok_or_else(|| Error::node(quantize, "has no output"))?;
        debug_assert!(matches!(table.data(), TensorData::U8(_) | TensorData::I8(_)));
        let constant = self.operands.add_constant(&format!("{}_table", quantize.name), table.clone());
        let inputs = [function.of.value(), constant.as_str()];
        self.nodes.push(Node::of(&lookup_table::OP, &quantize.name, &inputs, &[to.value()]));
        let composed = Function { of: function.of.clone(), results: table };
        self.functions.insert(to.value().to_owned(), composed);
        Ok(())
    }

    /// Removes what tables made superfluous: floats of which only the bytes are read, and bytes of which only a function is. The tables
    /// get the names of the nodes that they replace.
    pub(super) fn drop_unread_functions(&mut self) {
        let mut readers: HashMap<&str, usize> = HashMap::new();
        let outputs = self.graph.outputs.iter().map(|output| output.name.as_str());
        for name in self.nodes.iter().flat_map(|node| &node.inputs).map(String::as_str).chain(outputs) {
            *readers.entry(name).or_default() += 1;
        }
        let mut is_read = vec![true; self.nodes.len()];
        // Readers come after what they read.
        for (node, is_read) in self.nodes.iter().zip(&mut is_read).rev() {
            let superfluous = |output: &String| {
                let of_functions = self.functions.contains_key(output) || self.floats.contains(output);
                of_functions && readers.get(output.as_str()).is_none_or(|&readers| readers == 0)
            };
            if node.outputs.iter().all(superfluous) {
                *is_read = false;
                for input in &node.inputs {
                    readers.entry(input).and_modify(|readers| *readers -= 1);
                }
            }
        }
        let mut is_read = is_read.into_iter();
        self.nodes.retain(|_| is_read.next() == Some(true));
        let mut taken: HashSet<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
        for node in self.nodes.iter_mut().filter(|node| node.is(&lookup_table::OP)) {
            let producer = |value: &str| self.producers.get(value).map(|&index| &self.graph.nodes[index]);
            let quantize = node.output(0).and_then(producer).filter(|node| node.is(&quantize_linear::OP));
            let replaced = quantize.and_then(|quantize| producer(quantize.input(0)?));
            if let Some(replaced) = replaced.filter(|node| !node.is(&dequantize_linear::OP))
                && taken.insert(replaced.name.clone())
            {
                node.name.clone_from(&replaced.name);
            }
        }
    }
}
