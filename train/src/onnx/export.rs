//! A network as a graph.

use candle_core::Tensor as Matrix;
use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo};

use super::writer::Writer;
use crate::layers::{Factors, Layer, Mode, QConv2d};
use crate::network::Shape;
use crate::ops::{Window, read};
use crate::quantizer::{FakeQuantizer, Grid};
use crate::{Error, Network};

/// What a file says numbers of few bits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `Quant` and `BipolarQuant` of QONNX, which FINN, hls4ml and this project read.
    Qonnx,
    /// `QuantizeLinear` and `DequantizeLinear` of ONNX with integers of eight bits and narrower bounds, which every runtime reads; no signs
    /// as activations.
    Qdq,
}

/// A network as a graph, and what is known of its arithmetic.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exported {
    /// The graph: images `[N, channel, row, column]` called `image` in, `scores` out.
    pub graph: Graph,
    /// The products of the network.
    pub products: usize,
    /// Those whose float sums never round, so that integers give the same bits.
    pub exact: usize,
}

impl Network {
    /// The network as it is executed: frozen normalizations as a factor and an addend for each channel, weights on their grids.
    ///
    /// # Errors
    ///
    /// A format that cannot hold it.
    pub fn export(&self, format: Format) -> Result<Exported, Error> {
        let [height, width, channels] = self.input;
        let value = |name: &str, dims: &[usize]| ValueInfo {
            name: name.to_owned(),
            data_type: DataType::F32,
            shape: std::iter::once(None).chain(dims.iter().map(|&dim| Some(dim))).collect(),
        };
        let graph = Graph {
            name: format!("eightbit-{}", self.precision),
            opset: 13,
            inputs: vec![value("image", &[channels, height, width])],
            dimension_names: [
                (("image".to_owned(), 0), "N".to_owned()),
                (("scores".to_owned(), 0), "N".to_owned()),
            ]
            .into(),
            ..Graph::default()
        };
        let mut writer = Writer::new(graph, format, "image");
        let (mut products, mut exact) = (0, 0);
        // The image that the last rows were, whose order of pixels and channels the next matrix takes along.
        let mut flattened = None;
        for (index, (layer, &shape)) in self.layers.iter().zip(&self.shapes).enumerate() {
            if let Some(factors) = layer.factors() {
                products += 1;
                exact += usize::from(is_exact(factors)?);
            }
            let stem = |word: &str| format!("{word}{index}");
            match layer {
                Layer::Conv(layer) => conv(&mut writer, layer, &stem("conv"))?,
                Layer::Linear(layer) => {
                    linear(&mut writer, &layer.factors, flattened.take(), &stem("linear"))?
                }
                Layer::Norm(norm) => {
                    let order = |numbers: Vec<f32>| {
                        flattened.map_or(numbers.clone(), |image| planes(&numbers, image))
                    };
                    if !self.precision.is_quantized() {
                        // With its moments, so that it can be trained again.
                        let names = ["gamma", "beta", "mean", "variance"].into_iter().zip(norm.values()?);
                        let constant =
                            |(word, values)| writer.constant(&stem(word), Tensor::vector(order(values)));
                        let names: Vec<String> = names.map(constant).collect();
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let epsilon = norm.epsilon();
                        writer.then("BatchNormalization", &stem("norm"), &names, |node| {
                            node.with("epsilon", epsilon)
                        });
                        continue;
                    }
                    let (factor, addend) = norm.frozen()?;
                    for (op, word, numbers) in [("Mul", "factor", factor), ("Add", "addend", addend)] {
                        let numbers = order(read(&numbers, <[f32]>::to_vec)?);
                        let mut dims = vec![numbers.len()];
                        if matches!(shape, Shape::Image(_)) {
                            dims.extend([1, 1]);
                        }
                        let constant = writer.constant(&stem(word), Tensor::new(dims, numbers)?);
                        writer.then(op, &stem(&op.to_lowercase()), &[&constant], |node| node);
                    }
                }
                Layer::Relu => writer.then("Relu", &stem("relu"), &[], |node| node),
                Layer::MaxPool(window) => {
                    writer.then("MaxPool", &stem("pool"), &[], |node| windowed(node, *window));
                }
                Layer::AveragePool(Some(window)) => {
                    writer.then("AveragePool", &stem("pool"), &[], |node| windowed(node, *window));
                }
                Layer::AveragePool(None) => writer.then("GlobalAveragePool", &stem("pool"), &[], |node| node),
                Layer::Flatten => {
                    writer.then("Flatten", &stem("flatten"), &[], |node| node);
                    if let Shape::Image(image) = shape {
                        flattened = Some(image);
                    }
                }
            }
        }
        // A network may end in an image of one pixel.
        if self.layers.iter().all(|layer| !matches!(layer, Layer::Flatten | Layer::Linear(_))) {
            writer.then("Flatten", "flatten", &[], |node| node);
        }
        let Writer { mut graph, value: last, .. } = writer;
        for node in &mut graph.nodes {
            node.outputs
                .iter_mut()
                .filter(|output| **output == last)
                .for_each(|output| *output = "scores".to_owned());
        }
        graph.outputs = vec![value("scores", &[self.classes])];
        Ok(Exported { graph, products, exact })
    }
}

const QUANTIZED: Mode = Mode { is_quantized: true, calibrates: false, uses_batch: false };

fn conv(writer: &mut Writer, conv: &QConv2d, stem: &str) -> Result<(), Error> {
    let factors = &conv.factors;
    quantize_input(writer, factors, stem)?;
    let [height, width] = conv.window.kernel;
    let (channels, depth) = (conv.channels(), if conv.is_depthwise { 1 } else { conv.in_channels });
    let taps = height * width;
    let values = read(&factors.weight(QUANTIZED)?, |w| {
        // From [channel][tap][input] to [channel][input][tap].
        let row = |row: &[f32]| -> Vec<f32> {
            (0..depth)
                .flat_map(|input| (0..taps).map(move |tap| tap * depth + input))
                .map(|at| row[at])
                .collect()
        };
        w.chunks(taps * depth).flat_map(row).collect::<Vec<f32>>()
    })?;
    let grid = weight_grid(factors)?;
    let weights = writer.weights(
        &format!("{stem}_weight"),
        &[channels, depth, height, width],
        values,
        grid.as_ref(),
    )?;
    let bias = bias(writer, factors, stem)?;
    let constants: Vec<&str> = std::iter::once(weights.as_str()).chain(bias.as_deref()).collect();
    let groups = if conv.is_depthwise { channels } else { 1 };
    writer.then("Conv", stem, &constants, |node| windowed(node, conv.window).with("group", groups as i64));
    Ok(())
}

fn linear(
    writer: &mut Writer,
    factors: &Factors,
    image: Option<[usize; 3]>,
    stem: &str,
) -> Result<(), Error> {
    quantize_input(writer, factors, stem)?;
    let &[units, depth] = factors.weight.dims() else {
        return Err(Error::argument("layers", "weights of a matrix product are a matrix"));
    };
    let values = read(&factors.weight(QUANTIZED)?, |w| match image {
        Some(image) => w.chunks(depth).flat_map(|row| planes(row, image)).collect(),
        None => w.to_vec(),
    })?;
    let grid = weight_grid(factors)?;
    let weights = writer.weights(&format!("{stem}_weight"), &[units, depth], values, grid.as_ref())?;
    let bias = bias(writer, factors, stem)?;
    let constants: Vec<&str> = std::iter::once(weights.as_str()).chain(bias.as_deref()).collect();
    writer.then("Gemm", stem, &constants, |node| node.with("transB", 1));
    Ok(())
}

/// Numbers of pixels in planes.
fn planes(pixels: &[f32], [_, _, channels]: [usize; 3]) -> Vec<f32> {
    (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels)).copied().collect()
}

fn quantize_input(writer: &mut Writer, factors: &Factors, stem: &str) -> Result<(), Error> {
    match &factors.input {
        Some(input) => writer.quantize_value(&format!("{stem}_input"), &input.grid(None)?),
        None => Ok(()),
    }
}

fn weight_grid(factors: &Factors) -> Result<Option<Grid>, Error> {
    let grid = |quantizer: &FakeQuantizer| quantizer.grid(Some(factors.weight.as_tensor()));
    Ok(factors.weights.as_ref().map(grid).transpose()?)
}

fn bias(writer: &mut Writer, factors: &Factors, stem: &str) -> Result<Option<String>, Error> {
    let Some(bias) = &factors.bias else { return Ok(None) };
    let numbers = read(bias.as_tensor(), <[f32]>::to_vec)?;
    Ok(Some(writer.constant(&format!("{stem}_bias"), Tensor::vector(numbers))))
}

fn windowed(node: Node, window: Window) -> Node {
    let ints = |sizes: &[usize]| sizes.iter().map(|&size| size as i64).collect::<Vec<_>>();
    node.with("kernel_shape", ints(&window.kernel))
        .with("strides", ints(&window.stride))
        .with("pads", ints(&window.pad))
}

/// Whether no float sum of a product rounds, in whatever order, whatever its input is.
fn is_exact(factors: &Factors) -> Result<bool, Error> {
    let (Some(grid), Some(input)) = (weight_grid(factors)?, &factors.input) else { return Ok(false) };
    let (Grid::Integers { steps: of_input, .. } | Grid::Signs { scales: of_input }) = input.grid(None)?;
    let (Grid::Integers { steps, .. } | Grid::Signs { scales: steps }) = grid;
    let weights: Matrix = factors.weight(QUANTIZED)?;
    let reach = u128::from(input.reach());
    Ok(read(&weights, |w| {
        let row = w.len() / factors.weight.dims()[0];
        w.chunks(row).enumerate().all(|(channel, row)| {
            let step = steps[channel % steps.len()];
            let sum: f64 = row.iter().map(|w| f64::from((w / step).abs())).sum();
            u128::from(odd(step)) * u128::from(odd(of_input[0])) * reach * (sum as u128) <= 1 << 24
        })
    })?)
}

/// The odd integer that a normal number is, times a power of two.
fn odd(x: f32) -> u64 {
    let significand = u64::from(x.to_bits() & 0x7f_ffff | 0x80_0000);
    significand >> significand.trailing_zeros()
}
