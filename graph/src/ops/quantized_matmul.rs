//! `QuantizedMatMul` of TensorFlow. Inputs: two matrices of bytes, the range of each.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_byte::{by_byte, offset_bytes};
use super::shared::code_range::{Code, CodeRange, outputs, types};
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use crate::exec::integer::coded;
use crate::{DataType, Error, Node, Tensor, TensorType};

const RANGES: [Input; 4] = [Input::Float(-1.0), Input::Float(2.0), Input::Float(-0.5), Input::Float(0.5)];

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(
            &[Input::Bytes(&[3, 4]), Input::ByteWeights(&[4, 5]), RANGES[0], RANGES[1], RANGES[2], RANGES[3]],
            &[],
        )
        .outputs(3),
        Example::new(
            &[Input::Bytes(&[4, 3]), Input::ByteWeights(&[5, 4]), RANGES[0], RANGES[1], RANGES[2], RANGES[3]],
            &[("transpose_a", Value::Int(1)), ("transpose_b", Value::Int(1))],
        )
        .outputs(3),
    ],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: |inputs| {
        let sizes = || Sizes::new(inputs.node, inputs.shape(0).ok()?, inputs.shape(1).ok()?).ok();
        sizes().map_or(1, |sizes| sizes.depth)
    },
    lower: coded::products::matmul,
    output_type: |_, _| Some(DataType::I32),
    ..Operator::new("QuantizedMatMul", "a matrix product of bytes to 32-bit codes", infer, evaluate)
};

/// The sizes of a product, and the strides of both matrices along rows and depth, depth and columns.
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
    /// Whether each of the matrices is transposed.
    pub(crate) transposed: [bool; 2],
}

impl Sizes {
    pub(crate) fn new(node: &Node, a: &[usize], b: &[usize]) -> Result<Self, Error> {
        let transposed = [node.flag("transpose_a", false)?, node.flag("transpose_b", false)?];
        let (&[a0, a1], &[b0, b1]) = (a, b) else {
            return Err(Error::node(node, format!("shapes {a:?} and {b:?} are not those of matrices")));
        };
        let (rows, depth) = if transposed[0] { (a1, a0) } else { (a0, a1) };
        let (columns, of_b) = if transposed[1] { (b0, b1) } else { (b1, b0) };
        if depth != of_b {
            return Err(Error::node(
                node,
                format!("matrices of {depth} columns and {of_b} rows have no product"),
            ));
        }
        Ok(Self { rows, depth, columns, transposed })
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let sizes = Sizes::new(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    Ok(types(DataType::I32, [sizes.rows, sizes.columns]))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn sums<A: Code, B: Code>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let (a_range, b_range) = (CodeRange::of(args, 2)?, CodeRange::of(args, 4)?);
        let sizes = Sizes::new(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape())?;
        let Sizes { rows, depth, columns, transposed } = sizes;
        let shape = [rows, columns];
        let mut y = Vec::with_capacity(args.count(&shape)?);
        let (a, b) = (offset_bytes::<A>(args, 0, a_range)?, offset_bytes::<B>(args, 1, b_range)?);
        let at = |transposed: bool, row: usize, column: usize, [rows, columns]: [usize; 2]| {
            if transposed { column * rows + row } else { row * columns + column }
        };
        for row in 0..rows {
            for column in 0..columns {
                y.push((0..depth).fold(0i32, |sum, k| {
                    let a = a[at(transposed[0], row, k, [rows, depth])];
                    let b = b[at(transposed[1], k, column, [depth, columns])];
                    sum.wrapping_add(a.wrapping_mul(b))
                }));
            }
        }
        outputs(&shape, y, CodeRange::of_products::<A, B>(a_range, b_range))
    }
    by_byte!(args, [A: 0, B: 1], sums::<A, B>(args))
}
