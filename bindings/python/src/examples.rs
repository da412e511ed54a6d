//! Examples of a model's inputs: arrays of Python's, or photos.

use std::cell::RefCell;
use std::path::PathBuf;

use eightbit_graph::quantize::Dataset;
use eightbit_graph::{Tensor, ValueInfo, quoted};
use eightbit_vision::{InputFormat, Photo, PhotoOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::array::{Array, dtype_name};
use crate::error::{Class, OrRaise, Raise};

/// Why a quantization ended: an error of the library, or an exception.
pub(crate) enum Stopped {
    Graph(eightbit_graph::Error),
    Python(PyErr),
}

impl From<eightbit_graph::Error> for Stopped {
    fn from(error: eightbit_graph::Error) -> Self {
        Self::Graph(error)
    }
}

impl From<PyErr> for Stopped {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl Raise for Stopped {
    fn raised(self) -> PyErr {
        match self {
            Self::Graph(error) => error.raised(),
            Self::Python(error) => error,
        }
    }
}

/// Where examples come from.
pub(crate) enum Examples {
    /// A sequence, which is asked for an item whenever it is needed.
    Sequence {
        items: Py<PyAny>,
        len: usize,
        inputs: Vec<ValueInfo>,
    },
    Photos {
        paths: Vec<PathBuf>,
        format: InputFormat,
        options: PhotoOptions,
    },
}

/// Examples, until Python interrupts.
pub(crate) struct Watched<'a> {
    pub(crate) examples: &'a Examples,
    /// The exception that a callback or a signal raised.
    pub(crate) raised: &'a RefCell<Option<PyErr>>,
}

impl Dataset for Watched<'_> {
    type Error = Stopped;

    fn len(&self) -> usize {
        match self.examples {
            Examples::Sequence { len, .. } => *len,
            Examples::Photos { paths, .. } => paths.len(),
        }
    }

    fn example(&self, index: usize) -> Result<Vec<Tensor>, Stopped> {
        if let Some(error) = self.raised.take() {
            return Err(error.into());
        }
        Ok(match self.examples {
            Examples::Sequence { items, inputs, .. } => Python::attach(|py| {
                py.check_signals()?;
                tensors(&items.bind(py).get_item(index)?, inputs)
            })?,
            Examples::Photos { paths, format, options } => {
                Python::attach(|py| py.check_signals())?;
                let path = &paths[index];
                let photo = Photo::read(path, *options).map_err(|error| match error {
                    eightbit_vision::PhotoError::File(error) => error.raised(),
                    error => Class::Photo.with(format!("{}: {error}", quoted(&path.to_string_lossy()))),
                })?;
                vec![format.tensor(&photo)?]
            }
        })
    }
}

/// An example: a dict by the names of the inputs, a tuple or list in their order, or an array for the only one.
fn tensors(item: &Bound<'_, PyAny>, inputs: &[ValueInfo]) -> PyResult<Vec<Tensor>> {
    let wrong = |why: String| Class::Argument.with(format!("an example of the calibration {why}"));
    if let Ok(dict) = item.cast::<PyDict>() {
        let named = |info: &ValueInfo| match dict.get_item(&info.name)? {
            Some(value) => tensor(&value, info),
            None => Err(wrong(format!("has no array for the input {}", quoted(&info.name)))),
        };
        return inputs.iter().map(named).collect();
    }
    if let Ok(tuple) = item.cast::<PyTuple>() {
        if tuple.len() != inputs.len() {
            return Err(wrong(format!("has {} arrays, the model has {} inputs", tuple.len(), inputs.len())));
        }
        return tuple.iter().zip(inputs).map(|(value, info)| tensor(&value, info)).collect();
    }
    match inputs {
        [only] => Ok(vec![tensor(item, only)?]),
        _ => Err(wrong(format!("must be a dict or a tuple: the model has {} inputs", inputs.len()))),
    }
}

/// A copy of `value`: the quantization may keep it.
fn tensor(value: &Bound<'_, PyAny>, info: &ValueInfo) -> PyResult<Tensor> {
    let array = Array::new(value, Some(info.data_type))?;
    if array.data_type() != info.data_type {
        let (name, wanted) = (quoted(&info.name), dtype_name(info.data_type));
        let found = dtype_name(array.data_type());
        return Err(Class::DataType
            .with(format!("input {name} takes {wanted}, an example of the calibration has {found}")));
    }
    array.to_tensor()
}

impl Examples {
    /// The examples `items`, a sequence.
    pub(crate) fn of_sequence(items: &Bound<'_, PyAny>, inputs: &[ValueInfo]) -> PyResult<Self> {
        Ok(Self::Sequence { items: items.clone().unbind(), len: items.len()?, inputs: inputs.to_vec() })
    }

    /// Photos, for a model with one input.
    pub(crate) fn of_photos(
        paths: Vec<PathBuf>,
        inputs: &[ValueInfo],
        photos: &crate::options::Photos,
    ) -> PyResult<Self> {
        let [input] = inputs else {
            return Err(
                Class::Argument.with(format!("photos are for one input, the model has {}", inputs.len()))
            );
        };
        let format = InputFormat::of(input, &photos.input()?).or_raise()?;
        Ok(Self::Photos { paths, format, options: photos.reading() })
    }
}
