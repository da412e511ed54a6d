//! Typed tensors with known shapes.

use std::fmt;
use std::sync::Arc;

use crate::data_type::element_types;
use crate::view::Lend;
use crate::{DataType, Error};

/// Defines [`TensorData`].
macro_rules! tensor_data {
    ([] $($variant:ident $type:ident $what:literal;)*) => {
        /// The elements of a [`Tensor`], row-major (the last axis varies fastest).
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum TensorData {
            $(#[doc = concat!($what, "s.")] $variant(Vec<$type>),)*
        }

        impl TensorData {
            /// The elements' type.
            pub fn data_type(&self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant,)*
                }
            }

            /// `len` zeros (`false` for booleans).
            pub fn zeros(data_type: DataType, len: usize) -> Self {
                match data_type {
                    $(DataType::$variant => Self::$variant(vec![<$type>::default(); len]),)*
                }
            }
        }
    };
}

element_types!(tensor_data!());

/// Evaluates an expression with the elements bound as a vector, whatever their type.
macro_rules! with_elements {
    ([$data:expr, $elements:ident => $result:expr] $($variant:ident $type:ident $what:literal;)*) => {
        match $data {
            $($crate::TensorData::$variant($elements) => $result,)*
        }
    };
    ($data:expr, $elements:ident => $result:expr) => {
        $crate::data_type::element_types!($crate::tensor::with_elements!($data, $elements => $result))
    };
}
pub(crate) use with_elements;

impl TensorData {
    /// The number of elements.
    pub fn len(&self) -> usize {
        with_elements!(self, elements => elements.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A type that a [`Tensor`] can hold.
pub trait Element: Copy + Default + PartialEq + fmt::Debug + Lend + 'static {
    /// The type's tag.
    const DATA_TYPE: DataType;
    /// Elements of this type as [`TensorData`].
    fn wrap(elements: Vec<Self>) -> TensorData;
    /// The elements, if they are of this type.
    fn slice(data: &TensorData) -> Option<&[Self]>;
    /// The elements for writing, if they are of this type.
    fn slice_mut(data: &mut TensorData) -> Option<&mut [Self]>;
    /// The elements themselves; the data unchanged if they are of another type.
    fn unwrap(data: TensorData) -> Result<Vec<Self>, TensorData>;
}

macro_rules! element {
    ([] $($variant:ident $type:ident $what:literal;)*) => {$(
        impl Element for $type {
            const DATA_TYPE: DataType = DataType::$variant;

            fn wrap(elements: Vec<Self>) -> TensorData {
                TensorData::$variant(elements)
            }

            fn slice(data: &TensorData) -> Option<&[Self]> {
                if let TensorData::$variant(elements) = data { Some(elements) } else { None }
            }

            fn slice_mut(data: &mut TensorData) -> Option<&mut [Self]> {
                if let TensorData::$variant(elements) = data { Some(elements) } else { None }
            }

            fn unwrap(data: TensorData) -> Result<Vec<Self>, TensorData> {
                if let TensorData::$variant(elements) = data { Ok(elements) } else { Err(data) }
            }
        }

        impl From<Vec<$type>> for TensorData {
            fn from(elements: Vec<$type>) -> Self {
                Self::$variant(elements)
            }
        }
    )*};
}

element_types!(element!());

/// A dense tensor: a shape and its elements, row-major. A scalar has an empty shape.
///
/// Clones share the elements until one of them is written.
///
/// ```
/// # use eightbit_graph::Tensor;
/// let tensor = Tensor::new([2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(tensor.as_f32()?[4], 5.0);
/// assert!(Tensor::new([2, 3], vec![1.0f32]).is_err());
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Arc<TensorData>,
}

/// The number of elements of a tensor of shape `shape`; an error if `usize` cannot count them.
pub fn element_count(shape: &[usize]) -> Result<usize, Error> {
    // A zero anywhere makes the product zero, however large the other dimensions are.
    if shape.contains(&0) {
        return Ok(0);
    }
    shape
        .iter()
        .try_fold(1usize, |count, &dim| count.checked_mul(dim))
        .ok_or_else(|| Error::tensor(shape, "more elements than can be counted"))
}

/// The number of elements of a tensor of shape `shape` if its dimensions of 0 were 1; `None` if `usize` cannot count
/// them. It bounds every loop over some of the dimensions, which the number of elements does not.
pub(crate) fn extent(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim.max(1)))
}

impl Tensor {
    /// A tensor of `shape` with `data`; an error unless their numbers of elements are equal.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<TensorData>) -> Result<Self, Error> {
        Self::sharing(shape.into(), Arc::new(data.into()))
    }

    fn sharing(shape: Vec<usize>, data: Arc<TensorData>) -> Result<Self, Error> {
        let count = element_count(&shape)?;
        if count != data.len() {
            return Err(Error::tensor(&shape, format!("needs {count} elements, has {}", data.len())));
        }
        Ok(Self { shape, data })
    }

    /// A tensor of zeros (`false` for booleans). The memory is allocated at once: check sizes that come from a
    /// file beforehand.
    pub fn zeros(shape: impl Into<Vec<usize>>, data_type: DataType) -> Result<Self, Error> {
        let shape = shape.into();
        let count = element_count(&shape)?;
        Self::new(shape, TensorData::zeros(data_type, count))
    }

    /// A tensor of rank 0.
    pub fn scalar<T: Element>(value: T) -> Self {
        Self { shape: Vec::new(), data: Arc::new(T::wrap(vec![value])) }
    }

    /// A tensor of rank 1.
    pub fn vector<T: Element>(elements: impl Into<Vec<T>>) -> Self {
        let elements = elements.into();
        Self { shape: vec![elements.len()], data: Arc::new(T::wrap(elements)) }
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements' type.
    pub fn data_type(&self) -> DataType {
        self.data.data_type()
    }

    /// The elements.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// The shape, and the elements for writing, which are copied first if other tensors share them.
    pub(crate) fn parts_mut(&mut self) -> (&[usize], &mut TensorData) {
        (&self.shape, Arc::make_mut(&mut self.data))
    }

    /// The elements, without the shape; a copy if other tensors share them.
    pub fn into_data(self) -> TensorData {
        Arc::unwrap_or_clone(self.data)
    }

    /// The address of the elements, which tensors that share them have in common.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.data).addr()
    }

    /// The elements as `T`; an error if they are of another type.
    pub fn values<T: Element>(&self) -> Result<&[T], Error> {
        T::slice(&self.data).ok_or_else(|| self.wrong_type(T::DATA_TYPE))
    }

    /// The elements as `T`, for writing; an error if they are of another type. They are copied first if other tensors share
    /// them.
    pub fn values_mut<T: Element>(&mut self) -> Result<&mut [T], Error> {
        let found = self.data_type();
        if found != T::DATA_TYPE {
            return Err(self.wrong_type(T::DATA_TYPE));
        }
        T::slice_mut(Arc::make_mut(&mut self.data)).ok_or(Error::WrongType { expected: T::DATA_TYPE, found })
    }

    /// The elements themselves as `T`; an error if they are of another type.
    pub fn into_values<T: Element>(self) -> Result<Vec<T>, Error> {
        T::unwrap(self.into_data())
            .map_err(|data| Error::WrongType { expected: T::DATA_TYPE, found: data.data_type() })
    }

    /// The elements as `f32`.
    pub fn as_f32(&self) -> Result<&[f32], Error> {
        self.values()
    }

    /// The elements as `f64`.
    pub fn as_f64(&self) -> Result<&[f64], Error> {
        self.values()
    }

    /// The elements as `u8`.
    pub fn as_u8(&self) -> Result<&[u8], Error> {
        self.values()
    }

    /// The elements as `i8`.
    pub fn as_i8(&self) -> Result<&[i8], Error> {
        self.values()
    }

    /// The elements as `i32`.
    pub fn as_i32(&self) -> Result<&[i32], Error> {
        self.values()
    }

    /// The elements as `i64`.
    pub fn as_i64(&self) -> Result<&[i64], Error> {
        self.values()
    }

    /// The elements as `bool`.
    pub fn as_bool(&self) -> Result<&[bool], Error> {
        self.values()
    }

    /// The only element; an error if there are none or several, or if it is of another type.
    pub fn to_scalar<T: Element>(&self) -> Result<T, Error> {
        match self.values::<T>()? {
            [value] => Ok(*value),
            _ => Err(Error::tensor(&self.shape, "a single element is required")),
        }
    }

    /// The same elements in another shape with the same number of elements.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Result<Self, Error> {
        Self::sharing(shape.into(), self.data)
    }

    fn wrong_type(&self, expected: DataType) -> Error {
        Error::WrongType { expected, found: self.data_type() }
    }
}

/// A value's element type and fixed shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// The element type.
    pub data_type: DataType,
    /// The dimensions, outermost first.
    pub shape: Vec<usize>,
}

impl TensorType {
    /// A type of its parts.
    pub fn new(data_type: DataType, shape: impl Into<Vec<usize>>) -> Self {
        Self { data_type, shape: shape.into() }
    }

    /// The type of `tensor`.
    pub fn of(tensor: &Tensor) -> Self {
        Self::new(tensor.data_type(), tensor.shape())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_and_length_must_agree() {
        assert!(Tensor::new([2, 2], vec![1u8, 2, 3, 4]).is_ok());
        assert!(matches!(Tensor::new([2, 2], vec![1u8]), Err(Error::InvalidTensor { .. })));
        assert!(matches!(Tensor::new([usize::MAX, 2], vec![1u8]), Err(Error::InvalidTensor { .. })));
        assert!(Tensor::new([usize::MAX, 2, 0], Vec::<f32>::new()).is_ok());
        assert!(Tensor::new([], vec![1i64]).is_ok());
    }

    #[test]
    fn accessors_are_typed() {
        let mut tensor = Tensor::vector([1i32, 2]);
        assert_eq!(tensor.as_i32().expect("i32"), [1, 2]);
        tensor.values_mut::<i32>().expect("i32")[0] = 7;
        assert!(matches!(
            tensor.as_f32(),
            Err(Error::WrongType { expected: DataType::F32, found: DataType::I32 })
        ));
        assert!(tensor.to_scalar::<i32>().is_err());
        assert_eq!(tensor.clone().into_values::<i32>().expect("i32"), [7, 2]);
        let tensor = tensor.reshape([1, 2]).expect("two elements");
        assert_eq!(tensor.shape(), [1, 2]);
        assert!(tensor.reshape([3]).is_err());
        assert_eq!(Tensor::scalar(0.5f32).to_scalar::<f32>().expect("scalar"), 0.5);
    }

    #[test]
    fn clones_share_elements_until_one_is_written() {
        let first = Tensor::vector([1u8, 2]);
        let mut second = first.clone();
        assert_eq!(first.address(), second.address());
        assert!(second.values_mut::<i8>().is_err());
        assert_eq!(first.address(), second.address());
        second.values_mut::<u8>().expect("u8")[1] = 7;
        assert_eq!((first.as_u8().expect("u8"), second.as_u8().expect("u8")), (&[1, 2][..], &[1, 7][..]));
        let address = second.address();
        second.values_mut::<u8>().expect("u8")[0] = 3;
        assert_eq!(second.address(), address, "nothing shares it any more");
    }
}
