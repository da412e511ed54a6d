//! Tensors of TensorFlow as tensors of a graph.

use eightbit_graph::{DataType, Error, Tensor, TensorData, element_count};

use crate::proto::{self, TensorProto};

/// The element type for TensorFlow's type `number`; `None` for types that no operator here reads. Types of 16 bits are widened.
pub(super) fn data_type(number: i32) -> Option<DataType> {
    use proto::DataType as Type;
    Some(match Type::try_from(number).ok()? {
        Type::Float | Type::Half | Type::Bfloat16 => DataType::F32,
        Type::Double => DataType::F64,
        Type::Uint8 | Type::Quint8 => DataType::U8,
        Type::Int8 | Type::Qint8 => DataType::I8,
        Type::Int32 | Type::Qint32 | Type::Int16 | Type::Uint16 => DataType::I32,
        Type::Int64 | Type::Uint32 => DataType::I64,
        Type::Bool => DataType::Bool,
        _ => return None,
    })
}

/// The most elements of a constant that repeats its last one.
const MAX_REPEATED: usize = 1 << 28;

/// The tensor in `proto`; the reason if it is none.
pub(super) fn tensor(proto: &TensorProto) -> Result<Tensor, Error> {
    use proto::DataType as Type;
    let shape = shape(proto)?;
    let count = element_count(&shape)?;
    let reader = Reader { proto, shape: &shape, count };
    let of_type = Type::try_from(proto.dtype).ok();
    let data: TensorData = match of_type {
        Some(Type::Float) => reader.elements(&proto.float_val, |&x| x, f32::from_le_bytes)?.into(),
        Some(Type::Half) => {
            reader.elements(&proto.half_val, |&x| half(x as u16), |x| half(u16::from_le_bytes(x)))?.into()
        }
        Some(Type::Bfloat16) => {
            let widened = |bits: u16| f32::from_bits(u32::from(bits) << 16);
            reader
                .elements(&proto.half_val, |&x| widened(x as u16), |x| widened(u16::from_le_bytes(x)))?
                .into()
        }
        Some(Type::Double) => reader.elements(&proto.double_val, |&x| x, f64::from_le_bytes)?.into(),
        Some(Type::Uint8 | Type::Quint8) => {
            reader.elements(&proto.int_val, |&x| x as u8, u8::from_le_bytes)?.into()
        }
        Some(Type::Int8 | Type::Qint8) => {
            reader.elements(&proto.int_val, |&x| x as i8, i8::from_le_bytes)?.into()
        }
        Some(Type::Int32 | Type::Qint32) => {
            reader.elements(&proto.int_val, |&x| x, i32::from_le_bytes)?.into()
        }
        Some(Type::Int16) => {
            reader.elements(&proto.int_val, |&x| x, |x| i16::from_le_bytes(x).into())?.into()
        }
        Some(Type::Uint16) => {
            reader.elements(&proto.int_val, |&x| x, |x| u16::from_le_bytes(x).into())?.into()
        }
        Some(Type::Int64) => reader.elements(&proto.int64_val, |&x| x, i64::from_le_bytes)?.into(),
        Some(Type::Uint32) => {
            reader.elements(&proto.uint32_val, |&x| i64::from(x), |x| u32::from_le_bytes(x).into())?.into()
        }
        Some(Type::Bool) => reader.elements(&proto.bool_val, |&x| x, |[x]: [u8; 1]| x != 0)?.into(),
        _ => {
            return Err(Error::tensor(
                &shape,
                format!("elements of TensorFlow's type number {}", proto.dtype),
            ));
        }
    };
    Tensor::new(shape, data)
}

fn shape(proto: &TensorProto) -> Result<Vec<usize>, Error> {
    let Some(shape) = &proto.tensor_shape else { return Ok(Vec::new()) };
    let size = |size: i64| {
        usize::try_from(size).map_err(|_| Error::tensor(&[], format!("a constant's dimension is {size}")))
    };
    shape.dim.iter().map(|dim| size(dim.size)).collect()
}

struct Reader<'a> {
    proto: &'a TensorProto,
    shape: &'a [usize],
    count: usize,
}

impl Reader<'_> {
    /// The elements: those of `tensor_content`, or `list`, whose last element repeats.
    fn elements<L, T: Clone + Default, const N: usize>(
        &self,
        list: &[L],
        of_list: impl Fn(&L) -> T,
        of_bytes: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, Error> {
        let content = &self.proto.tensor_content;
        if !content.is_empty() {
            let (chunks, rest) = content.as_chunks::<N>();
            if chunks.len() != self.count || !rest.is_empty() {
                let reason = format!("needs {} elements, has {} bytes", self.count, content.len());
                return Err(Error::tensor(self.shape, reason));
            }
            return Ok(chunks.iter().map(|&bytes| of_bytes(bytes)).collect());
        }
        if list.len() > self.count || self.count > MAX_REPEATED.max(list.len()) {
            let reason = format!("needs {} elements, has {}", self.count, list.len());
            return Err(Error::tensor(self.shape, reason));
        }
        let mut elements: Vec<T> = list.iter().map(of_list).collect();
        let last = elements.last().cloned().unwrap_or_default();
        elements.resize(self.count, last);
        Ok(elements)
    }
}

/// An IEEE half as a float; exact.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    match exponent {
        // Subnormal numbers are multiples of 2⁻²⁴.
        0 => sign * fraction * f32::from_bits((127 - 24) << 23),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => {
            let scale = f32::from_bits(((exponent - 25 + 127) as u32) << 23);
            sign * (1024.0 + fraction) * scale
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Dim, TensorShapeProto};

    fn of(dtype: proto::DataType, dims: &[i64]) -> TensorProto {
        let dim = dims.iter().map(|&size| Dim { size, ..Dim::default() }).collect();
        let shape = TensorShapeProto { dim, unknown_rank: false };
        TensorProto { dtype: dtype.into(), tensor_shape: Some(shape), ..TensorProto::default() }
    }

    #[test]
    fn the_last_element_repeats() {
        let proto = TensorProto { float_val: vec![1.0, 2.0], ..of(proto::DataType::Float, &[2, 2]) };
        assert_eq!(tensor(&proto).expect("four").as_f32().expect("f32"), [1.0, 2.0, 2.0, 2.0]);
        let none = of(proto::DataType::Int32, &[2]);
        assert_eq!(tensor(&none).expect("zeros").as_i32().expect("i32"), [0, 0]);
        let many = TensorProto { float_val: vec![1.0; 5], ..of(proto::DataType::Float, &[2, 2]) };
        assert!(tensor(&many).is_err());
        assert!(tensor(&of(proto::DataType::Float, &[1 << 40])).is_err());
        assert!(tensor(&of(proto::DataType::Float, &[-1])).is_err());
    }

    #[test]
    fn bytes_are_little_endian() {
        let bytes = |bytes: &'static [u8], of: TensorProto| TensorProto {
            tensor_content: bytes::Bytes::from_static(bytes),
            ..of
        };
        let ints = tensor(&bytes(&[1, 0, 0xff, 0xff], of(proto::DataType::Int16, &[2]))).expect("two");
        assert_eq!(ints.as_i32().expect("i32"), [1, -1]);
        assert!(tensor(&bytes(&[1, 0, 0], of(proto::DataType::Int16, &[1]))).is_err());
    }

    #[test]
    fn halves_are_exact() {
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0), (1, 5.960_464_5e-8), (0x3555, 0.333_251_95)]
        {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert!(half(0x7e00).is_nan());
    }
}
