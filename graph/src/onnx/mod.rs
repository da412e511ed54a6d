//! Reads and writes ONNX.
//!
//! A graph in memory follows the conventions of operator set 13 or later: [`Graph::opset`] is what the file
//! imports, raised to 13 for older files, whose nodes are rewritten accordingly (attributes that became inputs,
//! `Softmax` over trailing axes). `Constant` nodes become entries of [`Graph::constants`], `ai.onnx` becomes the
//! empty domain, nodes without a name get one, symbolic dimensions become open ones, whose names are in
//! [`Graph::dimension_names`].
//!
//! Half floats and bfloat16 become `f32`, and so do conversions to them: their values are not rounded any more. Calls of the
//! model's functions are replaced by the functions' nodes, and an `If` whose condition is known by the nodes of its branch.

mod broadcast;
mod budget;
mod expand;
mod export;
mod external;
mod functions;
mod half;
mod import;
mod narrow;
mod node;
mod opset;
mod proto;
mod scope;
mod tensor;
mod upgrade;
mod value;

use std::path::Path;

use bytes::Bytes;

use self::external::External;
pub use self::opset::{DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET};
use crate::{DataType, Error, Graph, Limits, Node, read_limited};

/// Protocol buffers end at 2 GiB; larger models keep their weights in files beside.
const MAX_FILE_SIZE: u64 = 1 << 31;

/// The type with a number in ONNX's schema (the `to` of a `Cast`), if it is supported.
fn data_type_of_number(number: i64) -> Option<DataType> {
    tensor::data_type(i32::try_from(number).ok()?, "").ok()
}

/// The number of the type with a name in ONNX's schema, which is `f32` for half floats; `None` if it is not supported.
pub(crate) fn number_of_type(name: &str) -> Option<i64> {
    let number = tensor::number_of_name(name)?;
    Some(i64::from(tensor::type_number(tensor::data_type(number, "").ok()?)))
}

/// The element type whose number is the attribute `name` of `node`; `None` for 0 and where it is absent.
pub(crate) fn type_attribute(node: &Node, name: &str) -> Result<Option<DataType>, Error> {
    match node.int(name, 0)? {
        0 => Ok(None),
        number => data_type_of_number(number)
            .map(Some)
            .ok_or_else(|| Error::unsupported(node, format!("elements of type number {number} ({name})"))),
    }
}

impl Graph {
    /// Reads a serialized ONNX model.
    ///
    /// # Errors
    ///
    /// [`Error::NotAModel`] for bytes that are not an ONNX model or only a part of one, [`Error::UnsupportedOpset`],
    /// [`Error::UnsupportedModel`] for parts of ONNX beyond plain tensors (sparse tensors, sequences) and for elements in other
    /// files, [`Error::Several`] for more than one such part, [`Error::OverLimit`] for a model that exceeds the default [`Limits`],
    /// and every error of [`Graph::validate`]. Operators that are not implemented are no error until the graph runs.
    pub fn from_onnx_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_onnx_bytes_within(bytes, &Limits::default())
    }

    /// As [`from_onnx_bytes`](Self::from_onnx_bytes), with other limits than the default.
    pub fn from_onnx_bytes_within(bytes: &[u8], limits: &Limits) -> Result<Self, Error> {
        // `read` copies the bytes; elements of tensors are ranges of the copy until they are converted.
        limits.check_bytes(bytes.len() as u64, || "the model".to_owned())?;
        import::graph(Bytes::copy_from_slice(bytes), External::none(limits), limits)
    }

    /// Reads an ONNX file, and the elements of tensors in files beside it, which must lie in its folder or below; errors as
    /// [`Graph::from_onnx_bytes`] and [`read_limited`].
    pub fn from_onnx_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::from_onnx_file_within(path, &Limits::default())
    }

    /// As [`from_onnx_file`](Self::from_onnx_file), with other limits than the default.
    pub fn from_onnx_file_within(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = read_limited(path, MAX_FILE_SIZE.min(limits.max_bytes))?;
        import::graph(bytes.into(), External::beside(path, limits), limits)
    }

    /// Writes a serialized ONNX model, its nodes in execution order and its constants by name, so that equal
    /// graphs give equal bytes.
    ///
    /// # Errors
    ///
    /// Every error of [`Graph::validate`], and [`Error::UnsupportedOpset`] if this crate does not read [`Graph::opset`] (0
    /// means [`DEFAULT_OPSET`]).
    pub fn to_onnx_bytes(&self) -> Result<Vec<u8>, Error> {
        export::model(self)
    }

    /// Writes an ONNX file; errors as [`Graph::to_onnx_bytes`], and [`Error::Io`].
    pub fn to_onnx_file(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let bytes = self.to_onnx_bytes()?;
        std::fs::write(path.as_ref(), bytes).map_err(|source| Error::write(path, source))
    }
}
