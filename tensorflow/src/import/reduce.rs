//! Reductions of axes.

use eightbit_graph::{Attribute, DataType, Error};

use super::elementwise::onnx_type;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("ArgMax", |importer, operation| arg(importer, operation, "ArgMax")),
    ("ArgMin", |importer, operation| arg(importer, operation, "ArgMin")),
    ("Max", |importer, operation| reduce(importer, operation, "ReduceMax")),
    ("Mean", |importer, operation| reduce(importer, operation, "ReduceMean")),
    ("Min", |importer, operation| reduce(importer, operation, "ReduceMin")),
    ("Prod", |importer, operation| reduce(importer, operation, "ReduceProd")),
    ("Sum", |importer, operation| reduce(importer, operation, "ReduceSum")),
];

fn reduce<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    kind: &str,
) -> Result<Vec<String>, Error> {
    let x = operation.input(0)?;
    let axes = importer.integers(operation, 1)?;
    if axes.is_empty() {
        return Ok(vec![x.to_owned()]);
    }
    let keep = operation.flag("keep_dims", false)? || operation.flag("keepDims", false)?;
    let mut attributes = vec![("keepdims", Attribute::Int(keep.into()))];
    // Operator set 13 has the axes of a sum as an input, the others as an attribute.
    if kind == "ReduceSum" {
        let axes = importer.add_integers(operation, "axes", axes);
        return Ok(vec![importer.emit(operation, "", kind, &[x, &axes], &attributes)?]);
    }
    attributes.push(("axes", Attribute::Ints(axes)));
    Ok(vec![importer.emit(operation, "", kind, &[x], &attributes)?])
}

fn arg<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>, kind: &str) -> Result<Vec<String>, Error> {
    let axes = importer.integers(operation, 1)?;
    let [axis] = axes[..] else { return Err(operation.error("its dimension must be one number")) };
    let attributes = [("axis", Attribute::Int(axis)), ("keepdims", Attribute::Int(0))];
    let index = importer.emit(operation, "", kind, &[operation.input(0)?], &attributes)?;
    as_type(importer, operation, index, "output_type")
}

/// ONNX's index, of 64 bits, as the type that the attribute says.
pub(super) fn as_type<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    index: String,
    attribute: &str,
) -> Result<Vec<String>, Error> {
    match operation.data_type(attribute, DataType::I64)? {
        DataType::I64 => Ok(vec![index]),
        other => {
            Ok(vec![importer.emit(operation, "cast", "Cast", &[&index], &[("to", onnx_type(other))])?])
        }
    }
}
