//! Nodes made by hand.

use eightbit_tensorflow::proto::{AttrValue, DataType, Dim, NodeDef, TensorProto, TensorShapeProto, Value};

pub(crate) fn node(name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Value)]) -> NodeDef {
    let attribute =
        |(name, value): &(&str, Value)| ((*name).to_owned(), AttrValue { value: Some(value.clone()) });
    NodeDef {
        name: name.to_owned(),
        op: op.to_owned(),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        attr: attributes.iter().map(attribute).collect(),
        ..NodeDef::default()
    }
}

pub(crate) fn shape(sizes: &[i64]) -> TensorShapeProto {
    let dim = sizes.iter().map(|&size| Dim { size, ..Dim::default() }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

/// A constant of floats, the last of which repeats.
pub(crate) fn floats(name: &str, sizes: &[i64], values: &[f32]) -> NodeDef {
    let tensor = TensorProto {
        dtype: DataType::Float as i32,
        tensor_shape: Some(shape(sizes)),
        float_val: values.to_vec(),
        ..TensorProto::default()
    };
    let data_type = ("dtype", Value::Type(DataType::Float as i32));
    node(name, "Const", &[], &[data_type, ("value", Value::Tensor(Box::new(tensor)))])
}

/// A placeholder of floats.
pub(crate) fn placeholder(name: &str, sizes: &[i64]) -> NodeDef {
    let data_type = ("dtype", Value::Type(DataType::Float as i32));
    node(name, "Placeholder", &[], &[data_type, ("shape", Value::Shape(shape(sizes)))])
}
