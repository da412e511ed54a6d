//! Inputs and outputs of a graph.

use super::proto::{Dimension, ValueInfoProto};
use super::tensor;
use crate::{DataType, Error, Graph, ValueInfo, quoted};

/// The longest name accepted, in bytes; exporters write shorter ones.
pub(super) const MAX_NAME: usize = 1024;

/// `name`, if it is not too long; `what` has it.
pub(super) fn checked(name: String, what: &str) -> Result<String, Error> {
    if name.len() <= MAX_NAME {
        return Ok(name);
    }
    Err(Error::model(what, format!("a name of {} bytes; at most {MAX_NAME} are read", name.len())))
}

/// An input or output of the graph, and the names of its open dimensions.
pub(super) struct Described {
    pub(super) name: String,
    data_type: DataType,
    /// Whether the file has half floats.
    pub(super) is_half: bool,
    /// `None` if not even the rank is known.
    pub(super) dims: Option<Vec<Option<usize>>>,
    names: Vec<(usize, String)>,
}

/// Reads the type and the shape of an input or output.
pub(super) fn value(proto: ValueInfoProto) -> Result<Described, Error> {
    let name = checked(proto.name, "graph input or output")?;
    let what = format!("value {}", quoted(&name));
    let Some(kind) = proto.kind else {
        return Err(Error::model(what, "an input or output of the graph needs a type"));
    };
    let Some(kind) = kind.tensor_type else {
        return Err(Error::unsupported_model(what, "sequences, maps, optionals and sparse tensors"));
    };
    let data_type = tensor::data_type(kind.elem_type, &what)?;
    let mut names = Vec::new();
    let mut dims = None;
    if let Some(shape) = kind.shape {
        let mut fixed = Vec::with_capacity(shape.dim.len());
        let mut open = Vec::with_capacity(shape.dim.len());
        for (axis, dim) in shape.dim.into_iter().enumerate() {
            let size = match dim.value {
                // Some exporters write −1 for an open dimension.
                Some(Dimension::Value(-1)) | None => None,
                Some(Dimension::Value(size)) => Some(size),
                Some(Dimension::Symbol(symbol)) => {
                    // Exporters that know no name write a question mark, the same for all dimensions.
                    if !symbol.is_empty() && symbol != "?" {
                        names.push((axis, checked(symbol, &what)?));
                    }
                    None
                }
            };
            fixed.push(size.unwrap_or(0));
            open.push(size.is_none());
        }
        let sizes = tensor::shape(&fixed, &what)?;
        dims = Some(sizes.into_iter().zip(open).map(|(size, open)| (!open).then_some(size)).collect());
    }
    Ok(Described { name, data_type, is_half: tensor::is_half(kind.elem_type), dims, names })
}

impl Described {
    /// Adds names of dimensions to the graph.
    pub(super) fn of(self, graph: &mut Graph) -> ValueInfo {
        let Self { name, data_type, dims, names, .. } = self;
        graph.dimension_names.extend(names.into_iter().map(|(axis, symbol)| ((name.clone(), axis), symbol)));
        ValueInfo { name, data_type, shape: dims.unwrap_or_default() }
    }
}

/// An error about an input or output without a shape.
pub(super) fn unknown_rank(name: &str) -> Error {
    Error::unsupported_model(
        format!("value {}", quoted(name)),
        "an input or output of unknown rank: give it a shape (onnx.shape_inference)",
    )
}
