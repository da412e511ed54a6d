//! Shapes, and the same elements in other shapes.

use eightbit_graph::{Attribute, DataType, Error, Tensor};

use super::elementwise::onnx_type;
use super::importer::Importer;
use super::operation::Operation;
use super::reduce::as_type;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("BroadcastTo", |importer, operation| {
        let shape = importer.as_shape(operation, 1, "shape")?;
        Ok(vec![importer.emit(operation, "", "Expand", &[operation.input(0)?, &shape], &[])?])
    }),
    ("Concat", |importer, operation| concat(importer, operation, 0)),
    ("ConcatV2", |importer, operation| {
        let last = operation.inputs.len().checked_sub(1);
        concat(importer, operation, last.ok_or_else(|| operation.error("it has no inputs"))?)
    }),
    ("ExpandDims", |importer, operation| {
        let axes = importer.integers(operation, 1)?;
        let axes = importer.add_integers(operation, "axes", axes);
        Ok(vec![importer.emit(operation, "", "Unsqueeze", &[operation.input(0)?, &axes], &[])?])
    }),
    ("Fill", |importer, operation| {
        let shape = importer.as_shape(operation, 0, "shape")?;
        Ok(vec![importer.emit(operation, "", "Expand", &[operation.input(1)?, &shape], &[])?])
    }),
    ("Pack", pack),
    ("Range", |importer, operation| {
        let inputs = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
        Ok(vec![importer.emit(operation, "", "Range", &inputs, &[])?])
    }),
    ("Rank", |importer, operation| {
        let shape = importer.emit(operation, "shape", "Shape", &[operation.input(0)?], &[])?;
        let rank = importer.emit(operation, "rank", "Shape", &[&shape], &[])?;
        let axes = importer.add_integers(operation, "axes", vec![0]);
        let rank = importer.emit(operation, "", "Squeeze", &[&rank, &axes], &[])?;
        let to = ("to", onnx_type(DataType::I32));
        Ok(vec![importer.emit(operation, "cast", "Cast", &[&rank], &[to])?])
    }),
    ("Reshape", |importer, operation| {
        let shape = importer.as_shape(operation, 1, "shape")?;
        Ok(vec![importer.emit(operation, "", "Reshape", &[operation.input(0)?, &shape], &[])?])
    }),
    ("Shape", |importer, operation| {
        let shape = importer.emit(operation, "", "Shape", &[operation.input(0)?], &[])?;
        if operation.attribute("out_type").is_some() {
            return as_type(importer, operation, shape, "out_type");
        }
        let to = ("to", onnx_type(DataType::I32));
        Ok(vec![importer.emit(operation, "cast", "Cast", &[&shape], &[to])?])
    }),
    ("Size", |importer, operation| {
        let size = importer.emit(operation, "", "Size", &[operation.input(0)?], &[])?;
        if operation.attribute("out_type").is_some() {
            return as_type(importer, operation, size, "out_type");
        }
        let to = ("to", onnx_type(DataType::I32));
        Ok(vec![importer.emit(operation, "cast", "Cast", &[&size], &[to])?])
    }),
    ("Squeeze", |importer, operation| {
        let x = operation.input(0)?;
        match operation.ints("squeeze_dims")? {
            [] => Ok(vec![importer.emit(operation, "", "Squeeze", &[x], &[])?]),
            axes => {
                let axes = importer.add_integers(operation, "axes", axes.to_vec());
                Ok(vec![importer.emit(operation, "", "Squeeze", &[x, &axes], &[])?])
            }
        }
    }),
    ("Tile", |importer, operation| {
        let repeats = importer.as_shape(operation, 1, "repeats")?;
        Ok(vec![importer.emit(operation, "", "Tile", &[operation.input(0)?, &repeats], &[])?])
    }),
    ("Transpose", |importer, operation| {
        let order = Attribute::Ints(importer.integers(operation, 1)?);
        Ok(vec![importer.emit(operation, "", "Transpose", &[operation.input(0)?], &[("perm", order)])?])
    }),
    ("Unpack", unpack),
];

impl<'d> Importer<'d> {
    /// The integers of input `index`, which must be a constant.
    pub(super) fn integers(&self, operation: &Operation<'d>, index: usize) -> Result<Vec<i64>, Error> {
        let tensor = self.constant(operation.input(index)?);
        let tensor =
            tensor.ok_or_else(|| operation.unsupported(format!("input {index} is not a constant")))?;
        if let Ok(values) = tensor.as_i32() {
            return Ok(values.iter().map(|&value| value.into()).collect());
        }
        let values =
            tensor.as_i64().map_err(|_| operation.error(format!("input {index} must be integers")))?;
        Ok(values.to_vec())
    }

    /// The float of input `index`, which must be a constant.
    pub(super) fn float(&self, operation: &Operation<'d>, index: usize) -> Result<f32, Error> {
        let tensor = self.constant(operation.input(index)?);
        let tensor =
            tensor.ok_or_else(|| operation.unsupported(format!("input {index} is not a constant")))?;
        tensor.to_scalar().map_err(|_| operation.error(format!("input {index} must be a float")))
    }

    /// Input `index`, a shape of TensorFlow, in ONNX's type.
    pub(super) fn as_shape(
        &mut self,
        operation: &Operation<'d>,
        index: usize,
        suffix: &str,
    ) -> Result<String, Error> {
        let shape = operation.input(index)?;
        if self.constant(shape).is_some_and(|shape| shape.data_type() == DataType::I64) {
            return Ok(shape.to_owned());
        }
        self.emit(operation, suffix, "Cast", &[shape], &[("to", onnx_type(DataType::I64))])
    }
}

/// Concatenates all inputs but the one at `axis`, which holds the axis.
fn concat<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    axis_at: usize,
) -> Result<Vec<String>, Error> {
    let axes = importer.integers(operation, axis_at)?;
    let [axis] = axes[..] else { return Err(operation.error("its axis must be one number")) };
    let inputs = operation.inputs.iter().enumerate().filter(|&(index, _)| index != axis_at);
    let inputs: Vec<&str> = inputs.map(|(_, input)| input.as_str()).collect();
    match inputs[..] {
        [] => Err(operation.error("it has no inputs")),
        [only] => Ok(vec![only.to_owned()]),
        _ => Ok(vec![importer.emit(operation, "", "Concat", &inputs, &[("axis", Attribute::Int(axis))])?]),
    }
}

fn pack<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let axis = operation.int("axis", 0)?;
    let axes = importer.add_integers(operation, "axes", vec![axis]);
    let mut parts = Vec::with_capacity(operation.inputs.len());
    for input in &operation.inputs {
        parts.push(importer.emit(operation, "part", "Unsqueeze", &[input, &axes], &[])?);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Ok(vec![importer.emit(operation, "", "Concat", &parts, &[("axis", Attribute::Int(axis))])?])
}

/// The most outputs of a node.
pub(super) const MAX_OUTPUTS: i64 = 1 << 12;

fn unpack<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let count = operation.int("num", 0)?;
    if !(1..=MAX_OUTPUTS).contains(&count) {
        return Err(operation.wrong_attribute("num", format!("must be 1 to {MAX_OUTPUTS}")));
    }
    let (x, axis) = (operation.input(0)?, operation.int("axis", 0)?);
    let mut outputs = Vec::new();
    for index in 0..count {
        // A scalar index removes the axis.
        let index = importer.add_constant(operation, "index", Tensor::scalar(index));
        let axis = ("axis", Attribute::Int(axis));
        outputs.push(importer.emit(operation, "", "Gather", &[x, &index], &[axis])?);
    }
    Ok(outputs)
}
