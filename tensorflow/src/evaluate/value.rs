//! Tensors with their elements.

use bytes::Bytes;

use crate::proto::{DataType, Dim, NodeDef, TensorProto, TensorShapeProto, Value as Attribute};
use crate::{data_types, node};

/// The most elements of a tensor whose file repeats one element, which costs it nothing: 64 million.
pub(crate) const MAX_REPEATED: usize = 1 << 26;

/// A tensor of a type that constants are evaluated in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

macro_rules! data {
    ($($kind:ident $element:ty, $field:ident, $data_type:ident, $from:expr, $to:expr;)*) => {
        /// The elements, outermost dimension first.
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Data {
            $($kind(Vec<$element>),)*
        }

        $(
            impl From<Vec<$element>> for Data {
                fn from(elements: Vec<$element>) -> Self {
                    Self::$kind(elements)
                }
            }
        )*

        impl Data {
            pub(crate) fn len(&self) -> usize {
                match self {
                    $(Self::$kind(elements) => elements.len(),)*
                }
            }

            pub(crate) fn data_type(&self) -> DataType {
                match self {
                    $(Self::$kind(_) => DataType::$data_type,)*
                }
            }

            pub(crate) fn bytes_per_element(&self) -> usize {
                match self {
                    $(Self::$kind(_) => size_of::<$element>(),)*
                }
            }

            /// The elements at some positions, which must be there.
            pub(crate) fn gather(&self, positions: impl Iterator<Item = usize>) -> Self {
                match self {
                    $(Self::$kind(elements) => Self::$kind(positions.map(|position| elements[position]).collect()),)*
                }
            }

            /// The elements of several tensors of one type, one tensor after the other.
            pub(crate) fn joined(&self, others: &[&Self]) -> Option<Self> {
                match self {
                    $(Self::$kind(elements) => {
                        let mut joined = elements.clone();
                        for other in others {
                            let Self::$kind(other) = other else { return None };
                            joined.extend_from_slice(other);
                        }
                        Some(Self::$kind(joined))
                    })*
                }
            }

            fn content(&self) -> Vec<u8> {
                match self {
                    $(Self::$kind(elements) => elements.iter().flat_map(|&element| $to(element)).collect(),)*
                }
            }

            fn read(tensor: &TensorProto, count: usize) -> Option<Self> {
                let data_type = DataType::try_from(tensor.dtype).ok()?;
                Some(match data_type {
                    $(DataType::$data_type if tensor.tensor_content.is_empty() => {
                        Self::$kind(repeated(&tensor.$field, count, $from)?)
                    })*
                    $(DataType::$data_type => {
                        let (elements, rest) = tensor.tensor_content.as_chunks::<{ size_of::<$element>() }>();
                        if elements.len() != count || !rest.is_empty() {
                            return None;
                        }
                        Self::$kind(elements.iter().map(|&bytes| FromBytes::from_bytes(bytes)).collect())
                    })*
                    _ => return None,
                })
            }
        }
    };
}

data! {
    F32 f32, float_val, Float, |value| value, f32::to_le_bytes;
    F64 f64, double_val, Double, |value| value, f64::to_le_bytes;
    I32 i32, int_val, Int32, |value| value, i32::to_le_bytes;
    I64 i64, int64_val, Int64, |value| value, i64::to_le_bytes;
    I16 i16, int_val, Int16, |value: i32| value as i16, i16::to_le_bytes;
    I8 i8, int_val, Int8, |value: i32| value as i8, i8::to_le_bytes;
    U8 u8, int_val, Uint8, |value: i32| value as u8, u8::to_le_bytes;
    Bool bool, bool_val, Bool, |value| value, |value: bool| [u8::from(value)];
}

/// Little-endian bytes as an element.
trait FromBytes<const SIZE: usize> {
    fn from_bytes(bytes: [u8; SIZE]) -> Self;
}

macro_rules! from_bytes {
    ($($element:ty)*) => {
        $(
            impl FromBytes<{ size_of::<$element>() }> for $element {
                fn from_bytes(bytes: [u8; size_of::<$element>()]) -> Self {
                    Self::from_le_bytes(bytes)
                }
            }
        )*
    };
}

from_bytes!(f32 f64 i32 i64 i16 i8 u8);

impl FromBytes<1> for bool {
    fn from_bytes([byte]: [u8; 1]) -> Self {
        byte != 0
    }
}

/// The elements of a field, the last of which repeats; zeros if there are none.
fn repeated<T: Copy, U: Copy + Default>(
    field: &[T],
    count: usize,
    convert: impl Fn(T) -> U,
) -> Option<Vec<U>> {
    if field.len() > count || (field.len() < count && count > MAX_REPEATED) {
        return None;
    }
    let mut elements: Vec<U> = field.iter().map(|&value| convert(value)).collect();
    let last = elements.last().copied().unwrap_or_default();
    elements.resize(count, last);
    Some(elements)
}

impl Value {
    /// A tensor; nothing if the number of elements is not that of the shape.
    pub(crate) fn new(shape: Vec<usize>, data: impl Into<Data>) -> Option<Self> {
        let data = data.into();
        (element_count(&shape)? == data.len()).then_some(Self { shape, data })
    }

    pub(crate) fn scalar<T>(element: T) -> Self
    where
        Data: From<Vec<T>>,
    {
        Self { shape: Vec::new(), data: vec![element].into() }
    }

    pub(crate) fn vector<T>(elements: Vec<T>) -> Self
    where
        Data: From<Vec<T>>,
    {
        Self { shape: vec![elements.len()], data: elements.into() }
    }

    /// The value of a constant; the reason if it has none that can be read.
    pub(crate) fn of(constant: &NodeDef) -> Result<Self, String> {
        let Some(Attribute::Tensor(tensor)) = node::value(constant, "value") else {
            return Err(format!("No 'value' attribute for Const node {}", constant.name));
        };
        Self::read(tensor).ok_or_else(|| {
            let data_type = data_types::name(tensor.dtype);
            format!("Decoding Tensor failed for node {} of type {data_type}", constant.name)
        })
    }

    /// The floats of a constant, and their shape.
    pub(crate) fn floats(constant: &NodeDef) -> Result<(Vec<usize>, Vec<f32>), String> {
        match Self::of(constant)? {
            Self { shape, data: Data::F32(elements) } => Ok((shape, elements)),
            Self { data, .. } => {
                let data_type = data_types::name(data.data_type() as i32);
                Err(format!("{} is a constant of type {data_type}, not float", constant.name))
            }
        }
    }

    fn read(tensor: &TensorProto) -> Option<Self> {
        let shape = tensor.tensor_shape.as_ref().map_or(Some(Vec::new()), sizes)?;
        let data = Data::read(tensor, element_count(&shape)?)?;
        Some(Self { shape, data })
    }

    /// A constant's tensor, with the elements as bytes.
    pub(crate) fn to_content(&self) -> TensorProto {
        content(self.data.data_type(), &self.shape, self.data.content())
    }

    /// As [`Self::to_content`], but a single element is in the field of its type.
    pub(crate) fn to_tensor(&self) -> TensorProto {
        let mut tensor = content(self.data.data_type(), &self.shape, Vec::new());
        match &self.data {
            data if data.len() != 1 => return self.to_content(),
            Data::F32(elements) => tensor.float_val.clone_from(elements),
            Data::F64(elements) => tensor.double_val.clone_from(elements),
            Data::I32(elements) => tensor.int_val.clone_from(elements),
            Data::I64(elements) => tensor.int64_val.clone_from(elements),
            Data::I16(elements) => tensor.int_val.extend(elements.iter().copied().map(i32::from)),
            Data::I8(elements) => tensor.int_val.extend(elements.iter().copied().map(i32::from)),
            Data::U8(elements) => tensor.int_val.extend(elements.iter().copied().map(i32::from)),
            Data::Bool(elements) => tensor.bool_val.clone_from(elements),
        }
        tensor
    }

    /// The elements as integers, if they are some.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I32(elements) => Some(elements.iter().copied().map(i64::from).collect()),
            Data::I64(elements) => Some(elements.clone()),
            _ => None,
        }
    }
}

/// A tensor whose elements are bytes.
pub(crate) fn content(data_type: DataType, shape: &[usize], content: Vec<u8>) -> TensorProto {
    TensorProto {
        dtype: data_type as i32,
        tensor_shape: Some(shape_of(shape)),
        tensor_content: Bytes::from(content),
        ..TensorProto::default()
    }
}

/// A shape whose sizes are known.
pub(crate) fn shape_of(sizes: &[usize]) -> TensorShapeProto {
    let dim = |&size: &usize| Dim { size: i64::try_from(size).unwrap_or(i64::MAX), ..Dim::default() };
    TensorShapeProto { dim: sizes.iter().map(dim).collect(), unknown_rank: false }
}

/// The sizes of a shape, if all are known.
pub(crate) fn sizes(shape: &TensorShapeProto) -> Option<Vec<usize>> {
    if shape.unknown_rank {
        return None;
    }
    shape.dim.iter().map(|dim| usize::try_from(dim.size).ok()).collect()
}

/// The number of elements of a shape, if it can be counted.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))
}
