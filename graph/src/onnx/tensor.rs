//! Converts between [`Tensor`] and `TensorProto`.

use std::io;

use bytes::Bytes;
use prost::Message;

use super::external::{External, Part, is_external};
use super::half;
use super::narrow::Narrow;
use super::proto::{TensorProto, element_type as code};
use crate::ops::shared::by_element::by_number_of;
use crate::{DataType, Error, Limits, Tensor, TensorData, element_count, quoted};

/// The highest rank accepted; bounds messages and loops over hostile shapes.
const MAX_RANK: usize = 64;

impl Tensor {
    /// Reads a serialized `TensorProto`, the form in which ONNX stores test data. Half floats become floats.
    pub fn from_onnx_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let proto = TensorProto::decode(Bytes::copy_from_slice(bytes))
            .map_err(|error| Error::NotAModel { format: "an ONNX tensor", reason: error.to_string() })?;
        let what = format!("tensor {}", quoted(&proto.name));
        from_proto(proto, &what, &mut External::none(&Limits::default()))
    }

    /// Writes a serialized `TensorProto`.
    pub fn to_onnx_bytes(&self, name: &str) -> Vec<u8> {
        to_proto(self, name).encode_to_vec()
    }
}

/// Whether the type with this number is read as `f32`, which holds all its values.
pub(super) fn is_half(number: i32) -> bool {
    matches!(number, code::FLOAT16 | code::BFLOAT16)
}

/// The type with this number, `f32` for half floats; an error that names `what` for types without a [`DataType`].
pub(super) fn data_type(number: i32, what: &str) -> Result<DataType, Error> {
    Ok(match number {
        code::FLOAT | code::FLOAT16 | code::BFLOAT16 => DataType::F32,
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
                    "elements of type {}; f32, f64, half floats, bool, and integers of 8 to 64 bits are supported, and of 2 and 4 bits in initializers of the main graph",
                    type_name(other)
                ),
            ));
        }
    })
}

/// The schema's names of element types, by number.
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

/// The schema's name of an element type, for messages.
fn type_name(number: i32) -> String {
    match usize::try_from(number).ok().and_then(|index| NAMES.get(index)) {
        Some(name) => (*name).to_owned(),
        None => match Narrow::of(number) {
            Some(narrow) => narrow.name(),
            None => format!("number {number}"),
        },
    }
}

/// The number of the element type with this name, in any case.
pub(super) fn number_of_name(name: &str) -> Option<i32> {
    let index = NAMES.iter().position(|own| own.eq_ignore_ascii_case(name))?;
    i32::try_from(index).ok()
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

/// Reads a tensor, its elements from a file beside the model if the tensor says so; errors name `what`. Memory is allocated only
/// for elements that are in a file.
pub(super) fn from_proto(proto: TensorProto, what: &str, external: &mut External) -> Result<Tensor, Error> {
    if let Some(narrow) = Narrow::of(proto.data_type) {
        return from_narrow(proto, narrow, what, external);
    }
    let data_type = data_type(proto.data_type, what)?;
    let shape = shape(&proto.dims, what)?;
    let count = element_count(&shape).map_err(|error| Error::model(what, error.to_string()))?;
    let number = proto.data_type;
    let data = if is_external(&proto) {
        let part = external.part(&proto, what)?;
        // Compared before anything is read: the part may be far larger than the tensor.
        if Some(part.len) != count.checked_mul(stored_size(number, data_type)) {
            return Err(misfit(what, &shape, data_type));
        }
        raw(Stored::File(part), number).map_err(|error| Error::model(what, error.to_string()))?
    } else if proto.raw_data.is_empty() {
        typed(proto)
    } else {
        raw(Stored::Memory(&proto.raw_data), number).map_err(|error| Error::model(what, error.to_string()))?
    };
    let Some(data) = data.filter(|data| data.len() == count) else {
        return Err(misfit(what, &shape, data_type));
    };
    Tensor::new(shape, data).map_err(|error| Error::model(what, error.to_string()))
}

/// As [`from_proto`], of integers of less than a byte.
fn from_narrow(
    proto: TensorProto,
    narrow: Narrow,
    what: &str,
    external: &mut External,
) -> Result<Tensor, Error> {
    let error = |error: String| Error::model(what, error);
    let shape = shape(&proto.dims, what)?;
    let count = element_count(&shape).map_err(|e| error(e.to_string()))?;
    // In memory each of them is a byte.
    external.charge(count as u64, what)?;
    let unpacked = if is_external(&proto) {
        let part = external.part(&proto, what)?;
        // Compared before anything is read: the part may be far larger than the tensor.
        if part.len != narrow.packed_len(count) {
            return Err(misfit(what, &shape, narrow.byte()));
        }
        narrow.unpack(&part.bytes().map_err(|e| error(e.to_string()))?, count)
    } else if proto.raw_data.is_empty() {
        // An entry has the elements of a byte.
        let bytes: Vec<u8> = proto.int32_data.iter().map(|&entry| entry as u8).collect();
        narrow.unpack(&bytes, count)
    } else {
        narrow.unpack(&proto.raw_data, count)
    };
    let data = unpacked.ok_or_else(|| misfit(what, &shape, narrow.byte()))?;
    Tensor::new(shape, data).map_err(|e| error(e.to_string()))
}

fn misfit(what: &str, shape: &[usize], data_type: DataType) -> Error {
    Error::model(
        what,
        format!(
            "shape {shape:?} needs {} elements of type {data_type}, but the file holds another number",
            shape.iter().product::<usize>()
        ),
    )
}

/// The bytes of one element in a file.
fn stored_size(number: i32, data_type: DataType) -> usize {
    if is_half(number) { 2 } else { data_type.size() }
}

/// Elements from the schema's typed fields; values outside the range of a smaller type keep their low bits.
fn typed(proto: TensorProto) -> Option<TensorData> {
    let narrow = proto.int32_data;
    Some(match proto.data_type {
        code::FLOAT => TensorData::F32(proto.float_data),
        code::DOUBLE => TensorData::F64(proto.double_data),
        code::INT64 => TensorData::I64(proto.int64_data),
        code::INT32 => TensorData::I32(narrow),
        code::UINT8 => TensorData::U8(narrow.into_iter().map(|value| value as u8).collect()),
        code::INT8 => TensorData::I8(narrow.into_iter().map(|value| value as i8).collect()),
        code::UINT16 => TensorData::U16(narrow.into_iter().map(|value| value as u16).collect()),
        code::INT16 => TensorData::I16(narrow.into_iter().map(|value| value as i16).collect()),
        code::UINT32 => TensorData::U32(proto.uint64_data.into_iter().map(|value| value as u32).collect()),
        code::UINT64 => TensorData::U64(proto.uint64_data),
        code::BOOL => TensorData::Bool(narrow.into_iter().map(|value| value != 0).collect()),
        code::FLOAT16 => {
            TensorData::F32(narrow.into_iter().map(|value| half::from_f16(value as u16)).collect())
        }
        code::BFLOAT16 => {
            TensorData::F32(narrow.into_iter().map(|value| half::from_bf16(value as u16)).collect())
        }
        _ => return None,
    })
}

/// Little-endian elements.
enum Stored<'a> {
    Memory(&'a [u8]),
    File(Part<'a>),
}

impl Stored<'_> {
    /// The elements; `None` if bytes remain.
    fn elements<const N: usize, T>(self, element: impl Fn([u8; N]) -> T) -> io::Result<Option<Vec<T>>> {
        let bytes = match self {
            Self::File(part) => return part.elements(element).map(Some),
            Self::Memory(bytes) => bytes,
        };
        let (chunks, rest) = bytes.as_chunks::<N>();
        Ok(rest.is_empty().then(|| chunks.iter().map(|&chunk| element(chunk)).collect()))
    }

    /// The bytes themselves.
    fn bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::File(part) => part.bytes(),
            Self::Memory(bytes) => Ok(bytes.to_vec()),
        }
    }
}

/// Elements from little-endian bytes; `None` if bytes remain.
fn raw(stored: Stored<'_>, number: i32) -> io::Result<Option<TensorData>> {
    Ok(match number {
        code::FLOAT => stored.elements(f32::from_le_bytes)?.map(TensorData::F32),
        code::DOUBLE => stored.elements(f64::from_le_bytes)?.map(TensorData::F64),
        code::INT32 => stored.elements(i32::from_le_bytes)?.map(TensorData::I32),
        code::INT64 => stored.elements(i64::from_le_bytes)?.map(TensorData::I64),
        code::UINT8 => Some(TensorData::U8(stored.bytes()?)),
        code::INT8 => stored.elements(i8::from_le_bytes)?.map(TensorData::I8),
        code::UINT16 => stored.elements(u16::from_le_bytes)?.map(TensorData::U16),
        code::INT16 => stored.elements(i16::from_le_bytes)?.map(TensorData::I16),
        code::UINT32 => stored.elements(u32::from_le_bytes)?.map(TensorData::U32),
        code::UINT64 => stored.elements(u64::from_le_bytes)?.map(TensorData::U64),
        code::BOOL => stored.elements(|[byte]: [u8; 1]| byte != 0)?.map(TensorData::Bool),
        code::FLOAT16 => {
            stored.elements(|bytes| half::from_f16(u16::from_le_bytes(bytes)))?.map(TensorData::F32)
        }
        code::BFLOAT16 => {
            stored.elements(|bytes| half::from_bf16(u16::from_le_bytes(bytes)))?.map(TensorData::F32)
        }
        _ => None,
    })
}

/// A constant of bytes as integers of four or two bits, which hold its elements.
pub(super) fn to_narrow_proto(tensor: &Tensor, name: &str, bits: u8) -> TensorProto {
    let (narrow, packed) = match tensor.data() {
        TensorData::U8(elements) => {
            let narrow = Narrow::new(bits, false);
            (narrow, narrow.pack(elements.iter().copied()))
        }
        TensorData::I8(elements) => {
            let narrow = Narrow::new(bits, true);
            (narrow, narrow.pack(elements.iter().map(|&element| element as u8)))
        }
        _ => return to_proto(tensor, name),
    };
    TensorProto {
        dims: tensor.shape().iter().map(|&dim| dim as i64).collect(),
        data_type: narrow.number(),
        name: name.to_owned(),
        raw_data: packed.into(),
        ..TensorProto::default()
    }
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
    use crate::onnx::proto::EXTERNAL;

    fn read(proto: TensorProto) -> Result<Tensor, Error> {
        from_proto(proto, "tensor", &mut External::none(&Limits::default()))
    }

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
    fn halves_become_floats() {
        let proto = TensorProto { dims: vec![2], data_type: code::FLOAT16, ..TensorProto::default() };
        let raw = TensorProto { raw_data: vec![0, 0x3c, 0, 0xc0].into(), ..proto.clone() };
        assert_eq!(read(raw).expect("float16").as_f32().expect("f32"), [1.0, -2.0]);
        let typed = TensorProto { int32_data: vec![0x3c00, 0xc000], ..proto.clone() };
        assert_eq!(read(typed).expect("float16").as_f32().expect("f32"), [1.0, -2.0]);
        let wide =
            TensorProto { data_type: code::BFLOAT16, raw_data: vec![0x80, 0x3f, 0, 0xc0].into(), ..proto };
        assert_eq!(read(wide).expect("bfloat16").as_f32().expect("f32"), [1.0, -2.0]);
    }

    #[test]
    fn sizes_that_the_file_does_not_hold_are_errors() {
        let huge = TensorProto { dims: vec![1 << 40], data_type: code::FLOAT, ..TensorProto::default() };
        assert!(matches!(read(huge.clone()), Err(Error::InvalidModel { .. })));
        let overflow = TensorProto { dims: vec![i64::MAX, 4], ..huge.clone() };
        assert!(matches!(read(overflow), Err(Error::InvalidModel { .. })));
        let negative = TensorProto { dims: vec![-1], ..huge.clone() };
        assert!(matches!(read(negative), Err(Error::InvalidModel { .. })));
        let odd = TensorProto { dims: vec![1], raw_data: vec![0; 5].into(), ..huge.clone() };
        assert!(matches!(read(odd), Err(Error::InvalidModel { .. })));
        let text = TensorProto { data_type: 8, ..huge.clone() };
        assert!(read(text).expect_err("strings").to_string().contains("elements of type string"));
        let external = TensorProto { data_location: EXTERNAL, ..huge };
        assert!(matches!(read(external), Err(Error::UnsupportedModel { .. })));
    }
}
