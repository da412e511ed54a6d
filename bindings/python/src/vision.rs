//! Photos, labels and answers.

use std::ffi::OsString;
use std::path::PathBuf;

use eightbit_graph::{Tensor, quoted};
use eightbit_vision::{InputFormat, Labels, Photo, PhotoError, PhotoOptions};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::array::{prepared, to_numpy, vec_to_numpy};
use crate::error::{Class, OrRaise, Raise};
use crate::options::Photos;
use crate::value_info::ValueInfo;

/// The file or the bytes of a photo, decoded.
fn photo(py: Python<'_>, file: &Bound<'_, PyAny>, options: PhotoOptions) -> PyResult<Photo> {
    if let Ok(bytes) = file.cast::<PyBytes>() {
        let bytes = bytes.as_bytes();
        return py.detach(|| Photo::decode(bytes.to_vec(), options)).or_raise();
    }
    let path: PathBuf = file
        .extract()
        .map_err(|_| Class::Argument.with("a photo is a path, bytes of a file, or an array"))?;
    py.detach(|| Photo::read(&path, options)).map_err(|error| match error {
        PhotoError::File(error) => error.raised(),
        error => Class::Photo.with(format!("{}: {error}", quoted(&path.to_string_lossy()))),
    })
}

/// The pixels of a PNG or JPEG file as displayed: uint8 `[height, width, 3]`.
#[pyfunction]
#[pyo3(signature = (file, *, lenient = false, ignore_orientation = false))]
pub(crate) fn load_image<'py>(
    py: Python<'py>,
    file: &Bound<'py, PyAny>,
    lenient: bool,
    ignore_orientation: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let photo = photo(py, file, PhotoOptions { lenient, ignore_orientation })?;
    vec_to_numpy(py, py.detach(|| photo.to_rgb()), [photo.height(), photo.width(), 3])
}

/// A photo (a path, the bytes of a file, or uint8 `[height, width, 3]`) as the input of a model.
#[pyfunction]
pub(crate) fn photo_tensor<'py>(
    py: Python<'py>,
    image: &Bound<'py, PyAny>,
    input: &ValueInfo,
    options: Photos,
) -> PyResult<Bound<'py, PyAny>> {
    let format = InputFormat::of(&input.0, &options.input()?).or_raise()?;
    let photo = if image.is_instance_of::<PyBytes>()
        || image.hasattr("__fspath__")?
        || image.is_instance_of::<PyString>()
    {
        photo(py, image, options.reading())?
    } else {
        of_pixels(image)?
    };
    let tensor: Tensor = py.detach(|| format.tensor(&photo)).or_raise()?;
    to_numpy(py, tensor)
}

/// An array of pixels as a photo.
fn of_pixels(image: &Bound<'_, PyAny>) -> PyResult<Photo> {
    let array = prepared(image, None)?;
    let pixels = array.cast::<PyArrayDyn<u8>>().map_err(|_| {
        Class::DataType
            .with(format!("pixels are uint8, not {}: give a path, or an array of bytes", array.dtype()))
    })?;
    let pixels: PyReadonlyArrayDyn<'_, u8> = pixels.extract()?;
    let &[height, width, 3] = pixels.shape() else {
        return Err(Class::Shape.with(format!("pixels are [height, width, 3], found {:?}", pixels.shape())));
    };
    Photo::from_rgb(height, width, pixels.as_slice()?.to_vec()).or_raise()
}

/// The photos that paths name: files, and those in folders, sorted by name.
#[pyfunction]
pub(crate) fn photo_files(paths: Vec<PathBuf>) -> PyResult<Vec<OsString>> {
    // Paths would be objects of `pathlib`, which takes long to import.
    let photos = eightbit_vision::photo_files(&paths).or_raise()?;
    Ok(photos.into_iter().map(PathBuf::into_os_string).collect())
}

/// The names of the ImageNet classes of a model with this number of classes, 1000, or 1001 with a background class.
#[pyfunction]
#[pyo3(signature = (classes = 1000))]
pub(crate) fn imagenet_labels(classes: usize) -> PyResult<Vec<String>> {
    let labels = Labels::parse(eightbit_models::IMAGENET_LABELS).fitting(classes);
    if labels.lines() != classes {
        return Err(Class::Argument
            .with(format!("ImageNet has 1000 classes, or 1001 with a background, not {classes}")));
    }
    Ok((0..classes).map(|class| labels.name(class)).collect())
}

/// Floats as they are, in one row.
fn scores(values: &Bound<'_, PyAny>) -> PyResult<(Vec<usize>, Vec<f32>)> {
    let array = prepared(values, Some(eightbit_graph::DataType::F32))?;
    let floats = array.extract::<PyReadonlyArrayDyn<'_, f32>>();
    let floats =
        floats.map_err(|_| Class::DataType.with(format!("scores are float32, not {}", array.dtype())))?;
    Ok((floats.shape().to_vec(), floats.as_slice()?.to_vec()))
}

/// The probabilities of the scores of one photo: the softmax of logits; what are probabilities already stays.
#[pyfunction]
pub(crate) fn probabilities<'py>(py: Python<'py>, values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (shape, scores) = scores(values)?;
    let (probabilities, _) = eightbit_vision::probabilities(&scores).or_raise()?;
    vec_to_numpy(py, probabilities, shape)
}

/// The `count` greatest of the scores of one photo with their classes, greatest first.
#[pyfunction]
#[pyo3(signature = (values, count = 5))]
pub(crate) fn top_k(values: &Bound<'_, PyAny>, count: usize) -> PyResult<Vec<(usize, f32)>> {
    let (_, scores) = scores(values)?;
    eightbit_vision::check(&scores).or_raise()?;
    Ok(eightbit_vision::top(&scores, count).into_iter().map(|answer| (answer.class, answer.score)).collect())
}
