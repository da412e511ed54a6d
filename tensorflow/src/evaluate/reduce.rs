//! Operators that leave one element of each row along some dimensions.

use super::NoValue;
use super::arguments::{Arguments, axis, bounded, one};
use super::value::{Data, Value};

type Result<T = Vec<Value>> = std::result::Result<T, NoValue>;

pub(super) fn max(arguments: &Arguments<'_>) -> Result {
    reduce(arguments, |row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

pub(super) fn min(arguments: &Arguments<'_>) -> Result {
    reduce(arguments, |row| row.iter().copied().fold(f64::INFINITY, f64::min))
}

pub(super) fn mean(arguments: &Arguments<'_>) -> Result {
    reduce(arguments, |row| row.iter().sum::<f64>() / row.len() as f64)
}

pub(super) fn prod(arguments: &Arguments<'_>) -> Result {
    reduce(arguments, |row| row.iter().product())
}

pub(super) fn sum(arguments: &Arguments<'_>) -> Result {
    reduce(arguments, |row| row.iter().sum())
}

/// The most elements that are reduced.
const MAX_ELEMENTS: usize = 1 << 22;

/// The greatest integer below which all are floats, too.
const EXACT: f64 = (1u64 << 53) as f64;

/// Reduces in the wide type, and rounds once. Integers that this would round are left to the graph, and empty rows and NaN.
fn reduce(arguments: &Arguments<'_>, function: impl Fn(&[f64]) -> f64) -> Result {
    let input = arguments.input(0)?;
    let wide: Vec<f64> = match &input.data {
        Data::F32(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::I32(elements) => elements.iter().copied().map(f64::from).collect(),
        Data::I64(elements) if arguments.node.op != "Mean" => elements.iter().map(|&x| x as f64).collect(),
        _ => return Err(NoValue::Unsupported),
    };
    if wide.len() > MAX_ELEMENTS {
        return Err(NoValue::Unsupported);
    }
    let rank = input.shape.len();
    let mut is_reduced = vec![false; rank];
    for reduced in arguments.integers(1)? {
        is_reduced[axis(reduced, rank)?] = true;
    }
    let kept: Vec<usize> =
        input.shape.iter().zip(&is_reduced).map(|(&size, &reduced)| if reduced { 1 } else { size }).collect();
    let count = bounded(&kept)?;
    let mut rows = vec![Vec::new(); count];
    let mut position = vec![0; rank];
    for &element in &wide {
        let row = kept
            .iter()
            .zip(&position)
            .fold(0, |row, (&size, &at)| row * size + if size == 1 { 0 } else { at });
        rows[row].push(element);
        for (at, &size) in position.iter_mut().zip(&input.shape).rev() {
            *at += 1;
            if *at < size {
                break;
            }
            *at = 0;
        }
    }
    if rows.iter().any(Vec::is_empty) || wide.iter().any(|element| element.is_nan()) {
        return Err(NoValue::Unsupported);
    }
    let results = rows.iter().map(|row| function(row));
    let whole =
        |result: f64| (result.abs() < EXACT).then(|| result.trunc() as i64).ok_or(NoValue::Unsupported);
    let data = match &input.data {
        Data::F32(_) => Data::F32(results.map(|result| result as f32).collect()),
        Data::I32(_) => {
            let narrow = |result| i32::try_from(whole(result)?).map_err(|_| NoValue::Unsupported);
            Data::I32(results.map(narrow).collect::<Result<_>>()?)
        }
        _ => Data::I64(results.map(whole).collect::<Result<_>>()?),
    };
    let sizes = kept.iter().zip(&is_reduced).filter(|&(_, &reduced)| !reduced || arguments.flag("keep_dims"));
    one(sizes.map(|(&size, _)| size).collect(), data)
}
