//! Convolutions.

use eightbit_graph::{Attribute, Error};

use super::atrous::Blocks;
use super::eight_bit;
use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[
    ("Conv2D", |importer, operation| Ok(vec![conv(importer, operation, Kind::Full)?])),
    ("DepthwiseConv2dNative", |importer, operation| {
        let is_plain = importer.detour(operation.input(0)?).is_none();
        if importer.is_eight_bit && is_plain && Order::of(operation)? == Order::ChannelsLast {
            return eight_bit::convolution(importer, operation, 1);
        }
        Ok(vec![conv(importer, operation, Kind::Depthwise)?])
    }),
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
    let input = operation.input(0)?;
    let detour = importer.detour(input).cloned();
    let input = detour.as_ref().map_or(input, |blocks| &blocks.image).to_owned();
    let x = order.first(importer, operation, &input)?;
    let weights = weights(importer, operation, operation.input(1)?, kind)?;
    let strides = order.sides(operation, "strides")?;
    let mut dilations = match operation.ints("dilations")? {
        // Depthwise convolutions of tfjs.
        &[height, width] => [height, width],
        _ => order.sides(operation, "dilations")?,
    };
    let mut pads = padding(operation, order, weights.kernel, strides, dilations)?;
    if let Some(blocks) = &detour {
        let is_plain =
            strides == [1, 1] && dilations == [1, 1] && operation.text("padding", "VALID")? == "VALID";
        if !is_plain || order != Order::ChannelsLast {
            return Err(
                operation.unsupported("strides, dilations or padding on pixels in blocks (SpaceToBatchND)")
            );
        }
        dilations = blocks.sizes;
        pads = ("pads", Attribute::Ints(blocks.pads.to_vec()));
    }
    let mut attributes = vec![pads];
    let sides = [("strides", strides), ("dilations", dilations)];
    let sides = sides.into_iter().filter(|(_, sides)| *sides != [1, 1]);
    attributes.extend(sides.map(|(name, sides)| (name, Attribute::Ints(sides.to_vec()))));
    if let Some(kernel) = weights.kernel {
        attributes.push(("kernel_shape", Attribute::Ints(kernel.to_vec())));
    }
    if kind == Kind::Depthwise {
        attributes.push(("group", Attribute::Int(weights.channels)));
    }
    let conv = importer.emit(operation, "", "Conv", &[&x, &weights.name], &attributes)?;
    let y = order.restore(importer, operation, conv.clone())?;
    if let Some(blocks) = detour {
        importer.set_detour(&y, Blocks { conv: Some(conv), ..blocks });
    }
    Ok(y)
}

/// Weights in ONNX's order: outputs × inputs × height × width.
pub(super) struct Weights {
    pub(super) name: String,
    /// Height and width, if they are known.
    pub(super) kernel: Option<[i64; 2]>,
    /// The channels of a depthwise convolution.
    channels: i64,
}

/// Adds the weights of a convolution, given TensorFlow's filter.
pub(super) fn weights<'d>(
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
