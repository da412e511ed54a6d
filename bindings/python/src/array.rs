//! Between arrays of NumPy and tensors.

use eightbit_graph::{DataType, Tensor, TensorData, TensorView, TensorViewMut};
use numpy::{
    Element, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn,
    PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::prelude::*;

use crate::error::{Class, OrRaise};

/// Calls the macro `$then` with a row for each element type: the variant of [`DataType`], Rust's type, and NumPy's name.
macro_rules! element_types {
    ($then:ident) => {
        $then! {
            F32 f32 "float32";
            F64 f64 "float64";
            U8 u8 "uint8";
            I8 i8 "int8";
            U16 u16 "uint16";
            I16 i16 "int16";
            U32 u32 "uint32";
            I32 i32 "int32";
            U64 u64 "uint64";
            I64 i64 "int64";
            Bool bool "bool";
        }
    };
}

macro_rules! arrays {
    ($($variant:ident $type:ident $name:literal;)*) => {
        /// NumPy's name of a type.
        pub(crate) fn dtype_name(data_type: DataType) -> &'static str {
            match data_type {
                $(DataType::$variant => $name,)*
                _ => "unknown",
            }
        }

        /// An array that is borrowed for reading: contiguous in C's order, and aligned.
        pub(crate) enum Array<'py> {
            $($variant(PyReadonlyArrayDyn<'py, $type>),)*
        }

        impl<'py> Array<'py> {
            /// `value` as an array; anything but an array that has elements of its own type becomes one of type `like`.
            pub(crate) fn new(value: &Bound<'py, PyAny>, like: Option<DataType>) -> PyResult<Self> {
                let array = prepared(value, like)?;
                let found = array.dtype();
                $(if found.is_equiv_to(&dtype::<$type>(array.py())) {
                    return Ok(Self::$variant(array.cast::<PyArrayDyn<$type>>()?.try_readonly().map_err(busy)?));
                })*
                Err(Class::DataType.with(format!("arrays of dtype {found} cannot be used: convert them with astype")))
            }

            pub(crate) fn data_type(&self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant,)*
                }
            }

            pub(crate) fn shape(&self) -> &[usize] {
                match self {
                    $(Self::$variant(array) => array.shape(),)*
                }
            }

            /// The elements, where they are.
            pub(crate) fn view(&self) -> PyResult<TensorView<'_>> {
                match self {
                    $(Self::$variant(array) => TensorView::new(array.shape(), array.as_slice()?).or_raise(),)*
                }
            }

            /// A copy.
            pub(crate) fn to_tensor(&self) -> PyResult<Tensor> {
                match self {
                    $(Self::$variant(array) => Tensor::new(array.shape(), array.as_slice()?.to_vec()).or_raise(),)*
                }
            }
        }

        /// The elements of an array that is borrowed for writing.
        enum ElementsMut<'py> {
            $($variant(PyReadwriteArrayDyn<'py, $type>),)*
        }

        impl<'py> ElementsMut<'py> {
            fn new(array: &Bound<'py, PyUntypedArray>) -> PyResult<Self> {
                let found = array.dtype();
                $(if found.is_equiv_to(&dtype::<$type>(array.py())) {
                    let array = array.cast::<PyArrayDyn<$type>>()?;
                    if !is_plain(array) {
                        return Err(Class::Argument.with("an output must be contiguous and aligned"));
                    }
                    if DataType::$variant == DataType::Bool {
                        // Whatever bytes are there, they are bools from here on.
                        array.as_any().call_method1("fill", (false,))?;
                    }
                    return Ok(Self::$variant(array.try_readwrite().map_err(busy)?));
                })*
                Err(Class::DataType.with(format!("an output of dtype {found} cannot be written")))
            }

            fn view<'a>(&'a mut self, shape: &'a [usize]) -> PyResult<TensorViewMut<'a>> {
                match self {
                    $(Self::$variant(array) => TensorViewMut::new(shape, array.as_slice_mut()?).or_raise(),)*
                }
            }
        }

        /// A tensor as an array, which takes its memory.
        pub(crate) fn to_numpy<'py>(py: Python<'py>, tensor: Tensor) -> PyResult<Bound<'py, PyAny>> {
            let shape = tensor.shape().to_vec();
            match tensor.into_data() {
                $(TensorData::$variant(elements) => vec_to_numpy(py, elements, shape),)*
                _ => Err(Class::DataType.with("a result has a type that NumPy lacks")),
            }
        }
    };
}

element_types!(arrays);

/// An array that is borrowed for writing: contiguous in C's order, and aligned.
pub(crate) struct ArrayMut<'py> {
    shape: Vec<usize>,
    elements: ElementsMut<'py>,
}

impl<'py> ArrayMut<'py> {
    pub(crate) fn new(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let array = value.cast::<PyUntypedArray>();
        let array = array.map_err(|_| {
            Class::Argument.with("an output must be a NumPy array, which is written in place")
        })?;
        Ok(Self { shape: array.shape().to_vec(), elements: ElementsMut::new(array)? })
    }

    /// The elements, where they are.
    pub(crate) fn view(&mut self) -> PyResult<TensorViewMut<'_>> {
        self.elements.view(&self.shape)
    }
}

/// An array of this shape that takes the memory of `elements`.
pub(crate) fn vec_to_numpy<'py, T: Element>(
    py: Python<'py>,
    elements: Vec<T>,
    shape: impl Into<Vec<usize>>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyArray1::from_vec(py, elements).reshape(shape.into())?.into_any())
}

/// An array that somebody writes, or that is read only.
fn busy(error: numpy::BorrowError) -> PyErr {
    Class::Argument.with(format!("an array cannot be used: {error}"))
}

/// Whether elements can be read in place.
fn is_plain<T: Element>(array: &Bound<'_, PyArrayDyn<T>>) -> bool {
    array.is_c_contiguous() && array.data().is_aligned()
}

/// `value` as an array whose elements are in C's order, aligned, and in the order of this machine's bytes. Where that needs a copy, it is
/// NumPy's. Tensors of other libraries are taken where they are, by `__array_interface__`, `__array__` or DLPack.
pub(crate) fn prepared<'py>(
    value: &Bound<'py, PyAny>,
    like: Option<DataType>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let array = as_array(value, like)?;
    if array.dtype().is_equiv_to(&dtype::<bool>(value.py())) {
        // NumPy takes every byte but 0 for true; Rust has 0 and 1 alone, which a comparison writes.
        let bytes = array.call_method1("view", ("uint8",))?;
        return Ok(value
            .py()
            .import("numpy")?
            .call_method1("asarray", (bytes.call_method1("__ne__", (0,))?, "bool", "C"))?
            .cast_into()?);
    }
    if array.is_c_contiguous()
        && array.getattr("flags")?.get_item("ALIGNED")?.is_truthy()?
        && is_native(&array)?
    {
        return Ok(array);
    }
    let py = value.py();
    let native = array.dtype().call_method1("newbyteorder", ("=",))?;
    Ok(py.import("numpy")?.call_method1("require", (array, native, ["C", "A"]))?.cast_into()?)
}

fn is_native(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    array.dtype().getattr("isnative")?.is_truthy()
}

/// `value` as an array of any memory layout.
pub(crate) fn as_array<'py>(
    value: &Bound<'py, PyAny>,
    like: Option<DataType>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        return Ok(array.clone());
    }
    let numpy = value.py().import("numpy")?;
    let has = |name| value.hasattr(name);
    let array = if has("__array_interface__")? || has("__array__")? {
        numpy.call_method1("asarray", (value,))
    } else if has("__dlpack__")? {
        numpy.call_method1("from_dlpack", (value,))
    } else {
        numpy.call_method1("asarray", (value, like.map(dtype_name)))
    };
    Ok(array?.cast_into()?)
}
