//! Tensors that borrow their elements: what a run reads from the caller, and what it writes to.

use crate::data_type::element_types;
use crate::tensor::with_elements;
use crate::{DataType, Element, Error, Tensor, element_count};

/// Defines borrowed [`TensorData`](crate::TensorData).
macro_rules! elements {
    ([] $($variant:ident $type:ident $what:literal;)*) => {
        /// Borrowed elements.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Elements<'a> {
            $($variant(&'a [$type]),)*
        }

        /// Borrowed elements that are written.
        #[derive(Debug, PartialEq)]
        pub enum ElementsMut<'a> {
            $($variant(&'a mut [$type]),)*
        }

        $(impl Lend for $type {
            fn lend(elements: &[Self]) -> Elements<'_> {
                Elements::$variant(elements)
            }

            fn lend_mut(elements: &mut [Self]) -> ElementsMut<'_> {
                ElementsMut::$variant(elements)
            }

            fn lent(elements: Elements<'_>) -> Option<&[Self]> {
                if let Elements::$variant(elements) = elements { Some(elements) } else { None }
            }

            fn lent_mut<'s>(elements: &'s mut ElementsMut<'_>) -> Option<&'s mut [Self]> {
                if let ElementsMut::$variant(elements) = elements { Some(elements) } else { None }
            }
        })*

        impl Elements<'_> {
            fn data_type(&self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant,)*
                }
            }
        }

        impl ElementsMut<'_> {
            fn data_type(&self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant,)*
                }
            }

            fn reborrow(&mut self) -> ElementsMut<'_> {
                match self {
                    $(Self::$variant(elements) => ElementsMut::$variant(elements),)*
                }
            }
        }
    };
}

element_types!(elements!());

/// A type whose elements views borrow. No other crate can name it: it seals [`Element`].
pub trait Lend: Sized {
    /// Elements of this type.
    fn lend(elements: &[Self]) -> Elements<'_>;
    /// As [`lend`](Self::lend), for writing.
    fn lend_mut(elements: &mut [Self]) -> ElementsMut<'_>;
    /// The elements, if they are of this type.
    fn lent(elements: Elements<'_>) -> Option<&[Self]>;
    /// As [`lent`](Self::lent), for writing.
    fn lent_mut<'s>(elements: &'s mut ElementsMut<'_>) -> Option<&'s mut [Self]>;
}

/// A tensor whose shape and elements, row-major, are borrowed.
///
/// ```
/// # use eightbit_graph::{DataType, TensorView};
/// let pixels = [0u8, 64, 128, 255];
/// let image = TensorView::new(&[1, 1, 2, 2], &pixels)?;
/// assert_eq!(image.data_type(), DataType::U8);
/// assert!(TensorView::new(&[3], &pixels).is_err());
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TensorView<'a> {
    shape: &'a [usize],
    elements: Elements<'a>,
}

impl<'a> TensorView<'a> {
    /// A view of `elements` as a tensor of `shape`; an error unless their numbers of elements are equal.
    pub fn new<T: Element>(shape: &'a [usize], elements: &'a [T]) -> Result<Self, Error> {
        check_len(shape, elements.len())?;
        Ok(Self { shape, elements: T::lend(elements) })
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// The elements' type.
    pub fn data_type(&self) -> DataType {
        self.elements.data_type()
    }

    /// The elements as `T`; an error if they are of another type.
    pub fn values<T: Element>(&self) -> Result<&'a [T], Error> {
        T::lent(self.elements).ok_or(Error::WrongType { expected: T::DATA_TYPE, found: self.data_type() })
    }
}

/// A tensor that is written, whose shape and elements are borrowed.
///
/// ```
/// # use eightbit_graph::TensorViewMut;
/// let mut logits = [0f32; 10];
/// let mut output = TensorViewMut::new(&[1, 10], &mut logits)?;
/// output.values_mut::<f32>()?[3] = 1.0;
/// assert_eq!(logits[3], 1.0);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Debug, PartialEq)]
pub struct TensorViewMut<'a> {
    shape: &'a [usize],
    elements: ElementsMut<'a>,
}

impl<'a> TensorViewMut<'a> {
    /// A view of `elements` as a tensor of `shape`; an error unless their numbers of elements are equal.
    pub fn new<T: Element>(shape: &'a [usize], elements: &'a mut [T]) -> Result<Self, Error> {
        check_len(shape, elements.len())?;
        Ok(Self { shape, elements: T::lend_mut(elements) })
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// The elements' type.
    pub fn data_type(&self) -> DataType {
        self.elements.data_type()
    }

    /// The elements as `T`, for writing; an error if they are of another type.
    pub fn values_mut<T: Element>(&mut self) -> Result<&mut [T], Error> {
        let found = self.data_type();
        T::lent_mut(&mut self.elements).ok_or(Error::WrongType { expected: T::DATA_TYPE, found })
    }
}

fn check_len(shape: &[usize], len: usize) -> Result<(), Error> {
    let count = element_count(shape)?;
    if count == len {
        return Ok(());
    }
    Err(Error::tensor(shape, format!("needs {count} elements, has {len}")))
}

/// What can be given to a run: a [`Tensor`], a [`TensorView`], or a type that has the elements of a tensor.
pub trait AsTensor {
    /// The tensor.
    fn as_tensor(&self) -> TensorView<'_>;
}

/// What a run can write its results to: a [`Tensor`], a [`TensorViewMut`], or a type that has the elements of a tensor.
pub trait AsTensorMut {
    /// The tensor, for writing.
    fn as_tensor_mut(&mut self) -> TensorViewMut<'_>;
}

impl AsTensor for Tensor {
    fn as_tensor(&self) -> TensorView<'_> {
        let elements = with_elements!(self.data(), elements => Lend::lend(elements));
        TensorView { shape: self.shape(), elements }
    }
}

/// Elements that other tensors share are copied first.
impl AsTensorMut for Tensor {
    fn as_tensor_mut(&mut self) -> TensorViewMut<'_> {
        let (shape, data) = self.parts_mut();
        let elements = with_elements!(data, elements => Lend::lend_mut(elements));
        TensorViewMut { shape, elements }
    }
}

impl AsTensor for TensorView<'_> {
    fn as_tensor(&self) -> TensorView<'_> {
        *self
    }
}

impl AsTensorMut for TensorViewMut<'_> {
    fn as_tensor_mut(&mut self) -> TensorViewMut<'_> {
        let elements = self.elements.reborrow();
        TensorViewMut { shape: self.shape, elements }
    }
}

impl<T: AsTensor + ?Sized> AsTensor for &T {
    fn as_tensor(&self) -> TensorView<'_> {
        (**self).as_tensor()
    }
}

impl<T: AsTensorMut + ?Sized> AsTensorMut for &mut T {
    fn as_tensor_mut(&mut self) -> TensorViewMut<'_> {
        (**self).as_tensor_mut()
    }
}
