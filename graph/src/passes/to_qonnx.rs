//! `to_qonnx`: QDQ form as QONNX.

use std::collections::{HashMap, HashSet};

use crate::ops::{self, bipolar_quant, clip, dequantize_linear, quant, quantize_linear};
use crate::{Error, Graph, Names, Node, Tensor, TensorData};

/// Rewrites a graph in QDQ form in QONNX (Pappalardo and others, "QONNX: Representing Arbitrary-Precision Quantized Neural Networks", 2022),
/// which tools for hardware read, hls4ml and FINN among them:
///
/// * a `QuantizeLinear` and the `DequantizeLinear` that read its bytes, with the `Clip` between them if there is one, become a `Quant` of as
///   many bits as there are numbers: 8 without a `Clip`;
/// * a `DequantizeLinear` of constant bytes becomes a `Quant` of the floats that it writes, of the fewest bits that hold the bytes, or, where
///   they are all 1 and −1, a `BipolarQuant`;
/// * a `DequantizeLinear` of other constants, biases as a rule, becomes the floats that it writes.
///
/// Everything else stays as it is, conversions whose bytes something else reads among it. Every number keeps its meaning, but for floats
/// that lie in the middle of two steps, up to 2⁻¹⁶ of one: `Quant` adds the zero point before it rounds.
///
/// # Errors
///
/// An inconsistent graph.
pub fn to_qonnx(graph: Graph) -> Result<Graph, Error> {
    let mut conversions: HashMap<usize, Conversion> = HashMap::new();
    let mut gone: HashSet<usize> = HashSet::new();
    let consumers = graph.consumers();
    let outputs = graph.output_names();
    for (index, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.is(&quantize_linear::OP)) {
        let readers = |value: &str| -> &[usize] {
            if outputs.contains(value) { &[] } else { consumers.get(value).map_or(&[], Vec::as_slice) }
        };
        let Some(bytes) = node.output(0) else { continue };
        let mut conversion = Conversion { bounds: None, writers: readers(bytes).to_vec() };
        if let &[reader] = readers(bytes)
            && graph.nodes[reader].is(&clip::OP)
            && let (Some(bounds), Some(clipped)) = (
                clip::byte_bounds(&graph.nodes[reader], &|name| graph.constants.get(name)),
                graph.nodes[reader].output(0),
            )
        {
            conversion = Conversion { bounds: Some((reader, bounds)), writers: readers(clipped).to_vec() };
        }
        let dequantizes = |&reader: &usize| {
            let reader = &graph.nodes[reader];
            reader.is(&dequantize_linear::OP)
                && (1..3).all(|input| same_constant(&graph, [node, reader], input))
        };
        let has_bits = quantizer(&graph, node, &conversion).is_some();
        if has_bits && !conversion.writers.is_empty() && conversion.writers.iter().all(dequantizes) {
            gone.extend(conversion.writers.iter().copied().chain(conversion.bounds.map(|(clip, _)| clip)));
            conversions.insert(index, conversion);
        }
    }
    let mut writer = Writer { names: Names::of(&graph), constants: HashMap::new(), result: graph.clone() };
    writer.result.nodes.clear();
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Some(conversion) = conversions.get(&index) {
            writer.convert(&graph, node, conversion)?;
            continue;
        }
        let is_written = node.is(&dequantize_linear::OP) && writer.constant(&graph, node)?;
        if !is_written && !gone.contains(&index) {
            writer.result.nodes.push(node.clone());
        }
    }
    let mut result = super::strip_unused_nodes(writer.result)?;
    result.narrow.clear();
    Ok(result)
}

/// What follows a `QuantizeLinear`.
struct Conversion {
    /// A `Clip` of the bytes, and its bounds.
    bounds: Option<(usize, (i32, i32))>,
    /// The nodes that write floats again.
    writers: Vec<usize>,
}

/// The numbers of a quantizer.
struct Quantizer {
    zero_point: f32,
    bits: u8,
    is_signed: bool,
}

/// The `Quant` that does what `node` and the `Clip` after it do; `None` if there is none.
fn quantizer(graph: &Graph, node: &Node, conversion: &Conversion) -> Option<Quantizer> {
    graph.constants.get(node.input(1)?)?.to_scalar::<f32>().ok()?;
    let (zero_point, is_signed) = match graph.constants.get(node.input(2)?)?.data() {
        TensorData::U8(zero) if zero.len() == 1 => (f32::from(zero[0]), false),
        TensorData::I8(zero) if zero.len() == 1 => (f32::from(zero[0]), true),
        _ => return None,
    };
    let range =
        |bits: u8| if is_signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) };
    let (low, high) = range(8);
    let wanted = conversion.bounds.map_or((low, high), |(_, bounds)| (bounds.0.max(low), bounds.1.min(high)));
    let bits = (2..=8).find(|&bits| range(bits) == wanted)?;
    Some(Quantizer { zero_point, bits, is_signed })
}

fn same_constant(graph: &Graph, nodes: [&Node; 2], input: usize) -> bool {
    let [a, b] = nodes.map(|node| node.input(input));
    a == b || a.and_then(|name| graph.constants.get(name)) == b.and_then(|name| graph.constants.get(name))
}

struct Writer {
    names: Names,
    /// The names of scalars, by their bits.
    constants: HashMap<u32, String>,
    result: Graph,
}

impl Writer {
    /// The name of a constant with this number.
    fn scalar(&mut self, stem: &str, value: f32) -> String {
        let Self { names, constants, result } = self;
        let name = constants.entry(value.to_bits()).or_insert_with(|| {
            let name = names.fresh(stem);
            result.constants.insert(name.clone(), Tensor::scalar(value));
            name
        });
        name.clone()
    }

    /// Adds a `Quant` for each node that writes floats.
    fn convert(&mut self, graph: &Graph, node: &Node, conversion: &Conversion) -> Result<(), Error> {
        let Some(quantizer) = quantizer(graph, node, conversion) else { return Ok(()) };
        let from = node.required_input(0)?;
        let scale = node.required_input(1)?.to_owned();
        let zero_point = self.scalar("zero_point", quantizer.zero_point);
        let bits = self.scalar("bits", quantizer.bits.into());
        for &writer in &conversion.writers {
            let to = graph.nodes[writer].required_output(0)?;
            let name = graph.nodes[writer].name.clone();
            self.result.nodes.push(quant_node(
                &name,
                [from, &scale, &zero_point, &bits, to],
                quantizer.is_signed,
                false,
            ));
        }
        Ok(())
    }

    /// Adds what stands for a `DequantizeLinear` of constants; whether it is one.
    fn constant(&mut self, graph: &Graph, node: &Node) -> Result<bool, Error> {
        let inputs: Option<Vec<Option<&Tensor>>> = node
            .inputs
            .iter()
            .map(|name| if name.is_empty() { Some(None) } else { graph.constants.get(name).map(Some) })
            .collect();
        let Some(inputs) = inputs else { return Ok(false) };
        let (Some(Some(integers)), Some(Some(scales))) = (inputs.first(), inputs.get(1)) else {
            return Ok(false);
        };
        let Some(floats) = ops::evaluate(node, &inputs)?.into_iter().next() else { return Ok(false) };
        let output = node.required_output(0)?;
        let codes: Option<(Vec<i32>, bool)> = match integers.data() {
            TensorData::I8(codes) => Some((codes.iter().map(|&code| code.into()).collect(), true)),
            TensorData::U8(codes) => Some((codes.iter().map(|&code| code.into()).collect(), false)),
            _ => None,
        };
        let axis = node.int("axis", 1)?;
        let Some((codes, is_signed)) = codes.filter(|_| !node.attributes.contains_key("block_size")) else {
            self.result.constants.insert(output.to_owned(), floats);
            return Ok(true);
        };
        let along = |values: &Tensor| -> Result<Option<Tensor>, Error> { beside(values, integers, axis) };
        let Some(scales) = along(scales)? else { return Ok(false) };
        let zeros = match inputs.get(2) {
            Some(Some(zeros)) => {
                let zeros: Vec<f32> = match zeros.data() {
                    TensorData::I8(zeros) => zeros.iter().map(|&zero| zero.into()).collect(),
                    TensorData::U8(zeros) => zeros.iter().map(|&zero| zero.into()).collect(),
                    _ => return Ok(false),
                };
                Some(zeros).filter(|zeros| zeros.iter().any(|&zero| zero != 0.0))
            }
            _ => None,
        };
        let stem = node.required_input(0)?;
        let weights = self.names.fresh(stem.strip_suffix("_i8").unwrap_or(stem));
        let scale = self.names.fresh("scale");
        let are_positive = scales.as_f32()?.iter().all(|&scale| scale > 0.0);
        let has_no_zero =
            are_positive && zeros.is_none() && !codes.is_empty() && codes.iter().all(|code| code.abs() == 1);
        let written = if has_no_zero && is_signed {
            Node::of(&bipolar_quant::OP, &node.name, &[&weights, &scale], &[output])
        } else {
            let (least, greatest) = codes.iter().fold((0, 0), |(a, b), &code| (a.min(code), b.max(code)));
            let bits = if is_signed {
                (2..8u8).find(|bits| -(1 << (bits - 1)) <= least && greatest < 1 << (bits - 1))
            } else {
                (2..8u8).find(|bits| greatest < 1 << bits)
            };
            let bits = bits.unwrap_or(8);
            let is_narrow = is_signed && least > -(1 << (bits - 1));
            let zero_point = match zeros {
                None => self.scalar("zero_point", 0.0),
                Some(zeros) => {
                    let Some(zeros) = along(&Tensor::vector(zeros))? else { return Ok(false) };
                    let name = self.names.fresh("zero_points");
                    self.result.constants.insert(name.clone(), zeros);
                    name
                }
            };
            let bits = self.scalar("bits", bits.into());
            quant_node(&node.name, [&weights, &scale, &zero_point, &bits, output], is_signed, is_narrow)
        };
        self.result.constants.insert(weights, floats);
        self.result.constants.insert(scale, scales);
        self.result.nodes.push(written);
        Ok(true)
    }
}

/// A `Quant` with these inputs, the last of which it writes.
fn quant_node(
    name: &str,
    [x, scale, zero_point, bits, to]: [&str; 5],
    is_signed: bool,
    is_narrow: bool,
) -> Node {
    Node::of(&quant::OP, name, &[x, scale, zero_point, bits], &[to])
        .with("signed", i64::from(is_signed))
        .with("narrow", i64::from(is_narrow))
        .with("rounding_mode", "ROUND")
}

/// One value or one along `axis` of `integers`, in a shape that broadcasts to theirs; `None` if there are others.
fn beside(values: &Tensor, integers: &Tensor, axis: i64) -> Result<Option<Tensor>, Error> {
    let rank = integers.rank();
    let floats = values.as_f32()?.to_vec();
    if floats.len() == 1 {
        return Tensor::new([], floats).map(Some);
    }
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    let Some(axis) = usize::try_from(axis).ok().filter(|&axis| axis < rank) else { return Ok(None) };
    if integers.shape()[axis] != floats.len() {
        return Ok(None);
    }
    let mut shape = vec![1; rank];
    shape[axis] = floats.len();
    Tensor::new(shape, floats).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Executor, ExecutorOptions, ValueInfo};

    fn value(name: &str, shape: &[usize]) -> ValueInfo {
        let shape = shape.iter().map(|&size| Some(size)).collect();
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape }
    }

    /// A product of four-bit activations and weights of two channels, with a bias.
    fn product(weights: [i8; 6]) -> Graph {
        let constants = [
            ("s", Tensor::scalar(0.25f32)),
            ("z", Tensor::scalar(3u8)),
            ("low", Tensor::scalar(0u8)),
            ("high", Tensor::scalar(15u8)),
            ("w_i8", Tensor::new([3, 2], weights.to_vec()).expect("six")),
            ("ws", Tensor::vector([0.5f32, 2.0])),
            ("wz", Tensor::vector([0i8, 0])),
            ("b_i32", Tensor::vector([7i32, -9])),
            ("bs", Tensor::vector([0.125f32, 0.5])),
        ];
        Graph {
            opset: 13,
            inputs: vec![value("x", &[4, 3])],
            outputs: vec![value("y", &[4, 2])],
            nodes: vec![
                Node::new("q", "QuantizeLinear", &["x", "s", "z"], &["q"]),
                Node::new("c", "Clip", &["q", "low", "high"], &["c"]),
                Node::new("d", "DequantizeLinear", &["c", "s", "z"], &["d"]),
                Node::new("w", "DequantizeLinear", &["w_i8", "ws", "wz"], &["w"]).with("axis", 1i64),
                Node::new("b", "DequantizeLinear", &["b_i32", "bs"], &["b"]).with("axis", 0i64),
                Node::new("gemm", "Gemm", &["d", "w", "b"], &["y"]),
            ],
            constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
            ..Graph::default()
        }
    }

    fn run(graph: &Graph) -> Vec<Tensor> {
        let x: Vec<f32> = (0..12).map(|at| at as f32 * 0.7 - 3.1).collect();
        let x = Tensor::new([4, 3], x).expect("twelve");
        Executor::new(graph, &ExecutorOptions::default()).expect("runs").run(&[("x", &x)]).expect("runs")
    }

    #[test]
    fn numbers_keep_their_meaning() {
        for (weights, op, bits) in [
            ([3, -4, 0, 1, -2, 2], "Quant", Some(3.0f32)),
            ([7, -8, 0, 1, -2, 2], "Quant", Some(4.0)),
            ([127, -127, 0, 1, -2, 2], "Quant", Some(8.0)),
            ([1, -1, -1, 1, -1, 1], "BipolarQuant", None),
        ] {
            let graph = product(weights);
            let found = to_qonnx(graph.clone()).expect("has a form");
            found.validate().expect("sound");
            let ops: Vec<String> = found.nodes.iter().map(|node| node.op.to_string()).collect();
            assert_eq!(ops, ["Quant", op, "Gemm"]);
            let constant =
                |node: usize, input: usize| &found.constants[found.nodes[node].input(input).expect("named")];
            assert_eq!(constant(0, 3).to_scalar::<f32>().expect("one"), 4.0);
            if let Some(bits) = bits {
                assert_eq!(constant(1, 3).to_scalar::<f32>().expect("one"), bits);
            }
            assert_eq!(constant(1, 1).shape(), [1, 2]);
            assert_eq!(run(&found), run(&graph));
            let read = Graph::from_onnx_bytes(&found.to_onnx_bytes().expect("written")).expect("read");
            assert_eq!(run(&read), run(&graph));
        }
    }

    #[test]
    fn bytes_that_something_else_reads_stay() {
        let mut graph = product([1, 2, 3, 4, 5, 6]);
        graph.outputs.push(ValueInfo { data_type: DataType::U8, ..value("c", &[4, 3]) });
        let found = to_qonnx(graph.clone()).expect("has a form");
        let ops: Vec<String> = found.nodes.iter().map(|node| node.op.to_string()).collect();
        assert_eq!(ops, ["QuantizeLinear", "Clip", "DequantizeLinear", "Quant", "Gemm"]);
        assert_eq!(run(&found), run(&graph));
    }
}
