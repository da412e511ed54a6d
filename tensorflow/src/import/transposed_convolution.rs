//! Transposed convolutions.

use eightbit_graph::{Attribute, Error};

use super::convolution::{Kind, Order, weights};
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] =
    &[("Conv2DBackpropInput", |importer, operation| Ok(vec![transposed(importer, operation)?]))];

/// The gradient of a convolution: a transposed convolution from its output's size to its input's.
fn transposed<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<String, Error> {
    let order = Order::of(operation)?;
    let filter = operation.input(1)?;
    let x = order.first(importer, operation, operation.input(2)?)?;
    let weights = weights(importer, operation, filter, Kind::Full)?;
    let strides = order.sides(operation, "strides")?;
    let dilations = order.sides(operation, "dilations")?;
    let sizes = importer.constant(operation.input(0)?).and_then(|sizes| sizes.as_i32().ok());
    let sizes = match (sizes, order) {
        (Some(&[_, height, width, _]), Order::ChannelsLast)
        | (Some(&[_, _, height, width]), Order::ChannelsFirst) => {
            Some(vec![i64::from(height), i64::from(width)])
        }
        (Some(&[height, width]), _) => Some(vec![i64::from(height), i64::from(width)]),
        _ => None,
    };
    let mut attributes = vec![
        ("strides", Attribute::Ints(strides.to_vec())),
        ("dilations", Attribute::Ints(dilations.to_vec())),
    ];
    if let Some(kernel) = weights.kernel {
        attributes.push(("kernel_shape", Attribute::Ints(kernel.to_vec())));
    }
    match operation.text("padding", "VALID")? {
        // The size decides how much of the border is cut; without it, the image grows by the stride.
        "SAME" | "same" => {
            attributes.push(("auto_pad", Attribute::from("SAME_UPPER")));
            attributes.extend(sizes.map(|sizes| ("output_shape", Attribute::Ints(sizes))));
        }
        "VALID" | "valid" => {
            attributes.push(("pads", Attribute::Ints(vec![0; 4])));
            if let (Some(sizes), Some(kernel)) = (sizes, weights.kernel) {
                // Rows and columns that no window of the convolution covers.
                let rest = |axis: usize| {
                    let (size, stride) = (*sizes.get(axis)?, strides[axis]);
                    let extent = (kernel[axis] - 1).checked_mul(dilations[axis])?.checked_add(1)?;
                    Some(size.checked_sub(extent)?.rem_euclid(stride))
                };
                let rest =
                    rest(0).zip(rest(1)).ok_or_else(|| operation.error("its sizes are out of range"))?;
                attributes.push(("output_padding", Attribute::Ints(vec![rest.0, rest.1])));
            }
        }
        other => return Err(operation.unsupported(format!("padding {other}"))),
    }
    let y = importer.emit(operation, "", "ConvTranspose", &[&x, &weights.name], &attributes)?;
    order.restore(importer, operation, y)
}
