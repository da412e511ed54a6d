//! `MatMul` of floats.

use super::NoValue;
use super::arguments::{Arguments, bounded, one};
use super::value::{Data, Value};

/// The most products of a constant product of matrices: a second or so.
const MAX_PRODUCTS: usize = 1 << 30;

pub(super) fn matmul(arguments: &Arguments<'_>) -> Result<Vec<Value>, NoValue> {
    let (a, b) = (arguments.input(0)?, arguments.input(1)?);
    let (Data::F32(x), Data::F32(y)) = (&a.data, &b.data) else { return Err(NoValue::Unsupported) };
    let (&[a_rows, a_columns], &[b_rows, b_columns]) = (a.shape.as_slice(), b.shape.as_slice()) else {
        return Err(NoValue::Unsupported);
    };
    let (transpose_a, transpose_b) = (arguments.flag("transpose_a"), arguments.flag("transpose_b"));
    let (rows, depth) = if transpose_a { (a_columns, a_rows) } else { (a_rows, a_columns) };
    let (own, columns) = if transpose_b { (b_columns, b_rows) } else { (b_rows, b_columns) };
    let count = bounded(&[rows, columns])?;
    let is_small = count.checked_mul(depth).is_some_and(|products| products <= MAX_PRODUCTS);
    if own != depth || !is_small {
        return Err(NoValue::Unsupported);
    }
    let left = |row: usize, k: usize| if transpose_a { x[k * rows + row] } else { x[row * depth + k] };
    let right =
        |k: usize, column: usize| if transpose_b { y[column * depth + k] } else { y[k * columns + column] };
    // Summed in the wide type and rounded once, so that no order of the sum is the right one.
    let element = |index: usize| {
        let (row, column) = (index / columns, index % columns);
        (0..depth).map(|k| f64::from(left(row, k)) * f64::from(right(k, column))).sum::<f64>() as f32
    };
    one(vec![rows, columns], (0..count).map(element).collect::<Vec<f32>>())
}
