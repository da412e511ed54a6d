//! Quantization.

use std::cell::RefCell;
use std::path::PathBuf;

use eightbit_graph::quantize::data_free::{DataFreeOptions, InputMoments};
use eightbit_graph::quantize::{Progress, Range, quantize as quantized, quantize_without_examples};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::OrRaise;
use crate::examples::{Examples, Stopped, Watched};
use crate::model::Source;
use crate::options::{Options, Photos};
use crate::report::to_dict;

/// The bytes of the eight-bit form of a model, and a report as a dict. `examples` is a sequence; or `photos` are paths; or neither, for
/// a quantization without examples.
#[pyfunction]
#[pyo3(signature = (model, examples, photos, options, photo_options, progress))]
pub(crate) fn quantize<'py>(
    py: Python<'py>,
    model: Source,
    examples: Option<Bound<'py, PyAny>>,
    photos: Option<Vec<PathBuf>>,
    options: Options,
    photo_options: Photos,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyDict>)> {
    let graph = model.read(py)?;
    let (form, weights) = options.form()?;
    form.check(&graph, weights).or_raise()?;
    let options = options.for_graph(&graph)?;
    let examples = match (examples, photos) {
        (Some(items), _) => Some(Examples::of_sequence(&items, &graph.inputs)?),
        (None, Some(paths)) => Some(Examples::of_photos(paths, &graph.inputs, &photo_options)?),
        (None, None) => None,
    };
    let data_free = data_free(&photo_options)?;
    let measured = options.measured;
    let (bytes, report) = py
        .detach(|| {
            let raised = RefCell::new(None);
            let (graph, report) = match &examples {
                Some(examples) => {
                    let watched = Watched { examples, raised: &raised };
                    let count = eightbit_graph::quantize::Dataset::len(&watched);
                    let sizes = [count, measured.min(count)];
                    quantized(graph, &watched, &options, |at| tell(progress.as_ref(), at, sizes, &raised))?
                }
                None => quantize_without_examples(graph, &data_free, &options, |at| {
                    tell(progress.as_ref(), at, [0; 2], &raised);
                })?,
            };
            match raised.into_inner() {
                Some(error) => Err(Stopped::Python(error)),
                None => Ok((form.of(graph, weights)?.to_onnx_bytes()?, report)),
            }
        })
        .or_raise()?;
    Ok((PyBytes::new(py, &bytes), to_dict(py, &report)?))
}

/// Photos from black to white.
fn data_free(photos: &Photos) -> PyResult<DataFreeOptions> {
    let input = photos.input()?;
    let ends = input.mean.into_iter().zip(input.std);
    let ends = ends.flat_map(|(mean, std)| [-mean / std, (255.0 - mean) / std]);
    let none = Range { min: f32::INFINITY, max: f32::NEG_INFINITY };
    let range = ends.fold(none, |range, end| range.union(Range { min: end, max: end }));
    Ok(DataFreeOptions { other_inputs: InputMoments::photos(range), ..DataFreeOptions::default() })
}

/// Tells `callback` the stage, what is done of it, and all of it; keeps the first exception, with which the next example ends.
fn tell(
    callback: Option<&Py<PyAny>>,
    progress: Progress,
    [observed, measured]: [usize; 2],
    raised: &RefCell<Option<PyErr>>,
) {
    let Some(callback) = callback else { return };
    let (stage, done, all) = match progress {
        Progress::Pass(pass) => (pass, 0, 0),
        Progress::Observed(count) => ("calibrate", count, observed),
        Progress::Measured(count) => ("measure", count, measured),
        Progress::Searched { done, of } => ("search", done, of),
        _ => return,
    };
    if let Err(error) = Python::attach(|py| callback.call1(py, (stage, done, all)))
        && raised.borrow().is_none()
    {
        raised.replace(Some(error));
    }
}
