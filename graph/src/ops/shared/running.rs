//! Shared by running sums and products along an axis.

use super::super::example::{Example, Input, Value};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::inputs::Inputs;
use super::integers::integer;
use super::unary;
use crate::{Element, Error, Tensor, TensorData, TensorType};

/// An operator whose input 1 is the axis.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[1])], &[]),
        Example::new(
            &[Input::Floats(&[2, 3]), Input::Integers(&[-1])],
            &[("exclusive", Value::Int(1)), ("reverse", Value::Int(1))],
        ),
    ];
    Operator { examples: EXAMPLES, ..Operator::new(name, summary, infer, evaluate) }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.get(1)?;
    unary::same(inputs)
}

/// The results of a function of two numbers: floats run in `f64`, integers wrap.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub(crate) floats: fn(f64, f64) -> f64,
    pub(crate) integers: fn(i64, i64) -> i64,
    /// What the first result is without an element: 0 or 1.
    pub(crate) start: i8,
}

impl Running {
    pub(crate) fn along_axis(self, args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let result = match args.tensor(0)?.data() {
            TensorData::F32(x) => visit(args, x, f64::from(self.start), f64::from, self.floats, |x| x as f32),
            TensorData::F64(x) => visit(args, x, f64::from(self.start), |x| x, self.floats, |x| x),
            TensorData::I32(x) => {
                visit(args, x, i64::from(self.start), i64::from, self.integers, |x| x as i32)
            }
            TensorData::I64(x) => visit(args, x, i64::from(self.start), |x| x, self.integers, |x| x),
            other => Err(args.wrong_type(other.data_type())),
        };
        Ok(vec![result?])
    }
}

/// Along each line: the result so far, of numbers widened by `wide`, narrowed again by `narrow`.
fn visit<T: Element, W: Copy>(
    args: &Arguments<'_>,
    x: &[T],
    start: W,
    wide: impl Fn(T) -> W,
    next: fn(W, W) -> W,
    narrow: impl Fn(W) -> T,
) -> Result<Tensor, Error> {
    let shape = args.tensor(0)?.shape();
    let axis = args.axis(integer(args, 1)?, shape.len())?;
    let (exclusive, reverse) = (args.node().flag("exclusive", false)?, args.node().flag("reverse", false)?);
    let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut y = vec![T::default(); x.len()];
    for first in (0..x.len()).filter(|at| (at / inner).is_multiple_of(size)) {
        let mut so_far = start;
        for step in 0..size {
            let at = first + inner * if reverse { size - 1 - step } else { step };
            let with = next(so_far, wide(x[at]));
            y[at] = narrow(if exclusive { so_far } else { with });
            so_far = with;
        }
    }
    Tensor::new(shape, T::wrap(y))
}
