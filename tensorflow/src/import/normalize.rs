//! Normalization along channels or axes.

use eightbit_graph::{Attribute, Error};

use super::convolution::Order;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[("LRN", local_response)];

/// TensorFlow's `alpha` is for each channel of the window, ONNX's for the window.
fn local_response<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let radius = operation.int("depth_radius", 5)?;
    let size = radius.checked_mul(2).and_then(|size| size.checked_add(1)).filter(|&size| size > 0);
    let size = size.ok_or_else(|| operation.wrong_attribute("depth_radius", "is out of range"))?;
    let x = Order::ChannelsLast.first(importer, operation, operation.input(0)?)?;
    let attributes = [
        ("size", Attribute::Int(size)),
        ("alpha", Attribute::Float(operation.float("alpha", 1.0)? * size as f32)),
        ("beta", Attribute::Float(operation.float("beta", 0.5)?)),
        ("bias", Attribute::Float(operation.float("bias", 1.0)?)),
    ];
    let y = importer.emit(operation, "", "LRN", &[&x], &attributes)?;
    Ok(vec![Order::ChannelsLast.restore(importer, operation, y)?])
}
