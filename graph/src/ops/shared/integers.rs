//! Indices and sizes, which may be 32-bit or 64-bit integers.

use super::arguments::Arguments;
use crate::{Error, TensorData};

/// The integers in input `index`.
pub(crate) fn integers(args: &Arguments<'_>, index: usize) -> Result<Vec<i64>, Error> {
    match args.tensor(index)?.data() {
        TensorData::I32(values) => Ok(values.iter().map(|&value| value.into()).collect()),
        TensorData::I64(values) => Ok(values.clone()),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// The only integer in input `index`.
pub(crate) fn integer(args: &Arguments<'_>, index: usize) -> Result<i64, Error> {
    match integers(args, index)?[..] {
        [value] => Ok(value),
        _ => Err(args.error(format!("input {index} must be a single number"))),
    }
}

/// As [`integer`], for a number of elements.
pub(crate) fn size(args: &Arguments<'_>, index: usize) -> Result<usize, Error> {
    let value = integer(args, index)?;
    usize::try_from(value).map_err(|_| args.error(format!("input {index}, {value}, is not a size")))
}
