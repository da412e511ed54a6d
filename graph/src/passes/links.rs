//! Who writes and who reads the values of a graph, for passes that look for chains of nodes.

use std::collections::{HashMap, HashSet};

use crate::ops::{bipolar_quant, int_quant, quant};
use crate::{Error, Graph, Node};

/// The links between the nodes of a graph.
pub(super) struct Links<'g> {
    pub(super) graph: &'g Graph,
    consumers: HashMap<&'g str, Vec<usize>>,
    producers: HashMap<&'g str, usize>,
    outputs: HashSet<&'g str>,
}

impl<'g> Links<'g> {
    pub(super) fn of(graph: &'g Graph) -> Result<Self, Error> {
        let (consumers, outputs) = (graph.consumers(), graph.output_names());
        Ok(Self { graph, consumers, producers: graph.producers()?, outputs })
    }

    /// The index of the node that writes `value`.
    pub(super) fn producer(&self, value: &str) -> Option<usize> {
        self.producers.get(value).copied()
    }

    /// The node that writes `value`, if the node `reader` alone reads it, once.
    pub(super) fn only_read_by(&self, value: &str, reader: usize) -> Option<usize> {
        let is_only = self.consumers.get(value).is_some_and(|readers| *readers == [reader]);
        self.producer(value).filter(|_| is_only && !self.outputs.contains(value))
    }

    /// The only node that reads the only output of `node`, unless that is an output of the graph.
    pub(super) fn only_reader(&self, node: &Node) -> Option<usize> {
        let [output] = node.outputs.as_slice() else { return None };
        match self.consumers.get(output.as_str()).map(Vec::as_slice) {
            Some(&[reader]) if !self.outputs.contains(output.as_str()) => Some(reader),
            _ => None,
        }
    }
}

/// The outputs of QONNX's quantizers. A product of them has weights that are integers times a scale, and keeps them: it runs in integers.
pub(super) fn few_bits(graph: &Graph) -> HashSet<&str> {
    let ops = [&quant::OP, &int_quant::OP, &bipolar_quant::OP];
    let quantizers = graph.nodes.iter().filter(|node| ops.into_iter().any(|op| node.is(op)));
    quantizers.filter_map(|node| node.output(0)).collect()
}

/// The operand beside `value` of a node with two.
pub(super) fn other_operand<'n>(node: &'n Node, value: &str) -> Option<&'n str> {
    match node.inputs.as_slice() {
        [left, right] if left == value => Some(right),
        [left, right] if right == value => Some(left),
        _ => None,
    }
}
