//! Images of another size.

use eightbit_graph::{Attribute, Error};

use super::convolution::Order;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("ResizeBicubic", |importer, operation| resize(importer, operation, "cubic")),
    ("ResizeBilinear", |importer, operation| resize(importer, operation, "linear")),
    ("ResizeNearestNeighbor", |importer, operation| resize(importer, operation, "nearest")),
];

fn resize<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    mode: &str,
) -> Result<Vec<String>, Error> {
    let aligned = operation.flag("align_corners", false)? || operation.flag("alignCorners", false)?;
    let centers =
        operation.flag("half_pixel_centers", false)? || operation.flag("halfPixelCenters", false)?;
    // Where the centers of pixels are, and which neighbor is the nearest; the first versions of TensorFlow scaled from the corner.
    let (coordinates, nearest) = match (mode, aligned, centers) {
        (_, true, _) => ("align_corners", "round_prefer_ceil"),
        ("nearest", false, true) => ("tf_half_pixel_for_nn", "floor"),
        (_, false, true) => ("half_pixel", "floor"),
        (_, false, false) => ("asymmetric", "floor"),
    };
    let x = Order::ChannelsLast.first(importer, operation, operation.input(0)?)?;
    let sides = importer.as_shape(operation, 1, "sides")?;
    // ONNX wants the sizes of all axes.
    let shape = importer.emit(operation, "shape", "Shape", &[&x], &[])?;
    let [first, two, axis] = [("first", 0), ("two", 2), ("axis", 0)]
        .map(|(suffix, value)| importer.add_integers(operation, suffix, vec![value]));
    let others = importer.emit(operation, "others", "Slice", &[&shape, &first, &two, &axis], &[])?;
    let sizes =
        importer.emit(operation, "sizes", "Concat", &[&others, &sides], &[("axis", Attribute::Int(0))])?;
    let mut attributes = vec![
        ("mode", Attribute::from(mode)),
        ("coordinate_transformation_mode", Attribute::from(coordinates)),
    ];
    match mode {
        "nearest" => attributes.push(("nearest_mode", Attribute::from(nearest))),
        // Keys' kernel without the pixels outside of the image; with the corners of the first versions, another kernel and the
        // pixels at the border again. TensorFlow rounds positions to a 1024th of a pixel: results differ by a thousandth of the
        // difference of neighbours.
        "cubic" if centers && !aligned => attributes
            .extend([("cubic_coeff_a", Attribute::Float(-0.5)), ("exclude_outside", Attribute::Int(1))]),
        _ => {}
    }
    let y = importer.emit(operation, "", "Resize", &[&x, "", "", &sizes], &attributes)?;
    Ok(vec![Order::ChannelsLast.restore(importer, operation, y)?])
}
