//! `RoiAlign`: regions of images, each as bins of interpolated samples, whose mean or maximum is the output.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::{Error, Node, Tensor, TensorType, quoted};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[
                Input::Floats(&[1, 2, 5, 6]),
                Input::FloatVectors(&[2, 4], &[0.5, 1.0, 4.0, 3.5, -1.0, 0.0, 2.0, 9.0]),
                Input::Integers(&[0, 0]),
            ],
            &[
                ("output_height", Value::Int(2)),
                ("output_width", Value::Int(3)),
                ("sampling_ratio", Value::Int(2)),
            ],
        ),
        Example::new(
            &[
                Input::Floats(&[2, 1, 5, 6]),
                Input::FloatVectors(&[1, 4], &[0.5, 1.0, 4.0, 3.5]),
                Input::Integers(&[1]),
            ],
            &[
                ("mode", Value::Text("max")),
                ("coordinate_transformation_mode", Value::Text("output_half_pixel")),
            ],
        ),
    ],
    upgrade,
    ..Operator::new("RoiAlign", "interpolated regions of images", infer, evaluate)
};

/// The most samples along an axis of a region.
const MAX_SIDE: f64 = (1u64 << 20) as f64;

/// The most samples of all regions together.
const MAX_SAMPLES: f64 = (1u64 << 32) as f64;

/// The attributes and the sizes of the output.
struct Settings {
    shape: [usize; 4],
    mean: bool,
    half_pixel: bool,
    /// Samples of a bin along each axis; 0 chooses as many as there are pixels.
    samples: f64,
    scale: f32,
}

impl Settings {
    fn new(node: &Node, x: &[usize], regions: &[usize], images: &[usize]) -> Result<Self, Error> {
        let (&[_, channels, ..], &[count, 4], &[number]) = (x, regions, images) else {
            let reason =
                format!("images of shape {x:?}, regions of shape {regions:?}, indices of shape {images:?}");
            return Err(Error::node(node, reason));
        };
        if x.len() != 4 || count != number {
            return Err(Error::node(
                node,
                format!("{number} indices for {count} regions of images of shape {x:?}"),
            ));
        }
        let size = |name: &str, least: i64, default: i64| {
            let size = node.int(name, default)?;
            let fits = usize::try_from(size).ok().filter(|_| size >= least);
            fits.ok_or_else(|| Error::attribute(node, name, format!("{size} is below {least}")))
        };
        let mode =
            |name: &str, default: &'static str, [yes, no]: [&str; 2]| match node.string(name, default)? {
                value if value.eq_ignore_ascii_case(yes) => Ok(true),
                value if value.eq_ignore_ascii_case(no) => Ok(false),
                other => Err(Error::attribute(node, name, format!("{} is not {yes} or {no}", quoted(other)))),
            };
        Ok(Self {
            shape: [count, channels, size("output_height", 1, 1)?, size("output_width", 1, 1)?],
            mean: mode("mode", "avg", ["avg", "max"])?,
            half_pixel: mode(
                "coordinate_transformation_mode",
                "half_pixel",
                ["half_pixel", "output_half_pixel"],
            )?,
            samples: size("sampling_ratio", 0, 0)? as f64,
            scale: node.float("spatial_scale", 1.0)?,
        })
    }

    /// The samples of each bin along an axis of `bins` bins that begins and ends at these coordinates of a region, on `pixels` pixels.
    fn samples(&self, start: f32, end: f32, bins: usize, pixels: usize) -> Result<Vec<Vec<Sample>>, Error> {
        let offset = if self.half_pixel { 0.5 } else { 0.0 };
        let start = start * self.scale - offset;
        let length = end * self.scale - offset - start;
        let length = if self.half_pixel { length } else { length.max(1.0) };
        let step = length / bins as f32;
        let count = if self.samples > 0.0 { self.samples } else { f64::from(step.ceil().max(0.0)) };
        if !length.is_finite() || count * bins as f64 > MAX_SIDE {
            let reason = format!("a region from {start} of length {length} has too many samples");
            return Err(Error::argument("regions", reason));
        }
        let position =
            |bin: usize, at: usize| start + bin as f32 * step + (at as f32 + 0.5) * step / count as f32;
        let bin = |bin: usize| (0..count as usize).map(|at| Sample::new(position(bin, at), pixels)).collect();
        Ok((0..bins).map(bin).collect())
    }
}

/// Two pixels along an axis with their weights, which are 0 outside the image.
#[derive(Clone, Copy)]
struct Sample([(usize, f64); 2]);

impl Sample {
    fn new(at: f32, pixels: usize) -> Self {
        if pixels == 0 || !(-1.0..=pixels as f32).contains(&at) {
            return Self([(0, 0.0); 2]);
        }
        let (at, last) = (at.max(0.0), pixels - 1);
        let low = (at as usize).min(last);
        let part = if low == last { 0.0 } else { f64::from(at - low as f32) };
        Self([(low, 1.0 - part), ((low + 1).min(last), part)])
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let settings = Settings::new(inputs.node, inputs.shape(0)?, inputs.shape(1)?, inputs.shape(2)?)?;
    inputs.like(0, settings.shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (x, regions, images) = (args.tensor(0)?, args.tensor(1)?, args.tensor(2)?);
    let settings = Settings::new(args.node(), x.shape(), regions.shape(), images.shape())?;
    let [_, channels, rows, columns] = settings.shape;
    let (height, width) = (x.shape()[2], x.shape()[3]);
    let (elements, batch) = (x.as_f32()?, x.shape()[0]);
    let mut y = Vec::with_capacity(args.count(&settings.shape)?);
    let mut left = MAX_SAMPLES;
    for (region, image) in regions.as_f32()?.as_chunks::<4>().0.iter().zip(args.integers(2)?) {
        let image = args.index(image, batch)?;
        let in_node = |error: Error| args.error(error.to_string());
        let vertical = settings.samples(region[1], region[3], rows, height).map_err(in_node)?;
        let horizontal = settings.samples(region[0], region[2], columns, width).map_err(in_node)?;
        let count = |bins: &[Vec<Sample>]| bins.iter().map(Vec::len).sum::<usize>() as f64;
        left -= count(&vertical) * count(&horizontal) * channels as f64;
        if left < 0.0 {
            return Err(args.error("the regions have too many samples"));
        }
        for channel in 0..channels {
            let plane = &elements[(image * channels + channel) * height * width..][..height * width];
            for vertical in &vertical {
                y.extend(
                    horizontal.iter().map(|horizontal| settings.bin(plane, width, vertical, horizontal)),
                );
            }
        }
    }
    Ok(vec![Tensor::new(settings.shape, y)?])
}

impl Settings {
    /// The mean or the maximum of the samples of a bin. A maximum is that of the weighted corners, as in ONNX's own implementation.
    fn bin(&self, plane: &[f32], width: usize, vertical: &[Sample], horizontal: &[Sample]) -> f32 {
        let mut bin = if self.mean { 0.0 } else { f64::NEG_INFINITY };
        for row in vertical {
            for column in horizontal {
                for (y, of_row) in row.0 {
                    for (x, of_column) in column.0 {
                        let element = plane.get(y * width + x).map_or(0.0, |&x| x.into());
                        let corner = of_row * of_column * element;
                        bin = if self.mean { bin + corner } else { bin.max(corner) };
                    }
                }
            }
        }
        let count = vertical.len() * horizontal.len();
        match self.mean {
            true => (bin / count.max(1) as f64) as f32,
            false if count == 0 => 0.0,
            false => bin as f32,
        }
    }
}

/// Operator set 16 moved pixels by half a pixel by default.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 16 {
        node = node.with("coordinate_transformation_mode", "output_half_pixel");
        constants.need_opset(16);
    }
    Ok(vec![node])
}
