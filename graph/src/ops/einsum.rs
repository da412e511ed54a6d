//! `Einsum`: sums of products of elements, by an equation that labels the axes.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::equation::Equation;
use super::shared::inputs::Inputs;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 12,
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 3, 4]), Input::Floats(&[2, 4, 5])],
            &[("equation", Value::Text("bij,bjk->bik"))],
        ),
        Example::new(&[Input::Floats(&[2, 3, 3])], &[("equation", Value::Text("... i i -> ... i"))]),
        Example::new(
            &[Input::Floats(&[3]), Input::Weights(&[3, 4]), Input::Weights(&[4])],
            &[("equation", Value::Text("i,ij,j"))],
        ),
    ],
    multiplies: true,
    reads: |inputs| {
        equation(inputs).map_or(1, |of| of.summed.iter().fold(1, |depth, &size| depth.saturating_mul(size)))
    },
    ..Operator::new("Einsum", "sums of products by labels of axes", infer, evaluate)
};

/// The most factors of all products together.
const MAX_FACTORS: usize = 1 << 33;

fn equation(inputs: &Inputs<'_>) -> Result<Equation, Error> {
    let shapes: Vec<&[usize]> =
        (0..inputs.len()).map(|index| inputs.shape(index)).collect::<Result<_, _>>()?;
    Equation::new(inputs.node, &shapes)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, equation(inputs)?.shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let tensors = args.all()?;
    let data_type = tensors[0].data_type();
    let mut operands = Vec::with_capacity(tensors.len());
    for tensor in &tensors {
        match tensor.data_type() {
            DataType::F32 | DataType::F64 if tensor.data_type() == data_type => {
                operands.push(super::cast::converted(tensor, DataType::F64)?.into_values::<f64>()?);
            }
            other => return Err(args.wrong_type(other)),
        }
    }
    let shapes: Vec<&[usize]> = tensors.iter().map(|tensor| tensor.shape()).collect();
    let Equation { shape, summed, strides } = Equation::new(args.node(), &shapes)?;
    let count = args.count(&shape)?;
    let depth = summed.iter().fold(1usize, |depth, &size| depth.saturating_mul(size));
    if depth.saturating_mul(count).saturating_mul(operands.len()) > MAX_FACTORS {
        return Err(args.error(format!("{count} sums of {depth} products are too many")));
    }
    let sizes = [shape.as_slice(), &summed].concat();
    let mut walk = Walk { index: vec![0; sizes.len()], sizes, strides, offsets: vec![0; operands.len()] };
    let mut y = Vec::with_capacity(count);
    for _ in 0..count {
        let mut sum = 0.0;
        for _ in 0..depth {
            sum += operands.iter().zip(&walk.offsets).map(|(operand, &at)| operand[at]).product::<f64>();
            walk.advance();
        }
        y.push(sum);
    }
    Ok(vec![super::cast::converted(&Tensor::new(shape, y)?, data_type)?])
}

/// A place in all operands, by the indices of all labels.
struct Walk {
    sizes: Vec<usize>,
    strides: Vec<Vec<usize>>,
    index: Vec<usize>,
    offsets: Vec<usize>,
}

impl Walk {
    /// Goes to the next place, the last label fastest.
    fn advance(&mut self) {
        for (axis, &size) in self.sizes.iter().enumerate().rev() {
            let steps =
                self.offsets.iter_mut().zip(&self.strides).map(|(offset, strides)| (offset, strides[axis]));
            self.index[axis] += 1;
            if self.index[axis] < size {
                steps.for_each(|(offset, stride)| *offset += stride);
                return;
            }
            steps.for_each(|(offset, stride)| *offset -= stride * (size - 1));
            self.index[axis] = 0;
        }
    }
}
