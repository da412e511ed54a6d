//! Which kernels compute.

use eightbit::Backend;
use pyo3::prelude::*;

use crate::error::{OrRaise, Raise};

/// The backend of this name; without one, that of the variable `EIGHTBIT_BACKEND`, or the best for this CPU.
pub(crate) fn by_name(name: Option<&str>) -> PyResult<Backend> {
    match name {
        Some(name) => Backend::by_name(name).or_raise(),
        None => Backend::best().or_raise(),
    }
}

/// The name of the backend that computes where none is given.
#[pyfunction]
pub(crate) fn backend() -> PyResult<String> {
    Backend::best().map(|backend| backend.to_string()).map_err(Raise::raised)
}

/// The names of the backends that this CPU can run.
#[pyfunction]
pub(crate) fn backends() -> Vec<String> {
    Backend::available().map(|backend| backend.to_string()).collect()
}
