//! Floats of either size, computed in `f64`.

use super::arguments::Arguments;
use crate::{Error, Tensor, TensorData};

/// The floats in input `index`.
pub(crate) fn doubles(args: &Arguments<'_>, index: usize) -> Result<Vec<f64>, Error> {
    match args.tensor(index)?.data() {
        TensorData::F32(x) => Ok(x.iter().map(|&x| x.into()).collect()),
        TensorData::F64(x) => Ok(x.clone()),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// As [`doubles`], if the input is present.
pub(crate) fn optional_doubles(args: &Arguments<'_>, index: usize) -> Result<Option<Vec<f64>>, Error> {
    args.optional(index).map(|_| doubles(args, index)).transpose()
}

/// A tensor of the type of the first input.
pub(crate) fn rounded(
    args: &Arguments<'_>,
    shape: impl Into<Vec<usize>>,
    values: Vec<f64>,
) -> Result<Tensor, Error> {
    match args.tensor(0)?.data() {
        TensorData::F64(_) => Tensor::new(shape, values),
        _ => Tensor::new(shape, values.into_iter().map(|x| x as f32).collect::<Vec<_>>()),
    }
}
