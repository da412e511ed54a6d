//! The types of codes by TensorFlow's names.

use crate::{DataType, Error, Node};

/// The type that the attribute `attribute` of a node names; bytes from 0 to 255 if it is absent.
pub(crate) fn of(node: &Node, attribute: &str) -> Result<DataType, Error> {
    match node.string(attribute, "quint8")? {
        "quint8" => Ok(DataType::U8),
        "qint8" => Ok(DataType::I8),
        "qint32" => Ok(DataType::I32),
        other => Err(Error::unsupported(node, format!("codes of type {other} ({attribute})"))),
    }
}
