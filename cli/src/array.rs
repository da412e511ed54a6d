//! Arrays in files.

use std::path::Path;

use eightbit_graph::{Tensor, read_limited};

use crate::error::CliError;
use crate::npy;

/// The array in the file `path`.
pub(crate) fn read(path: &Path) -> Result<Tensor, CliError> {
    let bytes = read_limited(path, npy::FILE_LIMIT).map_err(CliError::file)?;
    npy::parse(&bytes).map_err(|reason| CliError::Array { path: path.to_owned(), reason })
}

/// The arrays with these names in the archive `path`.
pub(crate) fn read_all<'n>(
    path: &Path,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<Tensor>, CliError> {
    let bytes = read_limited(path, npy::FILE_LIMIT).map_err(CliError::file)?;
    npy::archived(&bytes, names).map_err(|reason| CliError::Array { path: path.to_owned(), reason })
}
