//! Models in files and bytes of any format.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use eightbit_graph::{Error, Graph};
use eightbit_tensorflow::proto::GraphDef;
use eightbit_tensorflow::{ImportOptions, is_graph};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{Class, OrRaise};

/// Bytes of a file that tell its format.
const BEGINNING: usize = 1 << 12;

/// Where a model comes from: an ONNX file, a frozen graph of TensorFlow, or the bytes of one.
pub(crate) enum Source {
    File(PathBuf),
    Bytes(Py<PyBytes>),
}

impl<'py> FromPyObject<'_, 'py> for Source {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.to_owned().unbind()));
        }
        // What else is bytes is copied: it could change.
        if value.hasattr("tobytes")? || value.is_instance_of::<pyo3::types::PyByteArray>() {
            let bytes: Vec<u8> = value.py().get_type::<PyBytes>().call1((value,))?.extract()?;
            return Ok(Self::Bytes(PyBytes::new(value.py(), &bytes).unbind()));
        }
        match value.extract::<PathBuf>() {
            Ok(path) => Ok(Self::File(std::path::absolute(&path).unwrap_or(path))),
            Err(_) => Err(Class::Argument.with("a model is a path or bytes")),
        }
    }
}

impl Source {
    /// Reads the model.
    pub(crate) fn read(&self, py: Python<'_>) -> PyResult<Graph> {
        match self {
            Self::File(path) => py.detach(|| of_file(path)).or_raise(),
            Self::Bytes(bytes) => {
                let bytes = bytes.as_bytes(py);
                py.detach(|| of_bytes(bytes)).or_raise()
            }
        }
    }
}

fn of_file(path: &Path) -> Result<Graph, Error> {
    if !is_graph(&beginning(path)) {
        return Graph::from_onnx_file(path);
    }
    GraphDef::from_file(path)?.to_graph(&ImportOptions::default())
}

fn of_bytes(bytes: &[u8]) -> Result<Graph, Error> {
    if !is_graph(&bytes[..bytes.len().min(BEGINNING)]) {
        return Graph::from_onnx_bytes(bytes);
    }
    GraphDef::from_bytes(bytes)?.to_graph(&ImportOptions::default())
}

/// The first bytes of a file; none of what cannot be read, which the reader of ONNX reports.
fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if path.is_file()
        && let Ok(file) = File::open(path)
        && file.take(BEGINNING as u64).read_to_end(&mut bytes).is_err()
    {
        bytes.clear();
    }
    bytes
}
