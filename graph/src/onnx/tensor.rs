//! Converts between [`Tensor`] and `TensorProto`.

use bytes::Bytes;
use prost::Message;

use super::proto::{EXTERNAL, TensorProto, element_type as code};
use crate::ops::shared::by_element::by_number_of;
use crate::{DataType, Error, Tensor, TensorData, element_count, quoted};

/// The highest rank accepted; bounds messages and loops over hostile shapes.
const MAX_RANK: usize = 64;

impl Tensor {
    /// Reads a serialized `TensorProto`, the form in which ONNX stores test data.
    pub fn from_onnx_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let proto = TensorProto::decode(Bytes::copy_from_slice(bytes))
            .map_err(|error| Error::NotAModel { format: "an ONNX tensor", reason: error.to_string() })?;
        let what = format!("tensor {}", quoted(&proto.name));
        from_proto(proto, &what)
    }

    /// Writes a serialized `TensorProto`.
    pub fn to_onnx_bytes(&self, name: &str) -> Vec<u8> {
        to_proto(self, name).encode_to_vec()
    }
}

/// The type with this number; an error that names `what` for types without a [`DataType`].
pub(super) fn data_type(number: i32, what: &str) -> Result<DataType, Error> {
    Ok(match number {
        code::FLOAT => DataType::F32,
        code::UINT8 => DataType::U8,
        code::INT8 => DataType::I8,
        code::INT32 => DataType::I32,
        code::INT64 => DataType::I64,
        code::UINT16 => DataType::U16,
        code::INT16 => DataType::I16,
        code::UINT32 => DataType::U32,
        code::UINT64 => DataType::U64,
        code::BOOL => DataType::Bool,
        code::DOUBLE => DataType::F64,
        other => {
            return Err(Error::unsupported_model(
                what,
                format!(
                    "elements of type {}; f32, f64, bool, and integers of 8 to 64 bits are supported",
                    type_name(other)
                ),
            ));
        }
    })
}

/// The schema's name of an element type, for messages.
fn type_name(number: i32) -> String {
    const NAMES: [&str; 17] = [
        "undefined",
        "float",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "double",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
    ];
    match usize::try_from(number).ok().and_then(|index| NAMES.get(index)) {
        Some(name) => (*name).to_owned(),
        None => format!("number {number}"),
    }
}

/// The number of an element type.
pub(super) fn type_number(data_type: DataType) -> i32 {
    match data_type {
        DataType::F32 => code::FLOAT,
        DataType::F64 => code::DOUBLE,
        DataType::U8 => code::UINT8,
        DataType::I8 => code::INT8,
        DataType::U16 => code::UINT16,
        DataType::I16 => code::INT16,
        DataType::U32 => code::UINT32,
        DataType::U64 => code::UINT64,
        DataType::I32 => code::INT32,
        DataType::I64 => code::INT64,
        DataType::Bool => code::BOOL,
    }
}

/// Checks dimensions; errors name `what`.
pub(super) fn shape(dims: &[i64], what: &str) -> Result<Vec<usize>, Error> {
    if dims.len() > MAX_RANK {
        return Err(Error::model(
            what,
            format!("has {} dimensions, at most {MAX_RANK} are read", dims.len()),
        ));
    }
    dims.iter()
        .map(|&dim| {
            usize::try_from(dim).map_err(|_| Error::model(what, format!("dimension {dim} is not a size")))
        })
        .collect()
}

/// Reads a tensor; errors name `what`. Memory is allocated only for elements that are in the file.
pub(super) fn from_proto(proto: TensorProto, what: &str) -> Result<Tensor, Error> {
    if proto.data_location == EXTERNAL || !proto.external_data.is_empty() {
        let file = proto.external_data.iter().find(|entry| entry.key == "location");
        let file = file.map_or("another file", |entry| entry.value.as_str());
        return Err(Error::unsupported_model(
            what,
            format!("its elements are in {}: save the model with its weights in one file", quoted(file)),
        ));
    }
    let data_type = data_type(proto.data_type, what)?;
    let shape = shape(&proto.dims, what)?;
    let count = element_count(&shape).map_err(|error| Error::model(what, error.to_string()))?;
    let data =
        if proto.raw_data.is_empty() { typed(proto, data_type) } else { raw(&proto.raw_data, data_type) };
    let Some(data) = data.filter(|data| data.len() == count) else {
        return Err(Error::model(
            what,
            format!(
                "shape {shape:?} needs {count} elements of type {data_type}, but the file holds another number"
            ),
        ));
    };
    Tensor::new(shape, data).map_err(|error| Error::model(what, error.to_string()))
}

/// Elements from the schema's typed fields; values outside the range of a smaller type keep their low bits.
fn typed(proto: TensorProto, data_type: DataType) -> Option<TensorData> {
    let narrow = proto.int32_data;
    Some(match data_type {
        DataType::F32 => TensorData::F32(proto.float_data),
        DataType::F64 => TensorData::F64(proto.double_data),
        DataType::I64 => TensorData::I64(proto.int64_data),
        DataType::I32 => TensorData::I32(narrow),
        DataType::U8 => TensorData::U8(narrow.into_iter().map(|value| value as u8).collect()),
        DataType::I8 => TensorData::I8(narrow.into_iter().map(|value| value as i8).collect()),
        DataType::U16 => TensorData::U16(narrow.into_iter().map(|value| value as u16).collect()),
        DataType::I16 => TensorData::I16(narrow.into_iter().map(|value| value as i16).collect()),
        DataType::U32 => TensorData::U32(proto.uint64_data.into_iter().map(|value| value as u32).collect()),
        DataType::U64 => TensorData::U64(proto.uint64_data),
        DataType::Bool => TensorData::Bool(narrow.into_iter().map(|value| value != 0).collect()),
    })
}

/// Elements from little-endian bytes; `None` if bytes remain.
fn raw(bytes: &[u8], data_type: DataType) -> Option<TensorData> {
    fn split<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        rest.is_empty().then(|| chunks.iter().map(|&chunk| element(chunk)).collect())
    }
    Some(match data_type {
        DataType::F32 => TensorData::F32(split(bytes, f32::from_le_bytes)?),
        DataType::F64 => TensorData::F64(split(bytes, f64::from_le_bytes)?),
        DataType::I32 => TensorData::I32(split(bytes, i32::from_le_bytes)?),
        DataType::I64 => TensorData::I64(split(bytes, i64::from_le_bytes)?),
        DataType::U8 => TensorData::U8(bytes.to_vec()),
        DataType::I8 => TensorData::I8(split(bytes, i8::from_le_bytes)?),
        DataType::U16 => TensorData::U16(split(bytes, u16::from_le_bytes)?),
        DataType::I16 => TensorData::I16(split(bytes, i16::from_le_bytes)?),
        DataType::U32 => TensorData::U32(split(bytes, u32::from_le_bytes)?),
        DataType::U64 => TensorData::U64(split(bytes, u64::from_le_bytes)?),
        DataType::Bool => TensorData::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
    })
}

/// Writes a tensor, its elements as little-endian bytes.
pub(super) fn to_proto(tensor: &Tensor, name: &str) -> TensorProto {
    let raw: Vec<u8> = match tensor.data() {
        TensorData::U8(elements) => elements.clone(),
        TensorData::Bool(elements) => elements.iter().map(|&value| value.into()).collect(),
        _ => by_number_of!(
            tensor,
            elements => elements.iter().flat_map(|value| value.to_le_bytes()).collect(),
            _booleans => Vec::new()
        ),
    };
    TensorProto {
        dims: tensor.shape().iter().map(|&dim| dim as i64).collect(),
        data_type: type_number(tensor.data_type()),
        name: name.to_owned(),
        raw_data: raw.into(),
        ..TensorProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives() {
        let tensors = [
            Tensor::vector([1.5f32, f32::NAN, -0.0]),
            Tensor::vector([1.5f64, f64::MIN_POSITIVE]),
            Tensor::vector([0u8, 255]),
            Tensor::vector([-128i8, 127]),
            Tensor::vector([i32::MIN, i32::MAX]),
            Tensor::vector([i64::MIN, i64::MAX]),
            Tensor::vector([u16::MAX, 1]),
            Tensor::vector([i16::MIN, i16::MAX]),
            Tensor::vector([u32::MAX, 1]),
            Tensor::vector([u64::MAX, 1]),
            Tensor::vector([true, false]),
            Tensor::scalar(3i64),
            Tensor::zeros([0, 3], DataType::F32).expect("no elements"),
        ];
        for tensor in tensors {
            let back = Tensor::from_onnx_bytes(&tensor.to_onnx_bytes("t")).expect("own bytes");
            // Compared as bytes because NaN != NaN.
            assert_eq!(back.to_onnx_bytes("t"), tensor.to_onnx_bytes("t"));
            assert_eq!(back.shape(), tensor.shape());
        }
    }

    #[test]
    fn typed_fields_are_read() {
        let proto = TensorProto { dims: vec![3], data_type: code::INT8, ..TensorProto::default() };
        let read = |proto| from_proto(proto, "tensor");
        let tensor = read(TensorProto { int32_data: vec![-1, 0, 127], ..proto.clone() }).expect("int8");
        assert_eq!(tensor.as_i8().expect("i8"), [-1, 0, 127]);
        let tensor = read(TensorProto { data_type: code::FLOAT, float_data: vec![0.5; 3], ..proto.clone() });
        assert_eq!(tensor.expect("float").as_f32().expect("f32"), [0.5; 3]);
        let tensor = read(TensorProto { data_type: code::BOOL, int32_data: vec![0, 1, 2], ..proto.clone() });
        assert_eq!(tensor.expect("bool").as_bool().expect("bool"), [false, true, true]);
        let tensor =
            read(TensorProto { data_type: code::DOUBLE, double_data: vec![2.0; 3], ..proto.clone() });
        assert_eq!(tensor.expect("double").as_f64().expect("f64"), [2.0; 3]);
        let tensor =
            read(TensorProto { data_type: code::UINT16, int32_data: vec![0, 9, 65535], ..proto.clone() });
        assert_eq!(tensor.expect("uint16").values::<u16>().expect("u16"), [0, 9, u16::MAX]);
        let tensor = read(TensorProto { data_type: code::UINT32, uint64_data: vec![0, 9, 1 << 31], ..proto });
        assert_eq!(tensor.expect("uint32").values::<u32>().expect("u32"), [0, 9, 1 << 31]);
    }

    #[test]
    fn sizes_that_the_file_does_not_hold_are_errors() {
        let huge = TensorProto { dims: vec![1 << 40], data_type: code::FLOAT, ..TensorProto::default() };
        assert!(matches!(from_proto(huge.clone(), "t"), Err(Error::InvalidModel { .. })));
        let overflow = TensorProto { dims: vec![i64::MAX, 4], ..huge.clone() };
        assert!(matches!(from_proto(overflow, "t"), Err(Error::InvalidModel { .. })));
        let negative = TensorProto { dims: vec![-1], ..huge.clone() };
        assert!(matches!(from_proto(negative, "t"), Err(Error::InvalidModel { .. })));
        let odd = TensorProto { dims: vec![1], raw_data: vec![0; 5].into(), ..huge.clone() };
        assert!(matches!(from_proto(odd, "t"), Err(Error::InvalidModel { .. })));
        let half = TensorProto { data_type: 10, ..huge.clone() };
        assert!(from_proto(half, "t").expect_err("float16").to_string().contains("float16"));
        let external = TensorProto { data_location: EXTERNAL, ..huge };
        assert!(matches!(from_proto(external, "t"), Err(Error::UnsupportedModel { .. })));
    }
}
