//! Operators that map each element.

use super::NoValue;
use super::arguments::{Arguments, one};
use super::value::{Data, Value};

type Result = std::result::Result<Vec<Value>, NoValue>;

macro_rules! floats {
    ($($name:ident: $x:ident => $value:expr;)*) => {
        $(pub(super) fn $name(arguments: &Arguments<'_>) -> Result {
            let input = arguments.input(0)?;
            let data = match &input.data {
                Data::F32(elements) => Data::F32(elements.iter().map(|&$x| $value).collect()),
                Data::F64(elements) => Data::F64(elements.iter().map(|&$x| $value).collect()),
                _ => return Err(NoValue::Unsupported),
            };
            one(input.shape.clone(), data)
        })*
    };
}

macro_rules! numbers {
    ($($name:ident: $x:ident => $float:expr, $integer:expr;)*) => {
        $(pub(super) fn $name(arguments: &Arguments<'_>) -> Result {
            let input = arguments.input(0)?;
            let data = match &input.data {
                Data::F32(elements) => Data::F32(elements.iter().map(|&$x| $float).collect()),
                Data::F64(elements) => Data::F64(elements.iter().map(|&$x| $float).collect()),
                Data::I32(elements) => Data::I32(elements.iter().map(|&$x| $integer).collect()),
                Data::I64(elements) => Data::I64(elements.iter().map(|&$x| $integer).collect()),
                _ => return Err(NoValue::Unsupported),
            };
            one(input.shape.clone(), data)
        })*
    };
}

floats! {
    ceil: x => x.ceil();
    exp: x => x.exp();
    floor: x => x.floor();
    log: x => x.ln();
    reciprocal: x => 1.0 / x;
    relu6: x => if x < 6.0 { if x > 0.0 { x } else { 0.0 } } else { 6.0 };
    rsqrt: x => 1.0 / x.sqrt();
    sqrt: x => x.sqrt();
}

numbers! {
    abs: x => x.abs(), x.wrapping_abs();
    neg: x => -x, x.wrapping_neg();
    relu: x => if x > 0.0 { x } else { 0.0 }, x.max(0);
    square: x => x * x, x.wrapping_mul(x);
}

pub(super) fn logical_not(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    match &input.data {
        Data::Bool(elements) => one(input.shape.clone(), elements.iter().map(|x| !x).collect::<Vec<_>>()),
        _ => Err(NoValue::Unsupported),
    }
}
