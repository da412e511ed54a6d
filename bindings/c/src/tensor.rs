//! Tensors that C lends.

use std::ffi::{c_char, c_void};

use eightbit_graph::{AsTensor, DataType, Tensor, TensorView, TensorViewMut, element_count};

use crate::pointer;
use crate::status::{Code, Failure};
use crate::types::data_type;

/// The struct of the header.
#[repr(C)]
pub(crate) struct EbTensor {
    pub(crate) name: *const c_char,
    pub(crate) kind: i32,
    pub(crate) rank: usize,
    pub(crate) shape: *const usize,
    pub(crate) data: *mut c_void,
}

/// The most dimensions.
const RANK: usize = 64;

/// A tensor that is read.
pub(crate) enum Lent<'a> {
    View(TensorView<'a>),
    /// Booleans, of which C has more values than Rust.
    Copy(Tensor),
}

impl AsTensor for Lent<'_> {
    fn as_tensor(&self) -> TensorView<'_> {
        match self {
            Self::View(view) => *view,
            Self::Copy(tensor) => tensor.as_tensor(),
        }
    }
}

/// Calls a function of a type for each type but booleans.
macro_rules! by_type {
    ($data_type:expr, $function:ident ($($argument:expr),*)) => {
        match $data_type {
            DataType::F32 => $function::<f32>($($argument),*),
            DataType::F64 => $function::<f64>($($argument),*),
            DataType::U8 => $function::<u8>($($argument),*),
            DataType::I8 => $function::<i8>($($argument),*),
            DataType::U16 => $function::<u16>($($argument),*),
            DataType::I16 => $function::<i16>($($argument),*),
            DataType::U32 => $function::<u32>($($argument),*),
            DataType::I32 => $function::<i32>($($argument),*),
            DataType::U64 => $function::<u64>($($argument),*),
            DataType::I64 => $function::<i64>($($argument),*),
            other => Err(Failure::new(Code::Type, format!("tensors of type {other} cannot be lent"))),
        }
    };
}

impl EbTensor {
    /// The shape and the number of elements.
    ///
    /// # Safety
    ///
    /// `shape` keeps the promises of the header.
    unsafe fn sizes<'a>(&self) -> Result<(&'a [usize], usize), Failure> {
        if self.rank > RANK {
            return Err(Failure::new(Code::Shape, format!("rank {} is more than {RANK}", self.rank)));
        }
        // SAFETY: as promised by the caller.
        let shape = unsafe { pointer::slice(self.shape, self.rank, "shape of a tensor") }?;
        Ok((shape, element_count(shape)?))
    }

    /// The tensor, for reading.
    ///
    /// # Safety
    ///
    /// It keeps the promises of the header during `'a`.
    pub(crate) unsafe fn lend<'a>(&self) -> Result<Lent<'a>, Failure> {
        // SAFETY: as promised by the caller.
        let (shape, len) = unsafe { self.sizes() }?;
        let data_type = data_type(self.kind)?;
        // SAFETY: as promised by the caller: every number is a value of its type, and of booleans the bytes are read.
        unsafe {
            if data_type == DataType::Bool {
                let bytes = pointer::slice(self.data.cast::<u8>(), len, "data of a tensor")?;
                let booleans: Vec<bool> = bytes.iter().map(|&byte| byte != 0).collect();
                return Ok(Lent::Copy(Tensor::new(shape, booleans)?));
            }
            Ok(Lent::View(by_type!(data_type, view(self.data, shape, len))?))
        }
    }

    /// The tensor, for writing.
    ///
    /// # Safety
    ///
    /// It keeps the promises of the header during `'a`.
    pub(crate) unsafe fn lend_mut<'a>(&self) -> Result<TensorViewMut<'a>, Failure> {
        // SAFETY: as promised by the caller.
        let (shape, len) = unsafe { self.sizes() }?;
        let data_type = data_type(self.kind)?;
        // SAFETY: as promised by the caller; what is a boolean is made one first.
        unsafe {
            if data_type == DataType::Bool {
                pointer::slice_mut(self.data.cast::<u8>(), len, "data of a tensor")?.fill(0);
                return view_mut::<bool>(self.data, shape, len);
            }
            by_type!(data_type, view_mut(self.data, shape, len))
        }
    }
}

/// # Safety
///
/// `data` is null or valid for reads of `len` elements during `'a`.
unsafe fn view<'a, T: eightbit_graph::Element>(
    data: *const c_void,
    shape: &'a [usize],
    len: usize,
) -> Result<TensorView<'a>, Failure> {
    // SAFETY: as promised by the caller.
    let elements = unsafe { pointer::slice(data.cast::<T>(), len, "data of a tensor") }?;
    Ok(TensorView::new(shape, elements)?)
}

/// # Safety
///
/// `data` is null or valid for reads and writes of `len` elements during `'a`, which nobody else touches.
unsafe fn view_mut<'a, T: eightbit_graph::Element>(
    data: *mut c_void,
    shape: &'a [usize],
    len: usize,
) -> Result<TensorViewMut<'a>, Failure> {
    // SAFETY: as promised by the caller.
    let elements = unsafe { pointer::slice_mut(data.cast::<T>(), len, "data of a tensor") }?;
    Ok(TensorViewMut::new(shape, elements)?)
}
