//! `GridSample`: elements of images at the coordinates of a grid, by the nearest elements or by interpolation.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::sampling::{Sampler, Taps};
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 16,
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4, 5]), Input::Floats(&[2, 3, 2, 2])], &[]),
        Example::new(
            &[Input::Floats(&[1, 1, 4, 5]), Input::Floats(&[1, 3, 2, 2])],
            &[
                ("mode", Value::Text("cubic")),
                ("padding_mode", Value::Text("reflection")),
                ("align_corners", Value::Int(1)),
            ],
        ),
        Example::new(
            &[Input::Floats(&[1, 2, 3, 2, 3]), Input::Floats(&[1, 2, 2, 2, 3])],
            &[("mode", Value::Text("nearest")), ("padding_mode", Value::Text("border"))],
        ),
    ],
    ..Operator::new("GridSample", "elements at the coordinates of a grid", infer, evaluate)
};

/// The most spatial axes: the elements of a sample grow with their power.
const MAX_AXES: usize = 5;

fn shape(node: &Node, x: &[usize], grid: &[usize]) -> Result<Vec<usize>, Error> {
    let misfit = || Error::node(node, format!("a grid of shape {grid:?} for images of shape {x:?}"));
    let (&[batch, channels, ref from @ ..], &[grids, ref to @ .., axes]) = (x, grid) else {
        return Err(misfit());
    };
    if from.len() > MAX_AXES {
        return Err(Error::unsupported(node, format!("{} spatial dimensions", from.len())));
    }
    if batch != grids || from.is_empty() || to.len() != from.len() || axes != from.len() {
        return Err(misfit());
    }
    Ok([&[batch, channels], to].concat())
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, shape(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (x, grid) = (args.tensor(0)?, args.tensor(1)?);
    let shape = shape(args.node(), x.shape(), grid.shape())?;
    let sampler = Sampler::of(args.node())?;
    let (count, from) = (args.count(&shape)?, &x.shape()[2..]);
    let plane = args.count(from)?;
    let (elements, coordinates) = match x.data_type() {
        DataType::F32 | DataType::F64 => (real(x)?, super::cast::converted(grid, DataType::F32)?),
        other => return Err(args.wrong_type(other)),
    };
    let [batch, channels] = [shape[0], shape[1]];
    let mut y = vec![0.0f64; count];
    let points = shape[2..].iter().product::<usize>();
    let mut taps = Taps::default();
    for (number, point) in coordinates.as_f32()?.chunks_exact(from.len()).enumerate().take(batch * points) {
        sampler.find(from, point, &mut taps);
        let (image, point) = (number / points, number % points);
        for channel in image * channels..(image + 1) * channels {
            let first = channel * plane;
            y[channel * points + point] =
                taps.iter().map(|&(at, weight)| weight * elements[first + at]).sum();
        }
    }
    Ok(vec![super::cast::converted(&Tensor::new(shape, y)?, x.data_type())?])
}

/// The elements as `f64`.
fn real(x: &Tensor) -> Result<Vec<f64>, Error> {
    super::cast::converted(x, DataType::F64)?.into_values()
}
