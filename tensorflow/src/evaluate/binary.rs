//! Operators on two tensors, of which each is repeated along the dimensions that it lacks.

use super::NoValue;
use super::arguments::{Arguments, bounded, one};
use super::value::{Data, Value};

type Result<T = Vec<Value>> = std::result::Result<T, NoValue>;

macro_rules! arithmetic {
    ($($name:ident: $a:ident, $b:ident => $float:expr, $integer:expr;)*) => {
        $(pub(super) fn $name(arguments: &Arguments<'_>) -> Result {
            let (a, b) = (arguments.input(0)?, arguments.input(1)?);
            let shape = broadcast(arguments, a, b)?;
            let data = match (&a.data, &b.data) {
                (Data::F32(x), Data::F32(y)) => Data::F32(map(&shape, (a, x), (b, y), |$a, $b| Some($float))?),
                (Data::F64(x), Data::F64(y)) => Data::F64(map(&shape, (a, x), (b, y), |$a, $b| Some($float))?),
                (Data::I32(x), Data::I32(y)) => Data::I32(map(&shape, (a, x), (b, y), |$a, $b| $integer)?),
                (Data::I64(x), Data::I64(y)) => Data::I64(map(&shape, (a, x), (b, y), |$a, $b| $integer)?),
                _ => return Err(NoValue::Unsupported),
            };
            one(shape, data)
        })*
    };
}

macro_rules! comparison {
    ($($name:ident: $operator:tt;)*) => {
        $(pub(super) fn $name(arguments: &Arguments<'_>) -> Result {
            let (a, b) = (arguments.input(0)?, arguments.input(1)?);
            let shape = broadcast(arguments, a, b)?;
            let elements = match (&a.data, &b.data) {
                (Data::F32(x), Data::F32(y)) => map(&shape, (a, x), (b, y), |a, b| Some(a $operator b))?,
                (Data::F64(x), Data::F64(y)) => map(&shape, (a, x), (b, y), |a, b| Some(a $operator b))?,
                (Data::I32(x), Data::I32(y)) => map(&shape, (a, x), (b, y), |a, b| Some(a $operator b))?,
                (Data::I64(x), Data::I64(y)) => map(&shape, (a, x), (b, y), |a, b| Some(a $operator b))?,
                _ => return Err(NoValue::Unsupported),
            };
            one(shape, elements)
        })*
    };
}

arithmetic! {
    add: a, b => a + b, Some(a.wrapping_add(b));
    // Integers are cut towards zero.
    div: a, b => a / b, a.checked_div(b);
    floor_div: a, b => (a / b).floor(), a.checked_div(b).map(|q| if q * b != a && (a < 0) != (b < 0) { q - 1 } else { q });
    floor_mod: a, b => a - (a / b).floor() * b, a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r });
    maximum: a, b => if a < b { b } else { a }, Some(a.max(b));
    minimum: a, b => if b < a { b } else { a }, Some(a.min(b));
    mul: a, b => a * b, Some(a.wrapping_mul(b));
    squared_difference: a, b => (a - b) * (a - b), Some(a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)));
    sub: a, b => a - b, Some(a.wrapping_sub(b));
}

comparison! {
    equal: ==;
    greater: >;
    greater_equal: >=;
    less: <;
    less_equal: <=;
    not_equal: !=;
}

/// The shape of the result.
fn broadcast(arguments: &Arguments<'_>, a: &Value, b: &Value) -> Result<Vec<usize>> {
    let rank = a.shape.len().max(b.shape.len());
    let size = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).copied().unwrap_or(1)
    };
    let sizes = (0..rank).map(|axis| match (size(&a.shape, axis), size(&b.shape, axis)) {
        (a, b) if a == b || b == 1 => Ok(a),
        (1, b) => Ok(b),
        (x, y) => {
            let node = arguments.node;
            Err(NoValue::Invalid(format!(
                "Dimensions must be equal, but are {x} and {y} for '{}' (op: '{}') with input shapes: {:?}, {:?}.",
                node.name, node.op, a.shape, b.shape
            )))
        }
    });
    let shape = sizes.collect::<Result<Vec<_>>>()?;
    bounded(&shape)?;
    Ok(shape)
}

/// Maps pairs of elements. A pair without a value, as of a division by zero, leaves the node to the graph.
fn map<T: Copy, U>(
    shape: &[usize],
    (a, x): (&Value, &[T]),
    (b, y): (&Value, &[T]),
    function: impl Fn(T, T) -> Option<U>,
) -> Result<Vec<U>> {
    let count = bounded(shape)?;
    let (a, b) = (strides(&a.shape, shape.len()), strides(&b.shape, shape.len()));
    let mut position = vec![0; shape.len()];
    let (mut i, mut j) = (0, 0);
    let mut result = Vec::with_capacity(count);
    for _ in 0..count {
        result.push(function(x[i], y[j]).ok_or(NoValue::Unsupported)?);
        for axis in (0..shape.len()).rev() {
            position[axis] += 1;
            i += a[axis];
            j += b[axis];
            if position[axis] < shape[axis] {
                break;
            }
            position[axis] = 0;
            i -= a[axis] * shape[axis];
            j -= b[axis] * shape[axis];
        }
    }
    Ok(result)
}

/// How far apart neighbours along each dimension of the result are in an operand: 0 where it is repeated.
fn strides(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut strides = vec![0; rank];
    let mut stride = 1;
    for (axis, &size) in shape.iter().rev().enumerate() {
        if size != 1 {
            strides[rank - 1 - axis] = stride;
        }
        stride *= size;
    }
    strides
}
