//! `quantize_inputs`: quantizes what a network reads, and nothing else.

use std::collections::{BTreeMap, HashMap};

use crate::ops::{dequantize_linear, quantize_linear};
use crate::precision::{BitWidth, Format, Quantizer};
use crate::quantize::{Affine, Range};
use crate::{Error, Graph, Names, Node, Tensor};

/// Makes every node read the inputs of `ranges` in numbers of `bits` bits that cover these ranges: through a `QuantizeLinear` and a
/// `DequantizeLinear`, which every runtime has, where the bits are eight, and else through QONNX's `Quant` or `BipolarQuant`.
///
/// The grids are those of the module [`precision`](crate::precision). The inputs stay floats, and so does all that is computed.
///
/// # Errors
///
/// A range of what is no input of the graph.
pub fn quantize_inputs(
    mut graph: Graph,
    ranges: &BTreeMap<String, Range>,
    bits: BitWidth,
) -> Result<Graph, Error> {
    let mut names = Names::of(&graph);
    let nodes = std::mem::take(&mut graph.nodes);
    let mut reduced: HashMap<&str, String> = HashMap::new();
    for (input, range) in ranges {
        if graph.input_info(input).is_none() {
            return Err(Error::value(input, "it is no input of the graph"));
        }
        let value = names.fresh("reduced");
        if bits == BitWidth::EIGHT {
            through_bytes(&mut graph, &mut names, Affine::covering(*range), input, &value);
        } else {
            let quantizer = Quantizer::covering(*range, Format::Bits(bits));
            quantizer.insert(&mut graph, &mut names, input, &value);
        }
        reduced.insert(input, value);
    }
    graph.nodes.extend(nodes.into_iter().map(|mut node| {
        for input in &mut node.inputs {
            if let Some(value) = reduced.get(input.as_str()) {
                input.clone_from(value);
            }
        }
        node
    }));
    Ok(graph)
}

/// Adds `from` → bytes → `to`.
fn through_bytes(graph: &mut Graph, names: &mut Names, affine: Affine, from: &str, to: &str) {
    let [scale, zero_point, bytes] = ["scale", "zero_point", "quantized"].map(|stem| names.fresh(stem));
    graph.constants.insert(scale.clone(), Tensor::scalar(affine.scale));
    graph.constants.insert(zero_point.clone(), Tensor::scalar(affine.zero_point));
    let quantize = Node::of(&quantize_linear::OP, &bytes, &[from, &scale, &zero_point], &[&bytes]);
    let dequantize = Node::of(&dequantize_linear::OP, to, &[&bytes, &scale, &zero_point], &[to]);
    graph.nodes.extend([quantize, dequantize]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Executor, ExecutorOptions, ValueInfo};

    fn info(name: &str) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(5)] }
    }

    /// Two inputs, one of which two nodes read.
    fn graph() -> Graph {
        Graph {
            opset: 13,
            inputs: vec![info("x"), info("y")],
            outputs: vec![info("sum"), info("difference")],
            nodes: vec![
                Node::new("add", "Add", &["x", "y"], &["sum"]),
                Node::new("sub", "Sub", &["x", "y"], &["difference"]),
            ],
            ..Graph::default()
        }
    }

    #[test]
    fn all_readers_read_the_grid_and_the_file_is_read_again() {
        let x = [-1.0f32, -0.3, 0.0, 0.49, 1.2];
        let range = Range { min: -1.0, max: 1.0 };
        for bits in 1..=16 {
            let bits = BitWidth::new(bits).expect("1 to 16");
            let reduced =
                quantize_inputs(graph(), &[("x".to_owned(), range)].into(), bits).expect("an input");
            reduced.validate().expect("sound");
            let reduced = Graph::from_onnx_bytes(&reduced.to_onnx_bytes().expect("written")).expect("read");
            let executor = Executor::new(&reduced, &ExecutorOptions::default()).expect("runs");
            let zeros = Tensor::vector([0f32; 5]);
            let found = executor.run(&[("x", &Tensor::vector(x)), ("y", &zeros)]).expect("runs");
            let grid = Quantizer::covering(range, Format::Bits(bits));
            let expected = x.map(|x| grid.apply(x));
            assert_eq!(found, [Tensor::vector(expected), Tensor::vector(expected)], "{bits} bits");
            let converts = reduced.nodes.iter().any(|node| node.op == "QuantizeLinear");
            assert_eq!(converts, bits == BitWidth::EIGHT);
        }
    }

    #[test]
    fn a_range_of_something_else_is_an_error() {
        let ranges = [("z".to_owned(), Range { min: 0.0, max: 1.0 })].into();
        let error = quantize_inputs(graph(), &ranges, BitWidth::EIGHT).expect_err("no input");
        assert!(error.to_string().contains("\"z\""), "{error}");
    }
}
