//! Sessions: a model that is ready to run.

use std::sync::Arc;
use std::time::SystemTime;

use eightbit_graph::{Executor, ExecutorOptions, Graph, Limits, TensorView, TensorViewMut, quoted};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::array::{Array, ArrayMut, dtype_name, to_numpy};
use crate::error::{Class, OrRaise};
use crate::model::Source;
use crate::pool::Pool;
use crate::settings;
use crate::value_info::{ValueInfo, sizes};

/// A model that is ready to run. Any threads can run it at the same time.
#[pyclass(frozen, module = "eightbit")]
pub(crate) struct Session {
    source: Source,
    /// Size and time of the file when it was read.
    stamp: Option<(u64, Option<SystemTime>)>,
    executor: Executor,
    pool: Arc<Pool>,
    threads: usize,
    backend: Option<String>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (model, *, threads = 1, backend = None))]
    fn new(py: Python<'_>, model: Source, threads: usize, backend: Option<String>) -> PyResult<Self> {
        let pool = Arc::new(Pool::new(threads)?);
        let stamp = stamp(&model);
        let graph = model.read(py)?;
        let options = options(&graph, backend.as_deref(), pool.threads())?;
        let executor = py.detach(|| Executor::new(&graph, &options)).or_raise()?;
        let infos = |values: &[eightbit_graph::ValueInfo]| values.iter().cloned().map(ValueInfo).collect();
        let (inputs, outputs) = (infos(&graph.inputs), infos(&graph.outputs));
        Ok(Self { source: model, stamp, executor, pool, threads, backend, inputs, outputs })
    }

    /// The inputs.
    #[getter]
    fn inputs(&self) -> Vec<ValueInfo> {
        self.inputs.clone()
    }

    /// The outputs.
    #[getter]
    fn outputs(&self) -> Vec<ValueInfo> {
        self.outputs.clone()
    }

    /// The number of threads that compute.
    #[getter]
    fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Bytes of the values between the nodes, for all runs that were under way at the same time.
    #[getter]
    fn memory_bytes(&self) -> usize {
        self.executor.memory_bytes()
    }

    /// The outputs for `feed`, arrays by the names of the inputs.
    fn run<'py>(&self, py: Python<'py>, feed: &Bound<'py, PyDict>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let feed = self.feed(feed)?;
        let views = feed.views()?;
        let outputs = py.detach(|| self.pool.run(|| self.executor.run(&views)))?.or_raise()?;
        outputs.into_iter().map(|tensor| to_numpy(py, tensor)).collect()
    }

    /// As `run`, into arrays that exist.
    fn run_into<'py>(
        &self,
        py: Python<'py>,
        feed: &Bound<'py, PyDict>,
        outputs: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let feed = self.feed(feed)?;
        let views = feed.views()?;
        let mut outputs = outputs.iter().map(ArrayMut::new).collect::<PyResult<Vec<_>>>()?;
        let mut outputs =
            outputs.iter_mut().map(ArrayMut::view).collect::<PyResult<Vec<TensorViewMut<'_>>>>()?;
        py.detach(|| self.pool.run(|| self.executor.run_into(&views, &mut outputs)))?.or_raise()
    }

    /// The steps of the plan that ran last, one on each line.
    fn explain(&self) -> String {
        self.executor.explain()
    }

    /// The median milliseconds of each step over `runs` runs: dicts with `name`, `op`, `kernel`, `macs` and `milliseconds`.
    #[pyo3(signature = (feed, runs = 10))]
    fn profile<'py>(
        &self,
        py: Python<'py>,
        feed: &Bound<'py, PyDict>,
        runs: usize,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let feed = self.feed(feed)?;
        let views = feed.views()?;
        let steps = py.detach(|| self.pool.run(|| self.executor.profile(&views, runs)))?.or_raise()?;
        let step = |step: eightbit_graph::StepTime| {
            let dict = PyDict::new(py);
            dict.set_item("name", step.name)?;
            dict.set_item("op", step.op)?;
            dict.set_item("kernel", step.description)?;
            dict.set_item("macs", step.macs)?;
            dict.set_item("milliseconds", step.time.as_secs_f64() * 1e3)?;
            Ok(dict)
        };
        steps.into_iter().map(step).collect()
    }

    /// For pickle: the model itself, so that another machine needs no file.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let bytes = match &self.source {
            Source::Bytes(bytes) => bytes.clone_ref(py).into_bound(py),
            Source::File(path) => {
                if stamp(&self.source) != self.stamp {
                    let path = quoted(&path.to_string_lossy()).to_string();
                    return Err(Class::Model.with(format!(
                        "the file {path} has changed since the session was made: make it again, or from bytes"
                    )));
                }
                let graph = self.source.read(py)?;
                PyBytes::new(py, &py.detach(|| graph.to_onnx_bytes()).or_raise()?)
            }
        };
        let restore = py.import("eightbit")?.getattr("_restore_session")?;
        (restore, (bytes, self.threads, self.backend.clone())).into_pyobject(py)
    }
}

/// Size and time of a model's file.
fn stamp(source: &Source) -> Option<(u64, Option<SystemTime>)> {
    let Source::File(path) = source else { return None };
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// How a graph runs.
pub(crate) fn options(graph: &Graph, backend: Option<&str>, threads: usize) -> PyResult<ExecutorOptions> {
    let mut options = ExecutorOptions::default();
    options.backend = Some(settings::by_name(backend)?);
    options.threads = threads;
    options.shapes.limits = Limits::for_model(graph);
    Ok(options)
}

/// The arrays of a run, with their names.
struct Feed<'py>(Vec<(String, Array<'py>)>);

impl Feed<'_> {
    fn views(&self) -> PyResult<Vec<(&str, TensorView<'_>)>> {
        self.0.iter().map(|(name, array)| Ok((name.as_str(), array.view()?))).collect()
    }
}

impl Session {
    /// The arrays of `feed`, if they are those that the model wants.
    fn feed<'py>(&self, feed: &Bound<'py, PyDict>) -> PyResult<Feed<'py>> {
        let mut arrays = Vec::with_capacity(self.inputs.len());
        for (name, value) in feed {
            let name: String =
                name.extract().map_err(|_| Class::Argument.with("names of inputs are strings"))?;
            let Some(ValueInfo(info)) = self.inputs.iter().find(|info| info.0.name == name) else {
                return Err(Class::Argument.with(format!(
                    "there is no input {}: the model has {}",
                    quoted(&name),
                    self.names()
                )));
            };
            let array = Array::new(&value, Some(info.data_type))?;
            check(info, &array)?;
            arrays.push((name, array));
        }
        let is_missing = |info: &&ValueInfo| !arrays.iter().any(|(name, _)| *name == info.0.name);
        match self.inputs.iter().find(is_missing) {
            None => Ok(Feed(arrays)),
            Some(missing) => Err(Class::Argument
                .with(format!("input {} is missing: give it an array", quoted(&missing.0.name)))),
        }
    }

    fn names(&self) -> String {
        self.inputs.iter().map(|info| quoted(&info.0.name).to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// An error unless the array has the type and the shape of the input.
fn check(info: &eightbit_graph::ValueInfo, array: &Array<'_>) -> PyResult<()> {
    let name = quoted(&info.name);
    if array.data_type() != info.data_type {
        let (wanted, found) = (dtype_name(info.data_type), dtype_name(array.data_type()));
        return Err(
            Class::DataType.with(format!("input {name} takes {wanted}, not {found}: convert it with astype"))
        );
    }
    let fits = |(wanted, &found): (&Option<usize>, &usize)| wanted.is_none_or(|wanted| wanted == found);
    if array.shape().len() != info.shape.len() || !info.shape.iter().zip(array.shape()).all(fits) {
        let (wanted, found) = (sizes(&info.shape), array.shape());
        return Err(
            Class::Shape.with(format!("input {name} takes an array of shape {wanted}, not {found:?}"))
        );
    }
    Ok(())
}
