//! The values of a graph, each with its eight-bit forms.

use std::collections::HashMap;

use crate::ops::{dequantize_linear, quantize_linear};
use crate::shapes::{ShapeOptions, infer_partial_shapes};
use crate::{DataType, Error, Graph, Node};

/// A value that depends on the graph's inputs, with everything that is another form of it: the bytes that a `QuantizeLinear` makes of
/// it, the floats that a `DequantizeLinear` makes of these, and copies.
#[derive(Debug)]
pub(super) struct Signal<'g> {
    /// The names of all forms, in execution order.
    pub(super) names: Vec<&'g str>,
    /// The name of the form that is compared: the floats that the bytes stand for, if there are any.
    pub(super) value: &'g str,
    /// The node that computes it; `None` for an input of the graph.
    pub(super) node: Option<&'g Node>,
    /// The signals that the node reads.
    pub(super) inputs: Vec<usize>,
    /// The shape of the compared form, if it consists of floats and its shape is known before a run.
    pub(super) shape: Option<Vec<usize>>,
}

impl Signal<'_> {
    /// Whether the compared form is the input of the graph itself, as it is given.
    pub(super) fn is_given(&self) -> bool {
        self.node.is_none() && self.names.first() == Some(&self.value)
    }
}

/// The signals of a graph, in execution order.
#[derive(Debug)]
pub(super) struct Signals<'g> {
    pub(super) list: Vec<Signal<'g>>,
    /// The signal of each form, by its name.
    pub(super) of: HashMap<&'g str, usize>,
}

impl<'g> Signals<'g> {
    /// The signals of `graph` with the sizes of `options`.
    pub(super) fn new(graph: &'g Graph, options: &ShapeOptions) -> Result<Self, Error> {
        let mut signals = Self { list: Vec::new(), of: HashMap::new() };
        for input in &graph.inputs {
            signals.add(&input.name, None, Vec::new());
        }
        for index in graph.topological_order()? {
            signals.node(&graph.nodes[index]);
        }
        let types = infer_partial_shapes(graph, options)?.types;
        for signal in &mut signals.list {
            let floats = types.get(signal.value).filter(|found| found.data_type == DataType::F32);
            signal.shape = floats.map(|found| found.shape.clone());
        }
        Ok(signals)
    }

    fn add(&mut self, name: &'g str, node: Option<&'g Node>, inputs: Vec<usize>) {
        self.of.insert(name, self.list.len());
        self.list.push(Signal { names: vec![name], value: name, node, inputs, shape: None });
    }

    fn node(&mut self, node: &'g Node) {
        let first = node.input(0).and_then(|name| self.of.get(name).copied());
        let dequantizes = node.is(&dequantize_linear::OP);
        let copies = node.operator().is_some_and(|operator| (operator.copies)(node));
        if dequantizes || node.is(&quantize_linear::OP) || copies {
            let (Some(of), Some(output)) = (first, node.output(0)) else { return };
            let signal = &mut self.list[of];
            // Of several conversions the first one is compared.
            if dequantizes && Some(signal.value) == signal.names.first().copied() {
                signal.value = output;
            }
            signal.names.push(output);
            self.of.insert(output, of);
            return;
        }
        let inputs: Vec<usize> =
            node.inputs.iter().filter_map(|name| self.of.get(name.as_str()).copied()).collect();
        if inputs.is_empty() {
            // A constant.
            return;
        }
        for output in node.outputs.iter().filter(|output| !output.is_empty()) {
            self.add(output, Some(node), inputs.clone());
        }
    }

    /// How many nodes read each signal.
    pub(super) fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.list.len()];
        let mut last: Option<&Node> = None;
        for signal in &self.list {
            // The outputs of one node follow each other.
            if signal.node.map(std::ptr::from_ref) != last.map(std::ptr::from_ref) {
                signal.inputs.iter().for_each(|&input| readers[input] += 1);
            }
            last = signal.node;
        }
        readers
    }
}
