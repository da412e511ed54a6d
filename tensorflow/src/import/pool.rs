//! Pooling.

use eightbit_graph::{Attribute, Error};

use super::convolution::{Order, padding};
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    // TensorFlow's average never counts what lies outside of the image, as ONNX's by default.
    ("AvgPool", |importer, operation| pool(importer, operation, "AveragePool")),
    ("MaxPool", |importer, operation| pool(importer, operation, "MaxPool")),
];

pub(super) fn pool<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    kind: &str,
) -> Result<Vec<String>, Error> {
    let order = Order::of(operation)?;
    let x = order.first(importer, operation, operation.input(0)?)?;
    let kernel = order.sides(operation, "ksize")?;
    let strides = order.sides(operation, "strides")?;
    let attributes = [
        ("kernel_shape", Attribute::Ints(kernel.to_vec())),
        ("strides", Attribute::Ints(strides.to_vec())),
        padding(operation, order, Some(kernel), strides, [1, 1])?,
    ];
    let y = importer.emit(operation, "", kind, &[&x], &attributes)?;
    Ok(vec![order.restore(importer, operation, y)?])
}
