//! Shared by the operators that test floats.

use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::{DataType, Error, Tensor, TensorData, TensorType};

/// A test of each element: its result holds booleans.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::FloatVector(&[1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY])], &[]),
        Example::new(&[Input::Floats(&[2, 3])], &[]),
    ];
    Operator {
        examples: EXAMPLES,
        elementwise: true,
        output_type: |_, _| Some(DataType::Bool),
        ..Operator::new(name, summary, infer, evaluate)
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(DataType::Bool, inputs.shape(0)?)])
}

/// Whether each element `passes`.
pub(crate) fn test(args: &Arguments<'_>, passes: impl Fn(f64) -> bool) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let passed: Vec<bool> = match input.data() {
        TensorData::F32(x) => x.iter().map(|&x| passes(x.into())).collect(),
        TensorData::F64(x) => x.iter().map(|&x| passes(x)).collect(),
        other => return Err(args.wrong_type(other.data_type())),
    };
    Ok(vec![Tensor::new(input.shape(), passed)?])
}
