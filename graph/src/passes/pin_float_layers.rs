//! `pin_float_layers`: keeps ONNX Runtime from quantizing layers that stay float.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::ops::eight_bit::{EightBit, weight_axis};
use crate::ops::{dequantize_linear, quantize_linear, sum};
use crate::{DataType, Error, Graph, Names, Node};

/// Inserts a `Sum` of one tensor, which changes nothing, between a `DequantizeLinear` and each layer of float weights whose result becomes
/// bytes.
///
/// ONNX Runtime, from version 1.21 on, quantizes the weights and the bias of such a `Conv`, `ConvTranspose` or `Gemm` when it loads the file:
/// all weights with one scale, which can ruin what a layer computes that was left float for its accuracy. It does so where the layer
/// reads a `DequantizeLinear`, after passes of its own that make a `Gemm` of a `MatMul` and an `Add`, that fold a `Pad`, scales and biases into a
/// layer, and that move conversions past nodes that only move elements. A `Sum` it leaves where it is; an `Identity` it removes.
///
/// The executor has no step for a `Sum` of one tensor. [`remove_nodes`](super::remove_nodes) removes it: run this pass again on a graph that goes
/// to ONNX Runtime after that one.
///
/// # Errors
///
/// Inconsistent names; a cycle.
pub fn pin_float_layers(mut graph: Graph) -> Result<Graph, Error> {
    // What follows nodes to what they read and to what reads them ends in a graph without cycles.
    graph.topological_order()?;
    let mut names = Names::of(&graph);
    // By the node that writes floats, the nodes that read a `Sum` of them instead.
    let mut readers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let links = Links { producers: graph.producers()?, consumers: graph.consumers(), graph: &graph };
    for (index, node) in graph.nodes.iter().enumerate() {
        if has_float_weights(node, &graph)?
            && links.becomes_bytes(node)
            && let Some((writer, reader)) = links.dequantized(index)
        {
            readers.entry(writer).or_default().insert(reader);
        }
    }
    let mut sums: HashMap<usize, Node> = HashMap::new();
    for (writer, readers) in readers {
        let floats = graph.nodes[writer].required_output(0)?.to_owned();
        let pinned = names.fresh("pinned");
        for reader in readers {
            pinned.clone_into(&mut graph.nodes[reader].inputs[0]);
        }
        sums.insert(writer, Node::of(&sum::OP, &pinned, &[&floats], &[&pinned]));
    }
    let nodes = std::mem::take(&mut graph.nodes).into_iter().enumerate();
    graph.nodes = nodes.flat_map(|(index, node)| std::iter::once(node).chain(sums.remove(&index))).collect();
    Ok(graph)
}

/// Whether `node` multiplies by constant floats.
fn has_float_weights(node: &Node, graph: &Graph) -> Result<bool, Error> {
    let weights = node.input(1).and_then(|name| graph.constants.get(name));
    Ok(weights.is_some_and(|weights| weights.data_type() == DataType::F32) && weight_axis(node)?.is_some())
}

/// Who writes and who reads the values of a graph.
struct Links<'g> {
    graph: &'g Graph,
    producers: HashMap<&'g str, usize>,
    consumers: HashMap<&'g str, Vec<usize>>,
}

impl Links<'_> {
    /// Whether one node after the other reads what `node` writes, up to a `QuantizeLinear`, and no other layer is among them. What is also an
    /// output of the graph counts, too: ONNX Runtime does not look.
    fn becomes_bytes<'n>(&'n self, mut node: &'n Node) -> bool {
        while let [output] = node.outputs.as_slice()
            && let Some(&[reader]) = self.consumers.get(output.as_str()).map(Vec::as_slice)
        {
            node = &self.graph.nodes[reader];
            if node.is(&quantize_linear::OP) {
                return true;
            }
            if weight_axis(node).is_ok_and(|axis| axis.is_some()) {
                return false;
            }
        }
        false
    }

    /// The `DequantizeLinear` whose floats the node `reader` reads, and the node that reads them first, if others move them.
    fn dequantized(&self, mut reader: usize) -> Option<(usize, usize)> {
        loop {
            let writer = *self.producers.get(self.graph.nodes[reader].input(0)?)?;
            let node = &self.graph.nodes[writer];
            if node.is(&dequantize_linear::OP) {
                return Some((writer, reader));
            }
            node.operator().filter(|operator| matches!(operator.eight_bit, EightBit::Move(_)))?;
            reader = writer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::remove_nodes;
    use crate::{Tensor, ValueInfo};

    /// Bytes of `x` as the floats `b`, `nodes`, and bytes of `c`.
    fn graph(nodes: Vec<Node>) -> Graph {
        let value = |name: &str| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: vec![Some(1); 4],
        };
        let convert = |op: &str, from: &str, to: &str| Node::new(to, op, &[from, "scale", "zero"], &[to]);
        let before = [convert("QuantizeLinear", "x", "a"), convert("DequantizeLinear", "a", "b")];
        let after = [convert("QuantizeLinear", "c", "d"), convert("DequantizeLinear", "d", "y")];
        let constants = [
            ("scale", Tensor::scalar(0.5f32)),
            ("zero", Tensor::scalar(128u8)),
            ("w", Tensor::new([1, 1, 1, 1], vec![1.0f32]).expect("one")),
            ("m", Tensor::new([1, 1], vec![1.0f32]).expect("one")),
            ("pads", Tensor::vector(vec![0i64; 8])),
        ];
        let graph = Graph {
            opset: 13,
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes: before.into_iter().chain(nodes).chain(after).collect(),
            constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
            ..Graph::default()
        };
        graph.validate().expect("a sound graph");
        graph
    }

    /// `op(inputs)→outputs` of the nodes between the conversions at both ends.
    fn between(graph: &Graph) -> Vec<String> {
        let line = |node: &Node| format!("{}({})→{}", node.op, node.inputs.join(","), node.outputs.join(","));
        graph.nodes[2..graph.nodes.len() - 2].iter().map(line).collect()
    }

    fn pinned(nodes: &[Node]) -> Vec<String> {
        let before = graph(nodes.to_vec());
        let after = pin_float_layers(before.clone()).expect("names fit");
        after.validate().expect("a sound result");
        assert_eq!(pin_float_layers(after.clone()).expect("names fit"), after, "it is pinned once");
        assert_eq!(remove_nodes(after.clone()).expect("names fit"), before);
        between(&after)
    }

    #[test]
    fn a_layer_between_bytes_reads_a_sum() {
        for (op, weights) in [("Conv", "w"), ("ConvTranspose", "w"), ("Gemm", "m"), ("MatMul", "m")] {
            let layer = Node::new("layer", op, &["b", weights], &["c"]);
            assert_eq!(
                pinned(&[layer]),
                ["Sum(b)→pinned".to_owned(), format!("{op}(pinned,{weights})→c")],
                "{op}"
            );
        }
    }

    #[test]
    fn nodes_that_move_elements_and_activations_are_passed() {
        let nodes = [
            Node::new("pad", "Pad", &["b", "pads"], &["e"]),
            Node::new("conv", "Conv", &["e", "w"], &["f"]),
            Node::new("relu", "Relu", &["f"], &["g"]),
            Node::new("scale", "Mul", &["g", "scale"], &["c"]),
        ];
        let expected = ["Sum(b)→pinned", "Pad(pinned,pads)→e", "Conv(e,w)→f", "Relu(f)→g", "Mul(g,scale)→c"];
        assert_eq!(pinned(&nodes), expected);
    }

    #[test]
    fn layers_that_read_the_same_floats_share_a_sum() {
        let nodes = [
            Node::new("one", "Conv", &["b", "w"], &["e"]),
            Node::new("bytes", "QuantizeLinear", &["e", "scale", "zero"], &["f"]),
            Node::new("two", "Conv", &["b", "w"], &["c"]),
        ];
        assert_eq!(pinned(&nodes)[..2], ["Sum(b)→pinned", "Conv(pinned,w)→e"]);
        assert_eq!(pinned(&nodes)[3], "Conv(pinned,w)→c");
    }

    #[test]
    fn a_cycle_is_refused() {
        let mut before = graph(vec![Node::new("layer", "Conv", &["b", "w"], &["c"])]);
        before.nodes.truncate(3);
        before.outputs[0].name = "d".to_owned();
        // What the layer computes never becomes bytes.
        let mut after = before.clone();
        after.nodes.push(Node::new("add", "Add", &["c", "e"], &["d"]));
        after.nodes.push(Node::new("relu", "Relu", &["d"], &["e"]));
        // What it reads never comes from bytes.
        before.nodes[2].inputs[0] = "e".to_owned();
        before.nodes.push(Node::new("there", "Flatten", &["f"], &["e"]));
        before.nodes.push(Node::new("back", "Flatten", &["e"], &["f"]));
        before.nodes.push(Node::new("bytes", "QuantizeLinear", &["c", "scale", "zero"], &["d"]));
        for cyclic in [after, before] {
            assert!(matches!(pin_float_layers(cyclic), Err(Error::Cycle { .. })));
        }
    }

    /// What ONNX Runtime leaves float.
    #[test]
    fn other_layers_stay_as_they_are() {
        let conv = |name: &str, from: &str, to: &str| Node::new(name, "Conv", &[from, "w"], &[to]);
        let cases = [
            // Two layers in float.
            vec![conv("one", "b", "e"), conv("two", "e", "c")],
            // A float result that several nodes read.
            vec![conv("one", "b", "e"), Node::new("add", "Add", &["e", "e"], &["c"])],
            // Weights that are not constant, and no weights at all.
            vec![Node::new("product", "MatMul", &["b", "b"], &["c"])],
            vec![Node::new("sigmoid", "Sigmoid", &["b"], &["c"])],
            // Weights in bytes, and floats that come from elsewhere.
            vec![
                Node::new("w8", "QuantizeLinear", &["w", "scale", "zero"], &["w8"]),
                Node::new("wf", "DequantizeLinear", &["w8", "scale", "zero"], &["wf"]),
                Node::new("eight_bit", "Conv", &["b", "wf"], &["c"]),
            ],
            vec![Node::new("root", "Sqrt", &["x"], &["e"]), conv("one", "e", "c")],
        ];
        for nodes in cases {
            let graph = graph(nodes);
            assert_eq!(pin_float_layers(graph.clone()).expect("names fit"), graph);
        }
    }
}
