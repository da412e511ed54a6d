//! `Resize`: another number of elements along axes, by the nearest elements or by interpolation. Interpolated integers are cut.

use super::cast;
use super::eight_bit::{EightBit, Move};
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::{for_each_index, strides};
use super::shared::inputs::Inputs;
use super::shared::lines::Lines;
use super::shared::resize::{Axis, Coordinates, Given, Mode, Settings, Taps};
use super::shared::upgrade::Constants;
use super::shared::values::Values;
use crate::exec::float;
use crate::{DataType, Element, Error, Node, Tensor, TensorType};

const LINEAR: (&str, Value) = ("mode", Value::Text("linear"));

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Absent, Input::FloatVector(&[1.0, 1.0, 2.0, 1.5])],
            &[],
        ),
        Example::new(
            &[Input::Bytes(&[2, 1, 3, 3]), Input::Absent, Input::Absent, Input::Integers(&[5, 2])],
            &[
                ("axes", Value::Ints(&[2, 3])),
                ("coordinate_transformation_mode", Value::Text("asymmetric")),
                ("nearest_mode", Value::Text("floor")),
            ],
        ),
        Example::new(
            &[Input::Floats(&[2, 3, 4, 5]), Input::Absent, Input::Absent, Input::Integers(&[2, 3, 7, 3])],
            &[LINEAR],
        ),
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Absent, Input::FloatVector(&[1.0, 1.0, 2.0, 2.0])],
            &[LINEAR, ("coordinate_transformation_mode", Value::Text("align_corners"))],
        ),
        Example::new(
            &[Input::Floats(&[2, 9]), Input::Absent, Input::FloatVector(&[1.0, 0.4])],
            &[LINEAR, ("antialias", Value::Int(1))],
        ),
        Example::new(
            &[Input::Floats(&[1, 1, 4, 4]), Input::Absent, Input::Absent, Input::Integers(&[1, 1, 6, 3])],
            &[("mode", Value::Text("cubic"))],
        ),
        Example::new(
            &[
                Input::Floats(&[5, 4]),
                Input::FloatVector(&[0.2, 0.0, 1.3, 0.5]),
                Input::Absent,
                Input::Integers(&[3, 4]),
            ],
            &[
                LINEAR,
                ("coordinate_transformation_mode", Value::Text("tf_crop_and_resize")),
                ("extrapolation_value", Value::Float(-1.0)),
            ],
        ),
    ],
    eight_bit: EightBit::Move(Move { why_float, on_bytes: |node, _, _| moves(node), every_output: false }),
    lower: float::resize::lower,
    upgrade,
    ..Operator::new("Resize", "another size, by the nearest elements or by interpolation", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let floats = inputs.value(2)?.filter(|scales| !scales.is_empty()).map(Tensor::as_f32).transpose()?;
    let sizes = inputs.value(3)?.filter(|sizes| !sizes.is_empty()).map(Tensor::as_i64).transpose()?;
    Settings::of(inputs.node)?;
    let axes = Axis::all(inputs.node, &x.shape, Given { regions: None, scales: floats, sizes })?;
    inputs.like(0, axes.iter().map(|axis| axis.to).collect::<Vec<_>>())
}

/// A node with its inputs read.
struct Call<'a> {
    args: &'a Arguments<'a>,
    settings: Settings,
    axes: Vec<Axis>,
    shape: Vec<usize>,
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (x, settings) = (args.tensor(0)?, Settings::of(args.node())?);
    let present = |index: usize| args.optional(index).filter(|tensor| !tensor.is_empty());
    let regions = present(1).filter(|_| settings.coordinates == Coordinates::CropAndResize);
    let regions = regions.map(|regions| cast::converted(regions, DataType::F32)).transpose()?;
    let given = Given {
        regions: regions.as_ref().map(Tensor::as_f32).transpose()?,
        scales: present(2).map(Tensor::as_f32).transpose()?,
        sizes: present(3).map(Tensor::as_i64).transpose()?,
    };
    let axes = Axis::all(args.node(), x.shape(), given)?;
    let shape: Vec<usize> = axes.iter().map(|axis| axis.to).collect();
    let count = args.count(&shape)?;
    let call = Call { args, settings, axes, shape };
    let y = match settings.mode {
        _ if count == 0 => Tensor::zeros(call.shape.as_slice(), x.data_type())?,
        Mode::Nearest(_) => by_element!(&call, x, nearest)?,
        Mode::Linear | Mode::Cubic(_) => call.interpolated(x)?,
    };
    Ok(vec![by_element!(&call, &y, extrapolated)?])
}

/// Each element is one of `x`.
fn nearest<T: Element>(call: &Call<'_>, x: &[T]) -> Result<Tensor, Error> {
    let source = |axis: &Axis| (0..axis.to).map(|at| call.settings.nearest(axis, at)).collect();
    let sources: Vec<Vec<usize>> = call.axes.iter().map(source).collect();
    let strides = strides(call.args.tensor(0)?.shape());
    let mut y = Vec::with_capacity(call.args.count(&call.shape)?);
    for_each_index(&call.shape, |index| {
        let at = index.iter().zip(&sources).zip(&strides);
        y.push(x[at.map(|((&at, source), stride)| source[at] * stride).sum::<usize>()]);
    });
    Tensor::new(call.shape.as_slice(), T::wrap(y))
}

/// `y` with the value for extrapolation outside the input.
fn extrapolated<T: Element>(call: &Call<'_>, y: &[T]) -> Result<Tensor, Error> {
    let value = Tensor::scalar(call.settings.extrapolation);
    let value = cast::converted(&value, T::DATA_TYPE)?.to_scalar::<T>()?;
    let mut y = y.to_vec();
    for (number, axis) in call.axes.iter().enumerate() {
        let outside: Vec<usize> = (0..axis.to).filter(|&at| call.settings.is_outside(axis, at)).collect();
        if !outside.is_empty() && !y.is_empty() {
            let lines = Lines::new(call.args, &call.shape, number)?;
            for first in lines.firsts() {
                outside.iter().for_each(|at| y[first + at * lines.step] = value);
            }
        }
    }
    Tensor::new(call.shape.as_slice(), T::wrap(y))
}

impl Call<'_> {
    /// Interpolates along one axis after the other: first along those that become smaller, so that no tensor on the way is larger
    /// than the input and the output.
    fn interpolated(&self, x: &Tensor) -> Result<Tensor, Error> {
        if x.data_type() == DataType::Bool {
            return Err(self.args.wrong_type(DataType::Bool));
        }
        let mut order: Vec<usize> =
            (0..self.axes.len()).filter(|&at| !self.axes[at].is_unchanged()).collect();
        order.sort_by_key(|&at| self.axes[at].to > self.axes[at].from);
        let mut shape = x.shape().to_vec();
        let mut elements = cast::converted(x, DataType::F64)?.into_values::<f64>()?;
        for number in order {
            let axis = &self.axes[number];
            let from = Lines::new(self.args, &shape, number)?;
            shape[number] = axis.to;
            let to = Lines::new(self.args, &shape, number)?;
            let mut next = vec![0.0; self.args.count(&shape)?];
            let mut taps = Taps::default();
            for at in 0..axis.to {
                self.settings.taps(axis, at, &mut taps);
                for (read, write) in from.firsts().zip(to.firsts()) {
                    let inputs = elements[read + taps.first * from.step..].iter().step_by(from.step);
                    let sum = taps.weights.iter().zip(inputs).map(|(weight, x)| weight * x).sum();
                    next[write + at * to.step] = sum;
                }
            }
            elements = next;
        }
        let y = Tensor::new(shape, elements)?;
        match x.data_type() {
            DataType::F64 => Ok(y),
            // Integers are cut, which must not make 3 of what is almost 4.
            to => cast::converted(&cast::converted(&y, DataType::F32)?, to),
        }
    }
}

/// Whether all elements of the output are elements of the input: interpolation makes numbers that are no bytes of it.
fn moves(node: &Node) -> Result<bool, Error> {
    let settings = Settings::of(node)?;
    Ok(matches!(settings.mode, Mode::Nearest(_)) && settings.coordinates != Coordinates::CropAndResize)
}

fn why_float(node: &Node, _: &Values<'_>) -> Result<Option<String>, Error> {
    Ok((!moves(node)?).then(|| "it interpolates or extrapolates".to_owned()))
}

/// Operator set 11 added the regions, and named the ways to compute coordinates: before, they were multiplied.
fn upgrade(mut node: Node, version: i64, _: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 11 {
        node.inputs.insert(node.inputs.len().min(1), String::new());
        node = node.with("coordinate_transformation_mode", "asymmetric").with("nearest_mode", "floor");
    }
    Ok(vec![node])
}
