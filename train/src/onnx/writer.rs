//! Nodes and constants, one after the other.

use eightbit_graph::{Graph, Names, Node, Op, Tensor};

use super::Format;
use crate::Error;
use crate::quantizer::Grid;

/// Writes the chain of nodes of a network.
pub(super) struct Writer {
    pub(super) graph: Graph,
    names: Names,
    format: Format,
    /// What the next node reads.
    pub(super) value: String,
}

impl Writer {
    pub(super) fn new(graph: Graph, format: Format, value: &str) -> Self {
        let names = Names::of(&graph);
        Self { graph, names, format, value: value.to_owned() }
    }

    /// A constant of this name, or a similar one.
    pub(super) fn constant(&mut self, stem: &str, tensor: Tensor) -> String {
        let name = self.names.fresh(stem);
        self.graph.constants.insert(name.clone(), tensor);
        name
    }

    fn node(&mut self, op: impl Into<Op>, stem: &str, inputs: &[&str]) -> Node {
        let (name, output) = (self.names.fresh(stem), self.names.fresh(&format!("{stem}_out")));
        Node::of(op, &name, inputs, &[&output])
    }

    /// Adds a node, and returns its output's name.
    pub(super) fn push(&mut self, node: Node) -> String {
        let output = node.outputs[0].clone();
        self.graph.nodes.push(node);
        output
    }

    /// Adds a node of ONNX that reads the value and these constants; its output is the value then.
    pub(super) fn then(&mut self, op: &str, stem: &str, constants: &[&str], with: impl FnOnce(Node) -> Node) {
        let value = self.value.clone();
        let inputs: Vec<&str> = std::iter::once(value.as_str()).chain(constants.iter().copied()).collect();
        let node = with(self.node(op, stem, &inputs));
        self.value = self.push(node);
    }

    /// The value on a grid.
    pub(super) fn quantize_value(&mut self, stem: &str, grid: &Grid) -> Result<(), Error> {
        let value = self.value.clone();
        self.value = match (self.format, grid) {
            (Format::Qonnx, grid) => self.quant(stem, &value, grid, &[])?,
            (Format::Qdq, Grid::Signs { .. }) => {
                return Err(Error::Format {
                    format: "qdq",
                    reason: "QuantizeLinear has no signs, which activations of 1 bit are: choose qonnx"
                        .to_owned(),
                });
            }
            (Format::Qdq, Grid::Integers { steps, bits, signed, narrow }) => {
                let [low, high] = limits(*bits, *signed, *narrow);
                let mut value = value;
                if (low, high) != if *signed { (-128.0, 127.0) } else { (0.0, 255.0) } {
                    // The bounds are multiples of the step, so clipping them comes to the same before and after rounding.
                    let low = self.constant(&format!("{stem}_low"), Tensor::scalar(low * steps[0]));
                    let high = self.constant(&format!("{stem}_high"), Tensor::scalar(high * steps[0]));
                    let node = self.node("Clip", &format!("{stem}_clip"), &[&value, &low, &high]);
                    value = self.push(node);
                }
                let scale = self.constant(&format!("{stem}_scale"), Tensor::scalar(steps[0]));
                let zero = if *signed { Tensor::scalar(0i8) } else { Tensor::scalar(0u8) };
                let zero = self.constant(&format!("{stem}_zero"), zero);
                let node = self.node("QuantizeLinear", stem, &[&value, &scale, &zero]);
                let integers = self.push(node);
                let node =
                    self.node("DequantizeLinear", &format!("{stem}_float"), &[&integers, &scale, &zero]);
                self.push(node)
            }
        };
        Ok(())
    }

    /// Weights, `values` of a shape with the channels first, on a grid if there is one: the name of what a product reads.
    pub(super) fn weights(
        &mut self,
        stem: &str,
        shape: &[usize],
        values: Vec<f32>,
        grid: Option<&Grid>,
    ) -> Result<String, Error> {
        let Some(grid) = grid else {
            return Ok(self.constant(stem, Tensor::new(shape.to_vec(), values)?));
        };
        if self.format == Format::Qonnx {
            let floats = self.constant(stem, Tensor::new(shape.to_vec(), values)?);
            return self.quant(&format!("{stem}_quant"), &floats, grid, shape);
        }
        let (Grid::Integers { steps, .. } | Grid::Signs { scales: steps }) = grid;
        let row = (values.len() / steps.len()).max(1);
        let rows = values.chunks(row).zip(steps);
        let integers: Vec<i8> =
            rows.flat_map(|(row, step)| row.iter().map(move |w| (w / step) as i8)).collect();
        let integers = self.constant(stem, Tensor::new(shape.to_vec(), integers)?);
        let per_channel = steps.len() > 1;
        let scales = if per_channel { Tensor::vector(steps.clone()) } else { Tensor::scalar(steps[0]) };
        let scales = self.constant(&format!("{stem}_scale"), scales);
        let zeros = if per_channel { Tensor::vector(vec![0i8; steps.len()]) } else { Tensor::scalar(0i8) };
        let zeros = self.constant(&format!("{stem}_zero"), zeros);
        let mut node = self.node("DequantizeLinear", &format!("{stem}_float"), &[&integers, &scales, &zeros]);
        if per_channel {
            node = node.with("axis", 0);
        }
        Ok(self.push(node))
    }

    /// A node of QONNX. Steps of channels have the rank of `shape`.
    fn quant(&mut self, stem: &str, value: &str, grid: &Grid, shape: &[usize]) -> Result<String, Error> {
        let (Grid::Integers { steps, .. } | Grid::Signs { scales: steps }) = grid;
        let scale = if steps.len() > 1 {
            let mut dims = vec![1; shape.len()];
            dims[0] = steps.len();
            Tensor::new(dims, steps.clone())?
        } else {
            Tensor::scalar(steps[0])
        };
        let scale = self.constant(&format!("{stem}_scale"), scale);
        let op = |name| Op::new("qonnx.custom_op.general", name);
        let node = match *grid {
            Grid::Signs { .. } => self.node(op("BipolarQuant"), stem, &[value, &scale]),
            Grid::Integers { bits, signed, narrow, .. } => {
                let zero = self.constant(&format!("{stem}_zero"), Tensor::scalar(0f32));
                let bits = self.constant(&format!("{stem}_bits"), Tensor::scalar(bits as f32));
                self.node(op("Quant"), stem, &[value, &scale, &zero, &bits])
                    .with("signed", i64::from(signed))
                    .with("narrow", i64::from(narrow))
                    .with("rounding_mode", "ROUND")
            }
        };
        Ok(self.push(node))
    }
}

/// The least and the greatest integer.
fn limits(bits: u32, signed: bool, narrow: bool) -> [f32; 2] {
    let half = (1u32 << (bits - 1)) as f32;
    match (signed, narrow) {
        (true, true) => [1.0 - half, half - 1.0],
        (true, false) => [-half, half - 1.0],
        (false, _) => [0.0, 2.0 * half - 1.0],
    }
}
