//! Names of element types, as TensorFlow's attributes and tools spell them.

use crate::proto::DataType;

const NAMES: [(&str, DataType); 23] = [
    ("float", DataType::Float),
    ("double", DataType::Double),
    ("int32", DataType::Int32),
    ("uint8", DataType::Uint8),
    ("int16", DataType::Int16),
    ("int8", DataType::Int8),
    ("string", DataType::String),
    ("complex64", DataType::Complex64),
    ("int64", DataType::Int64),
    ("bool", DataType::Bool),
    ("qint8", DataType::Qint8),
    ("quint8", DataType::Quint8),
    ("qint32", DataType::Qint32),
    ("bfloat16", DataType::Bfloat16),
    ("qint16", DataType::Qint16),
    ("quint16", DataType::Quint16),
    ("uint16", DataType::Uint16),
    ("complex128", DataType::Complex128),
    ("half", DataType::Half),
    ("resource", DataType::Resource),
    ("variant", DataType::Variant),
    ("uint32", DataType::Uint32),
    ("uint64", DataType::Uint64),
];

/// What references to a type add to its number.
const REFERENCE: i32 = 100;

/// The type with a name: `float`, `quint8`, `int32_ref`.
pub(crate) fn parse(name: &str) -> Option<i32> {
    if let Some(referred) = name.strip_suffix("_ref") {
        return Some(named(referred)? + REFERENCE);
    }
    named(name)
}

fn named(name: &str) -> Option<i32> {
    let name = match name {
        "float32" => "float",
        "float64" => "double",
        "float16" => "half",
        name => name,
    };
    NAMES.iter().find(|(known, _)| *known == name).map(|&(_, data_type)| data_type as i32)
}

/// The name of a type.
pub(crate) fn name(data_type: i32) -> String {
    let find = |number: i32| NAMES.iter().find(|(_, known)| *known as i32 == number).map(|(name, _)| *name);
    match (data_type, find(data_type), find(data_type.saturating_sub(REFERENCE))) {
        (0, ..) => "INVALID".to_owned(),
        (_, Some(name), _) => name.to_owned(),
        (_, None, Some(name)) => format!("{name}_ref"),
        (number, None, None) => format!("unknown dtype enum ({number})"),
    }
}
