//! What the operators that are imported read and write, by the table of TensorFlow's operators.

use std::collections::HashMap;
use std::sync::OnceLock;

use eightbit_tensorflow::imported_operators;
use eightbit_tensorflow::proto::DataType;

/// An argument or a result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// The attribute that says how many there are.
    pub(super) count: Option<&'static str>,
    /// The attribute that says the element type.
    pub(super) attribute: Option<&'static str>,
    pub(super) data_type: DataType,
}

#[derive(Debug)]
pub(super) struct Signature {
    pub(super) op: &'static str,
    pub(super) arguments: Vec<Item>,
    pub(super) results: Vec<Item>,
}

/// The signatures of all operators that are imported. Those that TensorFlow 1.15 did not have read and write a float.
pub(super) fn signatures() -> &'static [Signature] {
    static SIGNATURES: OnceLock<Vec<Signature>> = OnceLock::new();
    SIGNATURES.get_or_init(|| {
        let lines = include_str!("../../../tensorflow/src/registry/operators.txt").lines();
        let lines: HashMap<&str, &str> =
            lines.filter_map(|line| Some((line.split_once('|')?.0.trim_end_matches('!'), line))).collect();
        let signature = |op: &'static str| {
            let mut fields = lines.get(op).copied().unwrap_or("|$T|$T|").split('|').skip(1);
            let arguments = fields.next().unwrap_or_default();
            let results = fields.next().unwrap_or_default();
            let defaults = fields.next().unwrap_or_default();
            Signature { op, arguments: items(arguments, defaults), results: items(results, defaults) }
        };
        imported_operators().map(signature).collect()
    })
}

fn items(list: &'static str, defaults: &str) -> Vec<Item> {
    let item = |item: &'static str| {
        let (count, item) = match item.split_once('*') {
            Some((count, item)) => (Some(count.trim_start_matches('$')), item),
            None => (None, item),
        };
        let attribute = item.trim_start_matches('&').strip_prefix(['$', '@']);
        let default = attribute.and_then(|attribute| {
            defaults.split(' ').find_map(|one| one.strip_prefix(attribute)?.strip_prefix("=t:"))
        });
        // Indices are integers even where no default says so.
        let is_index = attribute.is_some_and(|name| name.starts_with("Ti") || name.starts_with("Tp"));
        let name = default.unwrap_or(match attribute {
            Some(_) if is_index => "int32",
            Some(_) => "float",
            None => item.trim_start_matches('&'),
        });
        Item { count, attribute, data_type: data_type(name) }
    };
    list.split(' ').filter(|item| !item.is_empty()).map(item).collect()
}

fn data_type(name: &str) -> DataType {
    match name {
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "bool" => DataType::Bool,
        "quint8" => DataType::Quint8,
        "qint32" => DataType::Qint32,
        "string" => DataType::String,
        _ => DataType::Float,
    }
}
