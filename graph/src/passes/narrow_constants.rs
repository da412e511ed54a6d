//! `narrow_constants`: integers of four and two bits in the file.

use std::collections::{BTreeMap, HashMap};

use super::raise_opset;
use crate::ops::dequantize_linear;
use crate::{Error, Graph, Node, Tensor, TensorData};

/// Notes in [`Graph::narrow`] which constants have fewer bits than eight in a file, no fewer than `least`: those of bytes that
/// `DequantizeLinear` alone reads, with their zero points, whose integers are so small. The operator set of the graph becomes one that has
/// their types: 21 for four bits, 25 for two.
///
/// What the graph computes does not change, in memory the constants stay bytes.
///
/// # Errors
///
/// Those of [`raise_opset`].
pub fn narrow_constants(mut graph: Graph, least: u8) -> Result<Graph, Error> {
    let mut narrow: BTreeMap<String, u8> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| node.is(&dequantize_linear::OP)) {
        let Some((name, bytes)) = constant(&graph, node, 0) else { continue };
        let zeros = constant(&graph, node, 2);
        let bits = [2, 4].into_iter().filter(|&bits| bits >= least).find(|&bits| {
            fits(bytes, bits)
                && zeros.is_none_or(|(_, zeros)| fits(zeros, bits))
                && (node.input(2).is_none() || zeros.is_some())
        });
        let Some(bits) = bits else { continue };
        for (name, _) in [Some((name, bytes)), zeros].into_iter().flatten() {
            // Shared by constants of several widths, it has to be as wide as the widest.
            let of_all = narrow.entry(name.to_owned()).or_insert(bits);
            *of_all = bits.max(*of_all);
        }
    }
    graph.narrow = narrow;
    graph.narrow = writable(&graph, i64::MAX);
    let needed = graph.narrow.values().map(|&bits| opset_of(bits)).max();
    raise_opset(graph, needed.unwrap_or(0))
}

/// The first operator set that has integers of so many bits.
pub(crate) fn opset_of(bits: u8) -> i64 {
    if bits == 4 { 21 } else { 25 }
}

/// The constants of [`Graph::narrow`] that can be written so with an operator set: it has the type, the bits are four or two, they fit, and
/// what reads them are nodes `DequantizeLinear` whose integers and zero points are of one width.
pub(crate) fn writable(graph: &Graph, opset: i64) -> BTreeMap<String, u8> {
    let outputs = graph.output_names();
    let is_sound = |(name, &bits): (&String, &u8)| {
        let has_type = matches!(bits, 2 | 4) && opset_of(bits) <= opset;
        let fits = has_type && graph.constants.get(name).is_some_and(|bytes| fits(bytes, bits));
        fits && !outputs.contains(name.as_str())
    };
    let mut narrow: BTreeMap<String, u8> = graph
        .narrow
        .iter()
        .filter(|&entry| is_sound(entry))
        .map(|(name, &bits)| (name.clone(), bits))
        .collect();
    if narrow.is_empty() {
        return narrow;
    }
    // What no conversion reads is wide.
    let mut readers: HashMap<&str, Vec<&Node>> = HashMap::new();
    for node in &graph.nodes {
        if node.is(&dequantize_linear::OP) && node.inputs.len() <= 3 {
            for input in &node.inputs {
                if narrow.contains_key(input) {
                    readers.entry(input).or_default().push(node);
                }
            }
        } else {
            for input in &node.inputs {
                narrow.remove(input);
            }
        }
    }
    // What one conversion cannot read makes the other wide that it reads together with it.
    let mut unread: Vec<&Node> = graph.nodes.iter().filter(|node| !reads(node, &narrow)).collect();
    while let Some(node) = unread.pop() {
        for input in &node.inputs {
            if narrow.remove(input).is_some() {
                let others = readers.get(input.as_str()).into_iter().flatten();
                unread.extend(others.copied().filter(|node| !reads(node, &narrow)));
            }
        }
    }
    narrow
}

/// Whether a conversion can read its inputs where these are narrow, or reads none that is.
fn reads(node: &Node, narrow: &BTreeMap<String, u8>) -> bool {
    if !node.is(&dequantize_linear::OP) || node.inputs.len() > 3 {
        return true;
    }
    let bits = |index: usize| node.input(index).and_then(|name| narrow.get(name));
    let same = bits(0) == bits(2) || node.input(2).is_none();
    same && bits(1).is_none()
}

fn constant<'g>(graph: &'g Graph, node: &'g Node, index: usize) -> Option<(&'g str, &'g Tensor)> {
    let name = node.input(index)?;
    Some((name, graph.constants.get(name)?))
}

/// Whether bytes are integers of so many bits.
fn fits(bytes: &Tensor, bits: u8) -> bool {
    match bytes.data() {
        TensorData::U8(bytes) => bytes.iter().all(|&byte| byte < 1 << bits),
        TensorData::I8(bytes) => {
            bytes.iter().all(|&byte| (-(1 << (bits - 1))..1 << (bits - 1)).contains(&byte))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, ValueInfo};

    fn graph(nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
        let value =
            |name: &str| ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(2)] };
        Graph {
            opset: 13,
            outputs: nodes.iter().map(|node| value(&node.outputs[0])).collect(),
            nodes,
            constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            ..Graph::default()
        }
    }

    fn dequantize(of: &[&str], to: &str) -> Node {
        Node::new(to, "DequantizeLinear", of, &[to])
    }

    fn names(graph: &Graph) -> Vec<(&str, u8)> {
        graph.narrow.iter().map(|(name, &bits)| (name.as_str(), bits)).collect()
    }

    #[test]
    fn the_smallest_type_that_holds_them() {
        let constants = vec![
            ("four", Tensor::vector([-8i8, 7])),
            ("two", Tensor::vector([-2i8, 1])),
            ("eight", Tensor::vector([8i8, 0])),
            ("unsigned", Tensor::vector([15u8, 0])),
            ("scale", Tensor::scalar(0.5f32)),
            ("zero", Tensor::scalar(0i8)),
            ("seven", Tensor::scalar(7u8)),
        ];
        let nodes = vec![
            dequantize(&["four", "scale"], "a"),
            dequantize(&["two", "scale", "zero"], "b"),
            dequantize(&["eight", "scale"], "c"),
            dequantize(&["unsigned", "scale", "seven"], "d"),
        ];
        let graph = graph(nodes, constants);
        let narrowed = narrow_constants(graph.clone(), 2).expect("has a form");
        assert_eq!(names(&narrowed), [("four", 4), ("seven", 4), ("two", 2), ("unsigned", 4), ("zero", 2)]);
        assert_eq!(narrowed.opset, 25);
        let narrowed = narrow_constants(graph, 4).expect("has a form");
        assert_eq!(names(&narrowed), [("four", 4), ("seven", 4), ("two", 4), ("unsigned", 4), ("zero", 4)]);
        assert_eq!(narrowed.opset, 21);
        // Read again, all is as it was.
        let bytes = narrowed.to_onnx_bytes().expect("written");
        let mut again = Graph::from_onnx_bytes(&bytes).expect("read");
        again.notes.clear();
        again.name.clear();
        assert_eq!(again, narrowed);
        assert_eq!(again.to_onnx_bytes().expect("written"), bytes);
    }

    #[test]
    fn what_others_read_stays_wide() {
        let constants = vec![
            ("shared", Tensor::vector([1i8, 0])),
            ("own", Tensor::vector([1i8, 0])),
            ("wide", Tensor::vector([100i8, 0])),
            ("scale", Tensor::scalar(0.5f32)),
            ("zero", Tensor::scalar(0i8)),
        ];
        // The zero point is also that of bytes, so the constant beside it is wide, and what reads the first one needs bytes.
        let nodes = vec![
            dequantize(&["shared", "scale"], "a"),
            Node::new("flat", "Flatten", &["shared"], &["b"]),
            dequantize(&["own", "scale", "zero"], "c"),
            dequantize(&["wide", "scale", "zero"], "d"),
        ];
        let narrowed = narrow_constants(graph(nodes, constants), 2).expect("has a form");
        assert_eq!((names(&narrowed), narrowed.opset), (vec![], 13));
    }
}
