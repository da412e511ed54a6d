//! Convolutions.

use eightbit_graph::{Attribute, Error};

use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("Conv2D", |importer, operation| Ok(vec![conv(importer, operation, Kind::Full)?])),
    ("Conv2DBackpropInput", |importer, operation| Ok(vec![transposed(importer, operation)?])),
    ("DepthwiseConv2dNative", |importer, operation| Ok(vec![conv(importer, operation, Kind::Depthwise)?])),
    ("BiasAdd", |importer, operation| {
        let [x, bias] = [operation.input(0)?, operation.input(1)?];
        Ok(vec![add_bias(importer, operation, x, bias)?])
    }),
];

/// Kinds of convolutions, which differ in their weights.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Weights height × width × inputs × outputs.
    Full,
    /// Weights height × width × channels × outputs for each channel.
    Depthwise,
}

/// The order of an image's axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    ChannelsLast,
    ChannelsFirst,
}

impl Order {
    /// The order that the attribute `data_format` says.
    pub(super) fn of(operation: &Operation<'_>) -> Result<Self, Error> {
        match operation.text("data_format", "NHWC")? {
            "NHWC" | "channelsLast" => Ok(Self::ChannelsLast),
            "NCHW" | "channelsFirst" => Ok(Self::ChannelsFirst),
            other => Err(operation.unsupported(format!("images as {other}"))),
        }
    }

    /// Height and width of a list with a number for each axis; 1 each of an empty list.
    pub(super) fn sides(self, operation: &Operation<'_>, name: &str) -> Result<[i64; 2], Error> {
        let (sides, others) = match (operation.ints(name)?, self) {
            ([], _) => return Ok([1, 1]),
            (&[n, h, w, c], Self::ChannelsLast) | (&[n, c, h, w], Self::ChannelsFirst) => ([h, w], [n, c]),
            _ => return Err(operation.wrong_attribute(name, "must have a number for each of four axes")),
        };
        if others != [1, 1] {
            return Err(operation.unsupported(format!("{name} along the batch or the channels")));
        }
        if sides.iter().any(|&side| side < 1) {
            return Err(operation.wrong_attribute(name, "must be positive"));
        }
        Ok(sides)
    }

    /// `x` with the channels first.
    pub(super) fn first<'d>(
        self,
        importer: &mut Importer<'d>,
        operation: &Operation<'d>,
        x: &str,
    ) -> Result<String, Error> {
        match self {
            Self::ChannelsLast => transpose(importer, operation, "nchw", x, &[0, 3, 1, 2]),
            Self::ChannelsFirst => Ok(x.to_owned()),
        }
    }

    /// The image `y`, whose channels are first, in this order.
    pub(super) fn restore<'d>(
        self,
        importer: &mut Importer<'d>,
        operation: &Operation<'d>,
        y: String,
    ) -> Result<String, Error> {
        match self {
            Self::ChannelsLast => transpose(importer, operation, "nhwc", &y, &[0, 2, 3, 1]),
            Self::ChannelsFirst => Ok(y),
        }
    }
}

pub(super) fn transpose<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    suffix: &str,
    x: &str,
    order: &[i64],
) -> Result<String, Error> {
    importer.emit(operation, suffix, "Transpose", &[x], &[("perm", Attribute::Ints(order.to_vec()))])
}

/// The attributes that say the padding of a window of size `kernel`: exact pads where they do not depend on the image's size.
pub(super) fn padding(
    operation: &Operation<'_>,
    order: Order,
    kernel: Option<[i64; 2]>,
    strides: [i64; 2],
    dilations: [i64; 2],
) -> Result<(&'static str, Attribute), Error> {
    match operation.text("padding", "VALID")? {
        "VALID" | "valid" => Ok(("pads", Attribute::Ints(vec![0; 4]))),
        "SAME" | "same" => match kernel {
            // Each side gets half of what is missing, the end the larger half.
            Some(kernel) if strides == [1, 1] => {
                let total = |axis: usize| (kernel[axis] - 1).saturating_mul(dilations[axis]);
                let [height, width] = [total(0), total(1)];
                let pads = vec![height / 2, width / 2, height - height / 2, width - width / 2];
                Ok(("pads", Attribute::Ints(pads)))
            }
            _ => Ok(("auto_pad", Attribute::from("SAME_UPPER"))),
        },
        "EXPLICIT" => {
            let pads = operation.ints("explicit_paddings")?;
            let ((&[_, _, top, bottom, left, right, _, _], Order::ChannelsLast)
            | (&[_, _, _, _, top, bottom, left, right], Order::ChannelsFirst)) = (pads, order)
            else {
                return Err(operation.wrong_attribute("explicit_paddings", "must be eight numbers"));
            };
            Ok(("pads", Attribute::Ints(vec![top, left, bottom, right])))
        }
        other => Err(operation.unsupported(format!("padding {other}"))),
    }
}

/// Adds a convolution.
pub(super) fn conv<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    kind: Kind,
) -> Result<String, Error> {
    let order = Order::of(operation)?;
    let x = order.first(importer, operation, operation.input(0)?)?;
    let weights = weights(importer, operation, operation.input(1)?, kind)?;
    let strides = order.sides(operation, "strides")?;
    let dilations = match operation.ints("dilations")? {
        // Depthwise convolutions of tfjs.
        &[height, width] => [height, width],
        _ => order.sides(operation, "dilations")?,
    };
    let mut attributes = vec![
        ("strides", Attribute::Ints(strides.to_vec())),
        ("dilations", Attribute::Ints(dilations.to_vec())),
        padding(operation, order, weights.kernel, strides, dilations)?,
    ];
    if let Some(kernel) = weights.kernel {
        attributes.push(("kernel_shape", Attribute::Ints(kernel.to_vec())));
    }
    if kind == Kind::Depthwise {
        attributes.push(("group", Attribute::Int(weights.channels)));
    }
    let y = importer.emit(operation, "", "Conv", &[&x, &weights.name], &attributes)?;
    order.restore(importer, operation, y)
}

/// Weights in ONNX's order: outputs × inputs × height × width.
struct Weights {
    name: String,
    /// Height and width, if they are known.
    kernel: Option<[i64; 2]>,
    /// The channels of a depthwise convolution.
    channels: i64,
}

fn weights<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    filter: &str,
    kind: Kind,
) -> Result<Weights, Error> {
    let shape = match importer.shape_of(filter) {
        Some(&[height, width, inputs, outputs]) => {
            Some([height, width, inputs, outputs].map(|dim| dim as i64))
        }
        Some(shape) => return Err(operation.error(format!("its filter has the shape {shape:?}"))),
        None => None,
    };
    let kernel = shape.map(|[height, width, ..]| [height, width]);
    if kind == Kind::Full {
        let name = transpose(importer, operation, "filter", filter, &[3, 2, 0, 1])?;
        return Ok(Weights { name, kernel, channels: 1 });
    }
    let Some([height, width, channels, outputs]) = shape else {
        return Err(operation.unsupported("a depthwise convolution with a filter that is not a constant"));
    };
    let outputs = channels.checked_mul(outputs).ok_or_else(|| operation.error("its filter is too large"))?;
    let by_channel = transpose(importer, operation, "channels", filter, &[2, 3, 0, 1])?;
    let shape = importer.add_integers(operation, "filter_shape", vec![outputs, 1, height, width]);
    let name = importer.emit(operation, "filter", "Reshape", &[&by_channel, &shape], &[])?;
    Ok(Weights { name, kernel, channels })
}

/// Adds `bias` to each channel of `x`.
pub(super) fn add_bias<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    x: &str,
    bias: &str,
) -> Result<String, Error> {
    match Order::of(operation)? {
        Order::ChannelsLast => importer.emit(operation, "", "Add", &[x, bias], &[]),
        Order::ChannelsFirst => {
            let shape = importer.add_integers(operation, "bias_shape", vec![-1, 1, 1]);
            let bias = importer.emit(operation, "bias", "Reshape", &[bias, &shape], &[])?;
            importer.emit(operation, "", "Add", &[x, &bias], &[])
        }
    }
}

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
