//! A given float network as layers.

use eightbit_graph::{Graph, Node, Tensor, passes};

use crate::network::check_image;
use crate::ops::Window;
use crate::{Error, LayerSpec};

/// A network that was read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// Height, width, channels of its images.
    pub input: [usize; 3],
    /// Its layers with their weights.
    pub layers: Vec<LayerSpec>,
}

/// The layers of a float graph: a sequence, from one image to one row of scores, of `Conv` (of all channels or of each alone), `Gemm`,
/// `MatMul`, `Add` of a bias, `BatchNormalization`, `Relu`, `MaxPool`, `AveragePool`, `GlobalAveragePool`, `Flatten`, `Reshape` to rows,
/// and `Softmax` at its end, which training has in its loss; `Identity` and `Dropout` are left out.
///
/// # Errors
///
/// Any other node, or one of these with attributes that layers do not have, by its name.
pub fn import(graph: &Graph) -> Result<Imported, Error> {
    let graph = passes::strip_unused_nodes(graph.clone())?;
    let graph = passes::fold_constants(graph)?;
    let [input] = graph.inputs.as_slice() else {
        return Err(Error::argument(
            "network",
            format!("it has {} inputs, and must have one", graph.inputs.len()),
        ));
    };
    let &[_, Some(channels), Some(height), Some(width)] = input.shape.as_slice() else {
        let reason = format!(
            "its input has the shape {:?}: it must be images [N, channels, height, width]",
            input.shape
        );
        return Err(Error::argument("network", reason));
    };
    check_image([height, width, channels])?;
    let mut importer = Importer {
        graph: &graph,
        value: input.name.clone(),
        image: Some([height, width, channels]),
        row: None,
        layers: Vec::new(),
    };
    let order = graph.topological_order()?;
    for (at, &index) in order.iter().enumerate() {
        importer.node(&graph.nodes[index], at + 1 == order.len())?;
    }
    if graph.outputs.len() != 1 || graph.outputs[0].name != importer.value {
        return Err(Error::argument(
            "network",
            "it must be a sequence of layers with one output, the last one's",
        ));
    }
    Ok(Imported { input: [height, width, channels], layers: importer.layers })
}

struct Importer<'g> {
    graph: &'g Graph,
    /// What the next node must read.
    value: String,
    /// Its height, width and channels, if it is an image.
    image: Option<[usize; 3]>,
    /// The image that the row was, if it was one with more than one pixel.
    row: Option<[usize; 3]>,
    layers: Vec<LayerSpec>,
}

fn unsupported(node: &Node, reason: impl Into<String>) -> Error {
    Error::Unsupported { node: node.name.clone(), op: node.op.to_string(), reason: reason.into() }
}

impl<'g> Importer<'g> {
    fn node(&mut self, node: &Node, is_last: bool) -> Result<(), Error> {
        let is_next = |input: &String| *input == self.value;
        let reads = node.inputs.iter().filter(|input| is_next(input)).count();
        let is_commutative = node.op.as_str() == "Add" && node.op.domain().is_empty();
        if reads != 1 || !(node.inputs.first().is_some_and(is_next) || is_commutative) {
            return Err(unsupported(
                node,
                "networks that are trained are sequences: each node reads the one before, and constants",
            ));
        }
        let is_onnx = node.op.domain().is_empty();
        match node.op.as_str() {
            "Conv" if is_onnx => self.conv(node)?,
            "Gemm" if is_onnx => self.gemm(node)?,
            "MatMul" if is_onnx => self.matmul(node)?,
            "Add" if is_onnx => self.add(node)?,
            "BatchNormalization" if is_onnx => self.norm(node)?,
            "Relu" if is_onnx => self.layers.push(LayerSpec::Relu),
            "MaxPool" if is_onnx => {
                let window = self.pool(node)?;
                self.layers.push(LayerSpec::MaxPool(window));
            }
            "AveragePool" if is_onnx => {
                let window = self.pool(node)?;
                if node.flag("count_include_pad", false)? && window.pad != [0; 4] {
                    return Err(unsupported(node, "padding that is counted"));
                }
                self.layers.push(LayerSpec::AveragePool(Some(window)));
            }
            "GlobalAveragePool" if is_onnx => {
                let [_, _, channels] = self.an_image(node)?;
                self.image = Some([1, 1, channels]);
                self.layers.push(LayerSpec::AveragePool(None));
            }
            "Flatten" if is_onnx && node.int("axis", 1)? == 1 => self.flatten(),
            "Reshape" if is_onnx => self.reshape(node)?,
            "Identity" | "Dropout" if is_onnx => {}
            "Softmax" if is_onnx && is_last => {}
            _ => {
                return Err(unsupported(
                    node,
                    "it cannot be trained: Conv, Gemm, MatMul, Add of a bias, BatchNormalization, Relu, MaxPool, AveragePool, \
                     GlobalAveragePool, Flatten and Reshape to rows can",
                ));
            }
        }
        self.value = node.required_output(0)?.to_owned();
        Ok(())
    }

    fn an_image(&self, node: &Node) -> Result<[usize; 3], Error> {
        self.image.ok_or_else(|| unsupported(node, "it reads a row, not an image"))
    }

    fn constant(&self, node: &Node, index: usize) -> Result<&'g Tensor, Error> {
        let tensor = self.graph.constants.get(node.required_input(index)?);
        tensor.ok_or_else(|| unsupported(node, format!("input {index} is not constant")))
    }

    /// Constants of as many numbers as there are channels.
    fn vector(&self, node: &Node, index: usize, count: usize) -> Result<Vec<f32>, Error> {
        let tensor = self.constant(node, index)?;
        let numbers = tensor.as_f32()?;
        match numbers.len() {
            length if length == count => Ok(numbers.to_vec()),
            1 => Ok(vec![numbers[0]; count]),
            length => {
                Err(unsupported(node, format!("input {index} has {length} numbers for {count} channels")))
            }
        }
    }

    fn bias(&self, node: &Node, count: usize) -> Result<Option<Vec<f32>>, Error> {
        node.input(2).map(|_| self.vector(node, 2, count)).transpose()
    }

    /// Where element `k` of a row is in the file: rows that were an image have channels within pixels here, and planes there.
    fn place(&self, k: usize) -> usize {
        match self.row {
            Some([height, width, channels]) => k % channels * (height * width) + k / channels,
            None => k,
        }
    }

    fn conv(&mut self, node: &Node) -> Result<(), Error> {
        let [height, width, inputs] = self.an_image(node)?;
        let weights = self.constant(node, 1)?;
        let &[channels, depth, rows, columns] = weights.shape() else {
            return Err(unsupported(node, "weights that are not [channels, inputs, rows, columns]"));
        };
        let groups = node.int("group", 1)?;
        let depthwise = groups != 1;
        if depthwise && (groups != inputs as i64 || channels != inputs || depth != 1)
            || !depthwise && depth != inputs
        {
            return Err(unsupported(
                node,
                format!("{groups} groups of {inputs} channels: only 1, or one for each channel"),
            ));
        }
        let window = self.window(node, [rows, columns])?;
        // From [channel][input][tap] to [channel][tap][input].
        let taps = rows * columns;
        let row = |row: &[f32]| -> Vec<f32> {
            (0..taps)
                .flat_map(|tap| (0..depth).map(move |input| input * taps + tap))
                .map(|at| row[at])
                .collect()
        };
        let weights = weights.as_f32()?.chunks((depth * taps).max(1)).flat_map(row).collect();
        let bias = self.bias(node, channels)?;
        let [height, width] = window.output([height, width])?;
        self.image = Some([height, width, channels]);
        self.layers.push(LayerSpec::Conv { channels, window, depthwise, weights: Some(weights), bias });
        Ok(())
    }

    fn gemm(&mut self, node: &Node) -> Result<(), Error> {
        let is_plain = node.float("alpha", 1.0)? == 1.0 && node.float("beta", 1.0)? == 1.0;
        if !is_plain || node.flag("transA", false)? {
            return Err(unsupported(node, "alpha, beta or transA that are not the default"));
        }
        let transposed = node.flag("transB", false)?;
        self.linear(node, transposed)
    }

    fn matmul(&mut self, node: &Node) -> Result<(), Error> {
        self.linear(node, false)
    }

    fn linear(&mut self, node: &Node, transposed: bool) -> Result<(), Error> {
        if self.image.is_some() {
            return Err(unsupported(node, "it reads an image: flatten it before"));
        }
        let weights = self.constant(node, 1)?;
        let (units, depth) = match *weights.shape() {
            [units, depth] if transposed => (units, depth),
            [depth, units] => (units, depth),
            _ => return Err(unsupported(node, "weights that are not a matrix")),
        };
        let numbers = weights.as_f32()?;
        let at =
            |unit: usize, k: usize| numbers[if transposed { unit * depth + k } else { k * units + unit }];
        if self.row.is_some_and(|image| image.iter().product::<usize>() != depth) {
            return Err(unsupported(node, format!("weights of a depth of {depth} for another image")));
        }
        let weights = (0..units).flat_map(|unit| (0..depth).map(move |k| (unit, k)));
        let weights = weights.map(|(unit, k)| at(unit, self.place(k))).collect();
        let bias = self.bias(node, units)?;
        self.row = None;
        self.layers.push(LayerSpec::Linear { units, weights: Some(weights), bias });
        Ok(())
    }

    /// A bias of the product before.
    fn add(&mut self, node: &Node) -> Result<(), Error> {
        let index = usize::from(node.input(0) == Some(&self.value));
        let Some(
            LayerSpec::Conv { channels: count, bias, .. } | LayerSpec::Linear { units: count, bias, .. },
        ) = self.layers.last()
        else {
            return Err(unsupported(node, "only the bias of a product before can be added"));
        };
        if bias.is_some() {
            return Err(unsupported(node, "the product before has a bias already"));
        }
        let added = self.vector(node, index, *count)?;
        // A number for each channel lies along their axis, the third from the end in images and the last one in rows.
        let shape = self.constant(node, index)?.shape();
        let axis = shape.len().checked_sub(if self.image.is_some() { 3 } else { 1 });
        if added.len() > 1
            && shape.iter().product::<usize>() > 1
            && axis.is_none_or(|axis| shape[axis] != added.len())
        {
            return Err(unsupported(
                node,
                format!("an addend of shape {shape:?} is no bias: give a number for each channel"),
            ));
        }
        if let Some(LayerSpec::Conv { bias, .. } | LayerSpec::Linear { bias, .. }) = self.layers.last_mut() {
            *bias = Some(added);
        }
        Ok(())
    }

    fn norm(&mut self, node: &Node) -> Result<(), Error> {
        let count = self.constant(node, 1)?.len();
        let mut values = [const { Vec::new() }; 4];
        for (index, values) in values.iter_mut().enumerate() {
            let planes = self.vector(node, index + 1, count)?;
            *values = (0..count).map(|k| planes.get(self.place(k)).copied().unwrap_or(0.0)).collect();
        }
        let epsilon = node.float("epsilon", 1e-5)?;
        self.layers.push(LayerSpec::BatchNorm { values: Some(values), epsilon });
        Ok(())
    }

    fn pool(&mut self, node: &Node) -> Result<Window, Error> {
        let [height, width, channels] = self.an_image(node)?;
        let Some(&[rows, columns]) = node.ints("kernel_shape")? else {
            return Err(unsupported(node, "a pool needs a kernel_shape of two numbers"));
        };
        let size = |size: i64| usize::try_from(size).unwrap_or(0);
        let window = self.window(node, [size(rows), size(columns)])?;
        if node.flag("ceil_mode", false)? {
            return Err(unsupported(node, "ceil_mode"));
        }
        let [height, width] = window.output([height, width])?;
        self.image = Some([height, width, channels]);
        Ok(window)
    }

    fn window(&self, node: &Node, kernel: [usize; 2]) -> Result<Window, Error> {
        let sizes = |name: &str, default: [usize; 4], count: usize| -> Result<[usize; 4], Error> {
            let Some(ints) = node.ints(name)? else { return Ok(default) };
            let mut sizes = default;
            if ints.len() != count {
                return Err(unsupported(node, format!("{name} must be {count} numbers")));
            }
            for (size, &int) in sizes.iter_mut().zip(ints) {
                *size = usize::try_from(int).map_err(|_| unsupported(node, format!("{name} of {int}")))?;
            }
            Ok(sizes)
        };
        if sizes("dilations", [1; 4], 2)? != [1; 4]
            || !matches!(node.string("auto_pad", "NOTSET")?, "NOTSET" | "VALID")
        {
            return Err(unsupported(node, "dilations or auto_pad: explicit pads can be trained"));
        }
        let [down, right, ..] = sizes("strides", [1; 4], 2)?;
        Ok(Window { kernel, stride: [down, right], pad: sizes("pads", [0; 4], 4)? })
    }

    fn flatten(&mut self) {
        if let Some(image) = self.image.take() {
            self.row = Some(image).filter(|[height, width, _]| height * width > 1);
            self.layers.push(LayerSpec::Flatten);
        }
    }

    fn reshape(&mut self, node: &Node) -> Result<(), Error> {
        let shape = self.constant(node, 1)?.as_i64()?;
        let Some([height, width, channels]) = self.image else {
            return if shape.len() == 2 { Ok(()) } else { Err(unsupported(node, "only to rows")) };
        };
        let size = (height * width * channels) as i64;
        match shape[..] {
            [-1..=1, length] if length == size || (length == -1 && shape[0] != -1) => {
                self.flatten();
                Ok(())
            }
            _ => Err(unsupported(node, format!("to {shape:?}: only to rows of {size}"))),
        }
    }
}
