//! Fully connected layers.

use std::sync::{Mutex, PoisonError};

use eightbit::dynamic::{self, QuantizedRows, Spread};
use eightbit::{Dequantize, MatMut, MatRef, Per};
use eightbit_graph::quantize::{WeightRange, quantize_per_channel};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::array::{Array, prepared};
use crate::error::{Class, OrRaise};
use crate::matrix::{Workspaces, output, packed};
use crate::packed::per;
use crate::pool::Pool;
use crate::settings;

/// A fully connected layer from float32 to float32, computed in eight bits: each row of activations is quantized over its own range.
#[pyclass(frozen, module = "eightbit")]
pub(crate) struct Linear {
    plan: dynamic::Linear,
    pool: Pool,
    rows: Mutex<Vec<QuantizedRows<u8>>>,
    workspaces: Workspaces,
}

impl Linear {
    fn with(
        weights: impl Into<std::sync::Arc<eightbit::PackedWeights>>,
        scale: Per<f32>,
        bias: Option<Vec<f32>>,
        symmetric: bool,
        threads: usize,
    ) -> PyResult<Self> {
        let spread = if symmetric { Spread::Magnitude } else { Spread::Range };
        let plan =
            dynamic::Linear::new(weights, &Dequantize::new(scale).with_bias(bias), spread).or_raise()?;
        Ok(Self {
            plan,
            pool: Pool::new(threads)?,
            rows: Mutex::default(),
            workspaces: Workspaces::default(),
        })
    }
}

#[pymethods]
impl Linear {
    #[new]
    #[pyo3(signature = (weights, scale, *, bias = None, zero_point = None, symmetric = false, threads = 1, backend = None))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn new(
        py: Python<'_>,
        weights: &Bound<'_, PyAny>,
        scale: &Bound<'_, PyAny>,
        bias: Option<Vec<f32>>,
        zero_point: Option<&Bound<'_, PyAny>>,
        symmetric: bool,
        threads: usize,
        backend: Option<&str>,
    ) -> PyResult<Self> {
        Self::with(packed(py, weights, zero_point, backend)?, per(scale)?, bias, symmetric, threads)
    }

    /// The layer of float weights `[k, n]`, which become int8, with a scale for each column.
    #[staticmethod]
    #[pyo3(signature = (weights, *, bias = None, symmetric = false, threads = 1, backend = None))]
    fn from_float(
        py: Python<'_>,
        weights: &Bound<'_, PyAny>,
        bias: Option<Vec<f32>>,
        symmetric: bool,
        threads: usize,
        backend: Option<&str>,
    ) -> PyResult<Self> {
        let weights = Array::new(weights, None)?.to_tensor()?;
        let &[k, n] = weights.shape() else {
            return Err(Class::Shape.with(format!("weights are [k, n], found {:?}", weights.shape())));
        };
        let backend = settings::by_name(backend)?;
        let (packed, scales) = py.detach(|| {
            let quantized = quantize_per_channel(&weights, 1, None, WeightRange::Full).or_raise()?;
            let matrix = MatRef::new(quantized.bytes.as_i8().or_raise()?, k, n).or_raise()?;
            let packed = eightbit::PackedWeights::pack(backend, &matrix, 0).or_raise()?;
            Ok::<_, PyErr>((packed, quantized.scales))
        })?;
        Self::with(packed, Per::Channel(scales), bias, symmetric, threads)
    }

    /// The depth `k`.
    #[getter]
    fn in_features(&self) -> usize {
        self.plan.gemm().weights().depth()
    }

    /// The columns `n`.
    #[getter]
    fn out_features(&self) -> usize {
        self.plan.gemm().weights().columns()
    }

    /// Which kernels compute `rows` rows, and why.
    #[pyo3(signature = (rows = 1))]
    fn explain(&self, rows: usize) -> String {
        self.plan.gemm().explain(rows)
    }

    /// The layer of `x`, float32 `[…, k]`: float32 `[…, n]`.
    fn __call__<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let array = prepared(x, Some(eightbit_graph::DataType::F32))?;
        let x = array.extract::<PyReadonlyArrayDyn<'_, f32>>();
        let x = x.map_err(|_| Class::DataType.with(format!("float32 is needed, not {}", array.dtype())))?;
        let (shape, k, n) = (x.shape(), self.in_features(), self.out_features());
        let Some((&last, outer)) = shape.split_last().filter(|(last, _)| **last == k) else {
            return Err(Class::Shape.with(format!("the last dimension must be {k}, found shape {shape:?}")));
        };
        let m = outer.iter().product();
        let mut out = output::<f32>(py, &[outer, &[n]].concat())?;
        let (x, elements) = (x.as_slice()?, out.as_slice_mut()?);
        py.detach(|| {
            let kept = || self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            let mut rows = kept().pop().unwrap_or_default();
            rows.quantize(self.plan.quantize(), MatRef::new(x, m, last).or_raise()?).or_raise()?;
            let call = self.plan.call(rows.rows(), MatMut::new(elements, m, n).or_raise()?).or_raise()?;
            self.workspaces.run(call, self.plan.workspace_bytes(), &self.pool)?;
            kept().push(rows);
            Ok::<_, PyErr>(())
        })?;
        Ok(out.as_any().cast::<PyArrayDyn<f32>>()?.clone())
    }
}
