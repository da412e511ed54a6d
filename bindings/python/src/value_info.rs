//! Inputs and outputs of a model.

use eightbit_graph::DataType;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::array::dtype_name;
use crate::error::Class;

/// A named input or output.
#[pyclass(frozen, module = "eightbit")]
#[derive(Clone)]
pub(crate) struct ValueInfo(pub(crate) eightbit_graph::ValueInfo);

#[pymethods]
impl ValueInfo {
    #[new]
    #[pyo3(signature = (name, dtype = "float32", shape = vec![]))]
    fn new(name: String, dtype: &str, shape: Vec<Option<usize>>) -> PyResult<Self> {
        use DataType::*;
        let all = [F32, F64, U8, I8, U16, I16, U32, I32, U64, I64, Bool];
        let data_type = all.into_iter().find(|&data_type| dtype_name(data_type) == dtype);
        let data_type =
            data_type.ok_or_else(|| Class::DataType.with(format!("there is no type {dtype:?}")))?;
        Ok(Self(eightbit_graph::ValueInfo { name, data_type, shape }))
    }

    /// The name.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// NumPy's name of the elements' type.
    #[getter]
    fn dtype(&self) -> &'static str {
        dtype_name(self.0.data_type)
    }

    /// The sizes; `None` where any will do.
    #[getter]
    fn shape(&self) -> Vec<Option<usize>> {
        self.0.shape.clone()
    }

    fn __repr__(&self) -> String {
        format!("ValueInfo({:?}, {:?}, {})", self.0.name, self.dtype(), sizes(&self.0.shape))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let arguments = (self.name(), self.dtype(), self.shape());
        (py.get_type::<Self>(), arguments).into_pyobject(py)
    }
}

/// Sizes as Python writes them, with `None` for open ones.
pub(crate) fn sizes(shape: &[Option<usize>]) -> String {
    let sizes = shape.iter().map(|size| size.map_or_else(|| "None".to_owned(), |size| size.to_string()));
    format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
}
