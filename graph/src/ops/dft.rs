//! `DFT`. Inputs: x, whose last axis has the real and the imaginary part, the length of the transform, the axis.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::fourier::{Complex, Fourier, complex, one_sided, passing_bytes};
use super::shared::inputs::Inputs;
use super::shared::integers::{integer, size};
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 17,
    examples: &[
        Example::new(&[Input::Floats(&[2, 5, 1])], &[]),
        Example::new(
            &[Input::Floats(&[2, 4, 2]), Input::IntegersOf(&[], &[6]), Input::IntegersOf(&[], &[1])],
            &[("inverse", Value::Int(1))],
        ),
        Example::new(&[Input::Floats(&[1, 6, 1])], &[("onesided", Value::Int(1))]),
        Example::new(
            &[Input::Floats(&[1, 4, 2])],
            &[("onesided", Value::Int(1)), ("inverse", Value::Int(1))],
        ),
    ],
    reads: |inputs| inputs.optional(0).map_or(1, |x| x.shape.iter().copied().max().unwrap_or(1)),
    passing: |inputs| {
        let transform = inputs.shape(0).and_then(|x| Ok((x, from_types(inputs)?)));
        transform.map_or(0, |(x, transform)| passing_bytes(x, transform.length))
    },
    ..Operator::new("DFT", "the discrete Fourier transform along an axis", infer, evaluate)
};

/// What a transform does.
struct Transform {
    axis: usize,
    length: usize,
    inverse: bool,
    one_sided: bool,
    /// The output's shape.
    shape: Vec<usize>,
}

impl Transform {
    fn new(args: &Arguments<'_>, from: &[usize]) -> Result<Self, Error> {
        let node = args.node();
        let (inverse, one_sided) = (node.flag("inverse", false)?, node.flag("onesided", false)?);
        let &[.., parts] = from else { return Err(args.error("x has no axis of parts")) };
        if !(1..=2).contains(&parts) || one_sided && !inverse && parts == 2 {
            return Err(args.error(format!("{parts} parts of a number")));
        }
        // Operator sets 17 to 19 have the axis as an attribute.
        let axis = match args.optional(2) {
            Some(_) => integer(args, 2)?,
            None => match node.optional_int("axis")? {
                Some(axis) => axis,
                None if from.len() == 3 => 1,
                None => return Err(args.unsupported("the default axis depends on the operator set: name it")),
            },
        };
        let axis = args.axis(axis, from.len())?;
        if axis + 1 == from.len() {
            return Err(args.error("the axis is that of the parts"));
        }
        let given = from[axis];
        let length = match args.optional(1) {
            Some(_) => size(args, 1)?,
            None if inverse && one_sided => given.saturating_sub(1).saturating_mul(2),
            None => given,
        };
        if length == 0 {
            return Err(args.error("a transform of no numbers"));
        }
        let mut shape = from.to_vec();
        let real = inverse && one_sided;
        shape[axis] = if one_sided && !inverse { self::one_sided(length) } else { length };
        shape[from.len() - 1] = if real { 1 } else { 2 };
        args.count(&shape)?;
        Ok(Self { axis, length, inverse, one_sided, shape })
    }

    /// The transform's input from a line of it: cut, or followed by zeros; half of it is completed by conjugates.
    fn complete(&self, mut line: Vec<Complex>) -> Vec<Complex> {
        if self.inverse && self.one_sided {
            line.truncate(one_sided(self.length));
            line.resize(one_sided(self.length), [0.0; 2]);
            let conjugates = (line.len()..self.length).map(|k| line[self.length - k]);
            let conjugates: Vec<Complex> = conjugates.map(|[real, imaginary]| [real, -imaginary]).collect();
            line.extend(conjugates);
        }
        line.truncate(self.length);
        line
    }
}

/// What is known without the elements of x.
fn from_types(inputs: &Inputs<'_>) -> Result<Transform, Error> {
    let known = [None, inputs.value(1)?, inputs.value(2)?];
    Transform::new(&Arguments::new(inputs.node, &known), inputs.shape(0)?)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, from_types(inputs)?.shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let from = args.tensor(0)?.shape();
    let transform = Transform::new(args, from)?;
    let (axis, last) = (transform.axis, from.len() - 1);
    let x = complex(&doubles(args, 0)?, from[last] == 1);
    let fourier = Fourier::new(transform.length, transform.inverse);
    let scale = if transform.inverse { 1.0 / transform.length as f64 } else { 1.0 };
    let (given, inner) = (from[axis], from[axis + 1..last].iter().product::<usize>());
    let (made, parts) = (transform.shape[axis], transform.shape[last]);
    let outer: usize = from[..axis].iter().product();
    let mut y = vec![0.0; transform.shape.iter().product()];
    for line in 0..outer * inner {
        let (before, after) = (line / inner, line % inner);
        let numbers = (0..given).map(|at| x[(before * given + at) * inner + after]).collect();
        let numbers = transform.complete(numbers);
        for k in 0..made {
            let to = ((before * made + k) * inner + after) * parts;
            for (y, part) in y[to..to + parts].iter_mut().zip(fourier.frequency(&numbers, k)) {
                *y = part * scale;
            }
        }
    }
    Ok(vec![rounded(args, transform.shape, y)?])
}
