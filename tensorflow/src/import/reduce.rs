//! Reductions of axes.

use eightbit_graph::{Attribute, DataType, Error};

use super::elementwise::onnx_type;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("All", |importer, operation| of_flags(importer, operation, "ReduceMin")),
    ("Any", |importer, operation| of_flags(importer, operation, "ReduceMax")),
    ("ArgMax", |importer, operation| arg(importer, operation, "ArgMax")),
    ("ArgMin", |importer, operation| arg(importer, operation, "ArgMin")),
    ("Cumsum", running_sum),
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

/// A reduction of flags, by way of integers: ONNX's reductions take none in operator set 13.
fn of_flags<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    kind: &str,
) -> Result<Vec<String>, Error> {
    let to = ("to", onnx_type(DataType::I32));
    let mut inputs = operation.inputs.clone();
    if let Some(flags) = inputs.first_mut() {
        *flags = importer.emit(operation, "integers", "Cast", &[flags], &[to])?;
    }
    let reduced = reduce(importer, &Operation { node: operation.node, inputs }, kind)?;
    let [reduced] = &reduced[..] else { return Err(operation.error("has no result")) };
    Ok(vec![importer.emit(operation, "flags", "Cast", &[reduced], &[("to", onnx_type(DataType::Bool))])?])
}

fn running_sum<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let flag = |name| operation.flag(name, false).map(|set| (name, Attribute::Int(set.into())));
    let attributes = [flag("exclusive")?, flag("reverse")?];
    let inputs = [operation.input(0)?, operation.input(1)?];
    Ok(vec![importer.emit(operation, "", "CumSum", &inputs, &attributes)?])
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
