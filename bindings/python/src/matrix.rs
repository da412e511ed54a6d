//! Products of matrices of bytes.

use std::sync::{Arc, Mutex, PoisonError};

use eightbit::{Call, Element, Fill, Gemm, MatMut, MatRef, OutputElement, Stage, Workspace};
use numpy::{
    PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods, dtype,
};
use pyo3::prelude::*;

use crate::array::{as_array, prepared};
use crate::error::{Class, OrRaise};
use crate::packed::{PackedWeights, zero_points};
use crate::pool::Pool;
use crate::settings;

/// An array of bytes, borrowed for reading.
pub(crate) enum Bytes<'py> {
    U8(PyReadonlyArrayDyn<'py, u8>),
    I8(PyReadonlyArrayDyn<'py, i8>),
}

/// Evaluates an expression with the array bound, whatever its type.
macro_rules! with_bytes {
    ($bytes:expr, $array:ident => $result:expr) => {
        match &$bytes {
            $crate::matrix::Bytes::U8($array) => $result,
            $crate::matrix::Bytes::I8($array) => $result,
        }
    };
}
pub(crate) use with_bytes;

impl<'py> Bytes<'py> {
    /// `value`, where it is if its elements follow each other in C's or Fortran's order; otherwise a copy.
    pub(crate) fn new(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let array = as_array(value, None)?;
        if array.is_c_contiguous() || array.is_fortran_contiguous() {
            Self::of(array.as_any())
        } else {
            Self::contiguous(value)
        }
    }

    /// `value`, where it is if its elements follow each other in C's order; otherwise a copy.
    pub(crate) fn contiguous(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        Self::of(prepared(value, None)?.as_any())
    }

    fn of(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        let busy = |error| Class::Argument.with(format!("an array cannot be used: {error}"));
        if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
            return Ok(Self::U8(array.try_readonly().map_err(busy)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<i8>>() {
            return Ok(Self::I8(array.try_readonly().map_err(busy)?));
        }
        let found = array.getattr("dtype")?;
        Err(Class::DataType.with(format!("bytes are needed, uint8 or int8, not {found}")))
    }

    pub(crate) fn shape(&self) -> &[usize] {
        with_bytes!(self, array => array.shape())
    }

    /// The array as a matrix, `[…, columns]`.
    pub(crate) fn matrix(&self) -> PyResult<Matrix> {
        let in_order = with_bytes!(self, array => array.is_c_contiguous());
        match *self.shape() {
            [rows, columns] => Ok(Matrix { rows, columns, by_columns: !in_order }),
            _ => {
                Err(Class::Shape
                    .with(format!("a matrix is needed, found an array of shape {:?}", self.shape())))
            }
        }
    }
}

/// Where the elements of a matrix are.
#[derive(Clone, Copy)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Fortran's order.
    by_columns: bool,
}

impl Matrix {
    /// The matrix of these elements.
    pub(crate) fn of<T>(self, elements: &[T]) -> Result<MatRef<'_, T>, eightbit::Error> {
        if self.by_columns {
            return Ok(MatRef::new(elements, self.columns, self.rows)?.transposed());
        }
        MatRef::new(elements, self.rows, self.columns)
    }
}

/// An array of zeros, borrowed for writing.
pub(crate) fn output<'py, T: numpy::Element>(
    py: Python<'py>,
    shape: &[usize],
) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    // Of NumPy's memory: what is too large is its MemoryError.
    let zeros = py.import("numpy")?.call_method1("zeros", (shape.to_vec(), dtype::<T>(py)))?;
    let zeros = zeros.cast_into::<PyArrayDyn<T>>()?;
    zeros.try_readwrite().map_err(|error| Class::Argument.with(error))
}

/// Scratch memory of calls, one of each thread for every call that is under way.
#[derive(Default)]
pub(crate) struct Workspaces(Mutex<Vec<Vec<Workspace>>>);

impl Workspaces {
    /// Runs a call on the threads of `pool`.
    pub(crate) fn run<T, F>(&self, call: Call<'_, T, F>, bytes: usize, pool: &Pool) -> PyResult<()>
    where
        T: OutputElement,
        F: Fill<T>,
        for<'a> Call<'a, T, F>: Send,
    {
        let mut workspaces = self.lock().pop().unwrap_or_default();
        workspaces.resize_with(pool.threads(), || Workspace::with_capacity(bytes));
        let done = pool.run(|| match &mut workspaces[..] {
            [one] => {
                call.run(one);
                Ok(())
            }
            several => call.run_rayon(several),
        })?;
        self.lock().push(workspaces);
        done.or_raise()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Workspace>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exact product of two arrays of bytes, as int32: `Σ_k (a[…, k] − a_zero) · (b[k, n] − b_zero)`, modulo 2³².
#[pyfunction]
#[pyo3(signature = (a, b, *, a_zero = 0, b_zero = None, threads = 1, backend = None))]
pub(crate) fn matmul<'py>(
    py: Python<'py>,
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
    a_zero: i32,
    b_zero: Option<&Bound<'py, PyAny>>,
    threads: usize,
    backend: Option<&str>,
) -> PyResult<Bound<'py, PyArrayDyn<i32>>> {
    let pool = Pool::new(threads)?;
    let weights = packed(py, b, b_zero, backend)?;
    let (a, shape, lhs) = rows(a, weights.depth())?;
    let out_shape = [&shape[..shape.len() - 1], &[weights.columns()]].concat();
    let mut out = output::<i32>(py, &out_shape)?;
    let elements = out.as_slice_mut()?;
    with_bytes!(a, array => {
        let array = array.as_slice()?;
        py.detach(|| multiply(lhs.of(array).or_raise()?, weights, a_zero, elements, &pool))?;
    });
    Ok(out.as_any().cast::<PyArrayDyn<i32>>()?.clone())
}

/// `b` as packed weights.
pub(crate) fn packed(
    py: Python<'_>,
    b: &Bound<'_, PyAny>,
    zero_point: Option<&Bound<'_, PyAny>>,
    backend: Option<&str>,
) -> PyResult<Arc<eightbit::PackedWeights>> {
    let Ok(weights) = b.cast::<PackedWeights>() else {
        let (b, zero_points, backend) =
            (Bytes::new(b)?, zero_points(zero_point)?, settings::by_name(backend)?);
        let matrix = b.matrix()?;
        let packed = with_bytes!(b, array => {
            let array = array.as_slice()?;
            py.detach(|| eightbit::PackedWeights::pack(backend, &matrix.of(array)?, zero_points))
        });
        return Ok(Arc::new(packed.or_raise()?));
    };
    if zero_point.is_some() || backend.is_some() {
        return Err(Class::Argument
            .with("zero points and backend of packed weights are those that they were packed with"));
    }
    Ok(Arc::clone(&weights.get().0))
}

/// `a`, of which the last dimension has `depth` elements, its shape, and the matrix of its rows.
fn rows<'py>(a: &Bound<'py, PyAny>, depth: usize) -> PyResult<(Bytes<'py>, Vec<usize>, Matrix)> {
    let array = Bytes::new(a)?;
    // Rows of more than one dimension are rows in C's order only.
    let array = if array.shape().len() == 2 { array } else { Bytes::contiguous(a)? };
    let shape = array.shape().to_vec();
    let Some((&last, outer)) = shape.split_last() else {
        return Err(Class::Shape.with("a product needs at least one dimension"));
    };
    if last != depth {
        return Err(Class::Shape.with(format!(
            "the last dimension must be {depth}, the depth of the weights, found shape {shape:?}"
        )));
    }
    let matrix = match array.shape().len() {
        2 => array.matrix()?,
        _ => Matrix { rows: outer.iter().product(), columns: last, by_columns: false },
    };
    Ok((array, shape, matrix))
}

fn multiply<A: Element>(
    lhs: MatRef<'_, A>,
    weights: Arc<eightbit::PackedWeights>,
    zero: i32,
    out: &mut [i32],
    pool: &Pool,
) -> PyResult<()> {
    let gemm = Gemm::new(weights, A::TYPE, zero, None, &Stage::ACCUMULATORS).or_raise()?;
    let out = MatMut::new(out, lhs.rows(), gemm.weights().columns()).or_raise()?;
    Workspaces::default().run(gemm.call(lhs, out).or_raise()?, gemm.workspace_bytes(), pool)
}
