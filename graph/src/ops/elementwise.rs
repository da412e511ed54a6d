//! Operators on several tensors, element by element, broadcast to a common shape.

use super::arguments::Arguments;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use crate::{Element, Error, Tensor, TensorData};

/// How two elements become one: in every type that the operators are defined for.
trait Number: Element {
    /// Whether a division by zero has no result.
    const DIVISION_FAILS: bool;
    fn apply(op: Operation, a: Self, b: Self) -> Self;
    fn is_zero(self) -> bool;
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
}

macro_rules! float {
    ($type:ty) => {
        impl Number for $type {
            const DIVISION_FAILS: bool = false;

            fn apply(op: Operation, a: Self, b: Self) -> Self {
                match op {
                    Operation::Add => a + b,
                    Operation::Sub => a - b,
                    Operation::Mul => a * b,
                    Operation::Div => a / b,
                    Operation::Pow => a.powf(b),
                    // NaN in either wins.
                    Operation::Min => {
                        if a.is_nan() || a < b {
                            a
                        } else {
                            b
                        }
                    }
                    Operation::Max => {
                        if a.is_nan() || a > b {
                            a
                        } else {
                            b
                        }
                    }
                }
            }

            fn is_zero(self) -> bool {
                self == 0.0
            }
        }
    };
}

/// Integers wrap; division rounds towards zero.
macro_rules! integer {
    ($type:ty) => {
        impl Number for $type {
            const DIVISION_FAILS: bool = true;

            fn apply(op: Operation, a: Self, b: Self) -> Self {
                match op {
                    Operation::Add => a.wrapping_add(b),
                    Operation::Sub => a.wrapping_sub(b),
                    Operation::Mul => a.wrapping_mul(b),
                    Operation::Div => a.wrapping_div(b),
                    Operation::Pow => (a as f64).powf(b as f64) as $type,
                    Operation::Min => a.min(b),
                    Operation::Max => a.max(b),
                }
            }

            fn is_zero(self) -> bool {
                self == 0
            }
        }
    };
}

float!(f32);
float!(f64);
integer!(u8);
integer!(i8);
integer!(i32);
integer!(i64);

pub(super) fn evaluate(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let (op, many) = match args.node().op.as_str() {
        "Add" => (Operation::Add, false),
        "Sub" => (Operation::Sub, false),
        "Mul" => (Operation::Mul, false),
        "Div" => (Operation::Div, false),
        "Pow" => (Operation::Pow, false),
        "Sum" => (Operation::Add, true),
        "Min" => (Operation::Min, true),
        "Max" => (Operation::Max, true),
        _ => return Err(args.unsupported("not implemented")),
    };
    let inputs = args.all()?;
    if !many && inputs.len() != 2 {
        return Err(args.error(format!("needs 2 inputs, has {}", inputs.len())));
    }
    let mut result = inputs[0].clone();
    for input in &inputs[1..] {
        result = match result.data() {
            TensorData::F32(a) => binary(args, op, &result, a, input),
            TensorData::F64(a) => binary(args, op, &result, a, input),
            TensorData::U8(a) => binary(args, op, &result, a, input),
            TensorData::I8(a) => binary(args, op, &result, a, input),
            TensorData::I32(a) => binary(args, op, &result, a, input),
            TensorData::I64(a) => binary(args, op, &result, a, input),
            other @ TensorData::Bool(_) => Err(args.wrong_type(other.data_type())),
        }?;
    }
    Ok(result)
}

fn binary<T: Number>(
    args: &Arguments<'_>,
    op: Operation,
    left: &Tensor,
    a: &[T],
    right: &Tensor,
) -> Result<Tensor, Error> {
    let b: &[T] = right.values()?;
    if op == Operation::Div && T::DIVISION_FAILS && b.iter().any(|b| b.is_zero()) {
        return Err(args.error("division of integers by zero"));
    }
    let shape = broadcast(left.shape(), right.shape()).ok_or_else(|| {
        args.error(format!("shapes {:?} and {:?} cannot be broadcast together", left.shape(), right.shape()))
    })?;
    args.count(&shape)?;
    let left = Offsets::new(&shape, &broadcast_strides(left.shape(), &shape));
    let right = Offsets::new(&shape, &broadcast_strides(right.shape(), &shape));
    let result = left.zip(right).map(|(i, j)| T::apply(op, a[i], b[j])).collect();
    Tensor::new(shape, T::wrap(result))
}
