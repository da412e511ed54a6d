//! `MatMulNBits`: a product with constant weights of two, four or eight bits, which have scales by block of their depth. Inputs: a, packed
//! weights, scales, zero points, an order of groups, a bias.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::expansion::{self, Expansion};
use super::shared::upgrade::Constants;
use crate::{DataType, Error, Node, Tensor, TensorData, quoted};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[
                Input::Floats(&[2, 40]),
                Input::ByteWeights(&[3, 3, 8]),
                Input::FloatVector(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
            ],
            &[
                ("K", Value::Int(40)),
                ("N", Value::Int(3)),
                ("bits", Value::Int(4)),
                ("block_size", Value::Int(16)),
            ],
        ),
        Example::new(
            &[
                Input::Floats(&[2, 40]),
                Input::ByteWeights(&[3, 3, 4]),
                Input::FloatVector(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
                Input::ByteWeights(&[3]),
                Input::Absent,
                Input::Weights(&[3]),
            ],
            &[
                ("K", Value::Int(40)),
                ("N", Value::Int(3)),
                ("bits", Value::Int(2)),
                ("block_size", Value::Int(16)),
            ],
        ),
    ],
    output_type: |_, _| Some(DataType::F32),
    ..expansion::operator(
        "MatMulNBits",
        "MatMul with constant weights of 2, 4 or 8 bits and scales by block, and a bias",
        expand,
    )
};

/// The sizes in a node's attributes.
struct Sizes {
    depth: usize,
    columns: usize,
    bits: usize,
    block: usize,
}

impl Sizes {
    fn of(node: &Node) -> Result<Sizes, Error> {
        let size = |name: &str, default: i64| -> Result<usize, Error> {
            let value = node.int(name, default)?;
            let size = usize::try_from(value).ok().filter(|&size| size > 0);
            size.ok_or_else(|| Error::attribute(node, name, "must be greater than 0"))
        };
        let bits = size("bits", 4)?;
        if ![2, 4, 8].contains(&bits) {
            return Err(Error::unsupported(node, format!("weights of {bits} bits: there are 2, 4 and 8")));
        }
        Ok(Sizes { depth: size("K", 0)?, columns: size("N", 0)?, bits, block: size("block_size", 0)? })
    }

    fn blocks(&self) -> usize {
        self.depth.div_ceil(self.block)
    }

    /// Bytes of `count` codes.
    fn bytes(&self, count: usize) -> usize {
        count.div_ceil(8 / self.bits)
    }

    /// Code `index` of packed bytes, of which the first is in the lowest bits.
    fn code(&self, packed: &[u8], index: usize) -> u8 {
        let per_byte = 8 / self.bits;
        packed[index / per_byte] >> (index % per_byte * self.bits) & (0xff >> (8 - self.bits))
    }
}

/// The weights become floats: `(code − zero point) · scale`, rounded once for zero points that are integers, whatever the sign of the scale.
fn expand(node: &Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let sizes = Sizes::of(node)?;
    if node.input(4).is_some() {
        return Err(Error::unsupported(node, "an order of groups (g_idx)"));
    }
    // 1 and 2 are layouts of ONNX Runtime's kernels.
    if node.int("weight_prepacked", 0)? != 0 {
        return Err(Error::unsupported(node, "weights that are packed already (weight_prepacked)"));
    }
    constants.reserve_floats(node, [sizes.depth, sizes.columns])?;
    let weights = weights(node, constants, &sizes)?;
    let weights = constants.add(node, "weights", weights);
    let mut expansion = Expansion::new(node, constants);
    let product = expansion.add("MatMul", &[node.required_input(0)?, &weights]);
    if let Some(bias) = node.input(5) {
        expansion.add("Add", &[&product, bias]);
    }
    expansion.finish()
}

/// A constant input.
fn constant<'c>(node: &Node, constants: &'c Constants<'_>, index: usize) -> Result<&'c Tensor, Error> {
    let name = node.required_input(index)?;
    constants
        .get(name)
        .ok_or_else(|| Error::unsupported(node, format!("input {} that is not constant", quoted(name))))
}

fn misfit(node: &Node, what: &str, tensor: &Tensor, expected: usize) -> Error {
    let (shape, data_type) = (tensor.shape(), tensor.data_type());
    Error::node(node, format!("{what} of shape {shape:?} and type {data_type}, where {expected} are needed"))
}

/// `[K][N]` floats.
fn weights(node: &Node, constants: &Constants<'_>, sizes: &Sizes) -> Result<Tensor, Error> {
    let tensor = constant(node, constants, 1)?;
    let (blocks, block_bytes, columns) = (sizes.blocks(), sizes.bytes(sizes.block), sizes.columns);
    let expected = blocks.saturating_mul(block_bytes).saturating_mul(columns);
    let packed = match tensor.data() {
        TensorData::U8(packed) if packed.len() == expected => packed,
        _ => return Err(misfit(node, "packed weights", tensor, expected)),
    };
    let count = blocks.saturating_mul(columns);
    let scales = constant(node, constants, 2)?;
    let scales = match scales.data() {
        TensorData::F32(values) if values.len() == count => values,
        _ => return Err(misfit(node, "scales", scales, count)),
    };
    let zero_points = zero_points(node, constants, sizes)?;
    let mut weights = vec![0.0; sizes.depth.saturating_mul(columns)];
    for (n, column) in packed.chunks_exact(blocks * block_bytes).enumerate() {
        for (number, block) in column.chunks_exact(block_bytes).enumerate() {
            let (scale, zero_point) = (scales[n * blocks + number], zero_points[n * blocks + number]);
            let start = number * sizes.block;
            for k in start..sizes.depth.min(start + sizes.block) {
                let code = f32::from(sizes.code(block, k - start));
                weights[k * columns + n] = (code - zero_point) * scale;
            }
        }
    }
    Tensor::new([sizes.depth, columns], weights)
}

/// `[N][blocks]` zero points: the middle of the codes if there are none.
fn zero_points(node: &Node, constants: &Constants<'_>, sizes: &Sizes) -> Result<Vec<f32>, Error> {
    let blocks = sizes.blocks();
    let count = blocks.saturating_mul(sizes.columns);
    if node.input(3).is_none() {
        let middle = 1u8 << (sizes.bits - 1);
        return Ok(vec![middle.into(); count]);
    }
    let tensor = constant(node, constants, 3)?;
    let row_bytes = sizes.bytes(blocks);
    let expected = row_bytes.saturating_mul(sizes.columns);
    match tensor.data() {
        TensorData::U8(packed) if packed.len() == expected => {
            let rows = packed.chunks_exact(row_bytes);
            Ok(rows.flat_map(|row| (0..blocks).map(|index| sizes.code(row, index).into())).collect())
        }
        TensorData::F32(values) if values.len() == count => Ok(values.clone()),
        _ => Err(misfit(node, "zero points", tensor, expected)),
    }
}
