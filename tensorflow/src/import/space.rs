//! Borders, and pixels that become channels.

use eightbit_graph::{Attribute, Error, Tensor};

use super::convolution::{Order, transpose};
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("DepthToSpace", |importer, operation| blocks(importer, operation, "DepthToSpace")),
    ("MirrorPad", |importer, operation| {
        let mode = match operation.text("mode", "REFLECT")? {
            "REFLECT" | "reflect" => "reflect",
            other => {
                return Err(
                    operation.unsupported(format!("a border that is {other}: REFLECT is implemented"))
                );
            }
        };
        pad(importer, operation, mode, None)
    }),
    ("Pad", |importer, operation| pad(importer, operation, "constant", None)),
    ("PadV2", |importer, operation| pad(importer, operation, "constant", Some(operation.input(2)?))),
    ("SpaceToDepth", |importer, operation| blocks(importer, operation, "SpaceToDepth")),
];

fn pad<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    mode: &str,
    value: Option<&str>,
) -> Result<Vec<String>, Error> {
    // Pairs for each axis become all begins, then all ends.
    let pairs = importer.as_shape(operation, 1, "pairs")?;
    let by_side = transpose(importer, operation, "sides", &pairs, &[1, 0])?;
    let all = importer.add_integers(operation, "all", vec![-1]);
    let pads = importer.emit(operation, "pads", "Reshape", &[&by_side, &all], &[])?;
    let mut inputs = vec![operation.input(0)?, &pads];
    inputs.extend(value);
    Ok(vec![importer.emit(operation, "", "Pad", &inputs, &[("mode", Attribute::from(mode))])?])
}

/// Between the channels and blocks of pixels, in the order depth, column, row of ONNX's default.
fn blocks<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    kind: &str,
) -> Result<Vec<String>, Error> {
    let order = Order::of(operation)?;
    let size = ("blocksize", Attribute::Int(operation.int("block_size", 0)?));
    let x = order.first(importer, operation, operation.input(0)?)?;
    let y = importer.emit(operation, "", kind, &[&x], &[size])?;
    Ok(vec![order.restore(importer, operation, y)?])
}

impl<'d> Importer<'d> {
    /// A scalar constant.
    pub(super) fn add_scalar(&mut self, operation: &Operation<'d>, suffix: &str, value: f32) -> String {
        self.add_constant(operation, suffix, Tensor::scalar(value))
    }
}
