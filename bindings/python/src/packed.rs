//! Packed weights: made once, saved, loaded.

use std::path::PathBuf;
use std::sync::Arc;

use eightbit::{Conv2dShape, ElementType, Per};
use eightbit_graph::read_limited;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{Class, OrRaise};
use crate::matrix::{Bytes, with_bytes};
use crate::settings;

/// The most bytes of a file of packed weights.
const FILE_LIMIT: u64 = 16 << 30;

/// Weights in the order in which the kernels of a backend read them. They can be saved and loaded: a header tells format, layout, shape and
/// checksum, and what does not fit is an error.
#[pyclass(frozen, module = "eightbit")]
pub(crate) struct PackedWeights(pub(crate) Arc<eightbit::PackedWeights>);

#[pymethods]
impl PackedWeights {
    /// Packs the matrix `weights`, `[k, n]` of int8 or uint8, for products with `[m, k]`.
    #[new]
    #[pyo3(signature = (weights, *, zero_point = None, backend = None))]
    fn new(
        py: Python<'_>,
        weights: &Bound<'_, PyAny>,
        zero_point: Option<&Bound<'_, PyAny>>,
        backend: Option<&str>,
    ) -> PyResult<Self> {
        let (weights, zero_points, backend) =
            (Bytes::new(weights)?, zero_points(zero_point)?, settings::by_name(backend)?);
        let packed = with_bytes!(weights, elements => {
            let (matrix, elements) = (weights.matrix()?, elements.as_slice()?);
            py.detach(|| eightbit::PackedWeights::pack(backend, &matrix.of(elements)?, zero_points))
        });
        Ok(Self(Arc::new(packed.or_raise()?)))
    }

    /// The weights of the file that `save` wrote.
    #[staticmethod]
    #[pyo3(signature = (path, *, backend = None))]
    fn load(py: Python<'_>, path: PathBuf, backend: Option<&str>) -> PyResult<Self> {
        let backend = settings::by_name(backend)?;
        let bytes = py.detach(|| read_limited(&path, FILE_LIMIT)).or_raise()?;
        // The weights keep the file's bytes: nothing is copied.
        let packed = py.detach(|| eightbit::PackedWeights::from_shared(backend, Arc::new(bytes)));
        Ok(Self(Arc::new(packed.or_raise()?)))
    }

    /// The weights of the bytes that `to_bytes` returned.
    #[staticmethod]
    #[pyo3(signature = (data, *, backend = None))]
    fn from_bytes(py: Python<'_>, data: &[u8], backend: Option<&str>) -> PyResult<Self> {
        let backend = settings::by_name(backend)?;
        let packed = py.detach(|| eightbit::PackedWeights::from_bytes(backend, data));
        Ok(Self(Arc::new(packed.or_raise()?)))
    }

    /// The bytes of a file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.to_bytes()))
    }

    /// Writes the file `path`.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let written = py.detach(|| std::fs::write(&path, self.0.to_bytes()));
        written.map_err(|error| eightbit_graph::Error::write(&path, error)).or_raise()
    }

    /// The depth `k` of a product: for a convolution, the weights of an output channel.
    #[getter]
    fn depth(&self) -> usize {
        self.0.depth()
    }

    /// The columns `n`, or output channels.
    #[getter]
    fn columns(&self) -> usize {
        self.0.columns()
    }

    /// `int8` or `uint8`.
    #[getter]
    fn dtype(&self) -> &'static str {
        name(self.0.element())
    }

    /// The backend whose kernels read them.
    #[getter]
    fn backend(&self) -> String {
        self.0.backend().to_string()
    }

    /// The layout.
    #[getter]
    fn layout(&self) -> &'static str {
        self.0.layout()
    }

    fn __repr__(&self) -> String {
        format!(
            "PackedWeights({} × {} {}, layout {})",
            self.depth(),
            self.columns(),
            self.dtype(),
            self.layout()
        )
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<Self>().getattr("from_bytes")?, (self.to_bytes(py),)))
    }
}

/// NumPy's name of a type.
pub(crate) fn name(element: ElementType) -> &'static str {
    match element {
        ElementType::U8 => "uint8",
        ElementType::I8 => "int8",
        ElementType::I32 => "int32",
        ElementType::F32 => "float32",
        _ => "unknown",
    }
}

/// One number, or a sequence with one for each channel.
pub(crate) fn per<'py, T>(value: &Bound<'py, PyAny>) -> PyResult<Per<T>>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    // An array without dimensions has no length.
    Ok(if value.len().is_ok() { Per::Channel(value.extract()?) } else { Per::Tensor(value.extract()?) })
}

/// Zero points, 0 if there are none.
pub(crate) fn zero_points(value: Option<&Bound<'_, PyAny>>) -> PyResult<Per<i32>> {
    value.map_or(Ok(Per::Tensor(0)), per)
}

/// The sizes of a convolution's weights.
#[derive(Clone, Copy)]
pub(crate) struct Kernel {
    pub(crate) out_channels: usize,
    pub(crate) in_channels: usize,
    size: [usize; 2],
    groups: usize,
}

impl Kernel {
    /// Those of weights of this shape, `[out_channels, height, width, in_channels / groups]`.
    pub(crate) fn of(shape: &[usize], groups: usize) -> PyResult<Self> {
        let &[out_channels, height, width, channels] = shape else {
            let message = "weights of a convolution are [out_channels, height, width, in_channels / groups]";
            return Err(Class::Shape.with(format!("{message}, found {shape:?}")));
        };
        let in_channels = channels.checked_mul(groups);
        let in_channels =
            in_channels.ok_or_else(|| Class::Shape.with("groups: too many channels to count"))?;
        Ok(Self { out_channels, in_channels, size: [height, width], groups })
    }

    /// The shape for images of this size, or for the smallest ones.
    pub(crate) fn shape(
        self,
        batch: usize,
        image: Option<[usize; 2]>,
        dilation: [usize; 2],
    ) -> PyResult<Conv2dShape> {
        let smallest = || {
            let side =
                |axis: usize| self.size[axis].checked_sub(1)?.checked_mul(dilation[axis])?.checked_add(1);
            Some([side(0)?, side(1)?])
        };
        let image =
            image.or_else(smallest).ok_or_else(|| Class::Shape.with("a kernel has at least one tap"))?;
        Ok(Conv2dShape::new(image, self.in_channels, self.out_channels, self.size)
            .with_batch(batch)
            .with_groups(self.groups)
            .with_dilation(dilation))
    }
}
