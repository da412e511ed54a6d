//! Products of matrices.

use eightbit_graph::{Attribute, Error};

use super::convolution::transpose;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("BatchMatMul", batched),
    ("BatchMatMulV2", batched),
    ("BatchMatMulV3", batched),
    ("Einsum", |importer, operation| {
        let equation = Attribute::from(operation.text("equation", "")?);
        let inputs: Vec<&str> = operation.inputs.iter().map(String::as_str).collect();
        Ok(vec![importer.emit(operation, "", "Einsum", &inputs, &[("equation", equation)])?])
    }),
    ("MatMul", |importer, operation| Ok(vec![matmul(importer, operation)?])),
];

/// Adds the product of two matrices.
pub(super) fn matmul<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<String, Error> {
    let mut a = operation.input(0)?.to_owned();
    let mut b = operation.input(1)?.to_owned();
    if operation.flag("transpose_a", false)? || operation.flag("transposeA", false)? {
        a = transpose(importer, operation, "left", &a, &[1, 0])?;
    }
    if operation.flag("transpose_b", false)? || operation.flag("transposeB", false)? {
        b = transpose(importer, operation, "right", &b, &[1, 0])?;
    }
    importer.emit(operation, "", "MatMul", &[&a, &b], &[])
}

/// A product that transposes its factors, of the domain `com.microsoft`.
const FUSED: &str = "com.microsoft.FusedMatMul";

fn batched<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let inputs = [operation.input(0)?, operation.input(1)?];
    let [left, right] = [operation.flag("adj_x", false)?, operation.flag("adj_y", false)?];
    if left || right {
        // Factors of any rank whose last two axes are exchanged.
        let sides = [("transA", Attribute::Int(left.into())), ("transB", Attribute::Int(right.into()))];
        return Ok(vec![importer.emit(operation, "", FUSED, &inputs, &sides)?]);
    }
    Ok(vec![importer.emit(operation, "", "MatMul", &inputs, &[])?])
}
