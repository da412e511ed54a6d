//! Values of attributes, and tensors.

use eightbit_tensorflow::proto::{DataType, Dim, ListValue, TensorProto, TensorShapeProto, Value};

use crate::input::Input;

const TYPES: [DataType; 9] = [
    DataType::Float,
    DataType::Int32,
    DataType::Int64,
    DataType::Bool,
    DataType::Quint8,
    DataType::Qint8,
    DataType::Qint32,
    DataType::Half,
    DataType::String,
];
/// Texts that decide what is computed.
pub(super) const TEXTS: [&str; 14] = [
    "SAME",
    "VALID",
    "EXPLICIT",
    "NHWC",
    "NCHW",
    "MIN_FIRST",
    "MIN_COMBINED",
    "SCALED",
    "REFLECT",
    "SYMMETRIC",
    "Relu",
    "BiasAdd",
    "Relu6",
    "\u{e9}\u{0}",
];
pub(super) fn shape(sizes: &[i64]) -> TensorShapeProto {
    let dim = sizes.iter().map(|&size| Dim { size, ..Dim::default() }).collect();
    TensorShapeProto { dim, unknown_rank: false }
}

fn sizes(input: &mut Input<'_>) -> Vec<i64> {
    let size = |input: &mut Input<'_>| match input.byte() {
        0 => -1,
        1 => 0,
        2 => i64::MAX,
        byte => i64::from(byte % 4) + 1,
    };
    (0..input.size(0, 4)).map(|_| size(input)).collect()
}

pub(super) fn ints(values: &[i64]) -> Value {
    Value::List(Box::new(ListValue { i: values.to_vec(), ..ListValue::default() }))
}

/// A small tensor: each element, one that repeats, or all as bytes.
pub(super) fn tensor(input: &mut Input<'_>, data_type: DataType) -> TensorProto {
    // Indices and sizes are scalars or vectors.
    let sizes = match data_type {
        DataType::Int32 | DataType::Int64 => match input.size(0, 4) {
            0 => Vec::new(),
            length => vec![length as i64],
        },
        _ => sizes(input),
    };
    let count =
        sizes.iter().try_fold(1i64, |count, &size| count.checked_mul(size)).unwrap_or(0).clamp(0, 256);
    let mut tensor =
        TensorProto { dtype: data_type as i32, tensor_shape: Some(shape(&sizes)), ..TensorProto::default() };
    let form = input.byte();
    let given = match form {
        0..=63 => 1,
        64..=71 => input.size(0, 4) as i64,
        _ => count,
    };
    let mut bytes = Vec::new();
    for _ in 0..given {
        let number = input.between(-2, 5);
        match data_type {
            DataType::Float => tensor.float_val.push(number as f32 / 2.0),
            DataType::Int64 => tensor.int64_val.push(number.into()),
            DataType::Bool => tensor.bool_val.push(number > 0),
            DataType::Half => tensor.half_val.push(input.word() & 0xffff),
            DataType::String => tensor.string_val.push(vec![number as u8; 2]),
            _ => tensor.int_val.push(number),
        }
        match data_type {
            DataType::Float => bytes.extend((number as f32 / 2.0).to_le_bytes()),
            DataType::Int64 => bytes.extend(i64::from(number).to_le_bytes()),
            DataType::Int32 | DataType::Qint32 => bytes.extend(number.to_le_bytes()),
            _ => bytes.push(number as u8),
        }
    }
    if form > 191 {
        tensor = TensorProto {
            dtype: tensor.dtype,
            tensor_shape: tensor.tensor_shape,
            tensor_content: bytes.into(),
            ..TensorProto::default()
        };
    }
    tensor
}

/// The value of an attribute, whatever its name; some of them are none.
pub(super) fn value(input: &mut Input<'_>) -> Option<Value> {
    Some(match input.byte() % 12 {
        0 => return None,
        1 => Value::I(input.between(-3, 8).into()),
        2 => Value::I(i64::from(input.word()) << input.size(0, 31)),
        3 => Value::F(f32::from_bits(input.word() as u32)),
        4 => Value::B(input.bool()),
        5 | 6 => Value::S(TEXTS[input.size(0, TEXTS.len() - 1)].into()),
        7 => Value::Type(TYPES[input.size(0, TYPES.len() - 1)] as i32),
        8 => Value::Shape(shape(&sizes(input))),
        9 => {
            let data_type = TYPES[input.size(0, TYPES.len() - 1)];
            Value::Tensor(Box::new(tensor(input, data_type)))
        }
        10 => Value::List(Box::new(ListValue {
            s: (0..input.size(0, 2)).map(|_| TEXTS[input.size(0, TEXTS.len() - 1)].into()).collect(),
            ..ListValue::default()
        })),
        _ => ints(&sizes(input)),
    })
}
