//! Images and labels as arrays of NumPy.

use std::path::Path;

use eightbit_graph::{Tensor, TensorData};
use eightbit_train::Dataset;

use super::wrong;
use crate::array;
use crate::error::CliError;

/// Two files.
pub(super) fn read_pair(images: &Path, labels: &Path) -> Result<Dataset, CliError> {
    dataset(images, &array::read(images)?, &array::read(labels)?)
}

/// An archive with `images` and `labels`, or `x` and `y`.
pub(super) fn read_archive(path: &Path) -> Result<Dataset, CliError> {
    let named = |names: [&'static str; 2]| array::read_all(path, names.into_iter());
    // The error names the arrays that are documented first.
    let arrays = named(["images", "labels"]).or_else(|error| named(["x", "y"]).map_err(|_| error))?;
    let [images, labels] = arrays.as_slice() else { return Err(wrong(path, "it must hold two arrays")) };
    dataset(path, images, labels)
}

fn dataset(path: &Path, images: &Tensor, labels: &Tensor) -> Result<Dataset, CliError> {
    let shape = match *images.shape() {
        [_, height, width] => [height, width, 1],
        [_, channels, height, width] => [height, width, channels],
        ref other => {
            let reason =
                format!("images of shape {other:?}: give [N, height, width] or [N, channels, height, width]");
            return Err(wrong(path, reason));
        }
    };
    let planes: Vec<f32> = match images.data() {
        TensorData::F32(x) => x.clone(),
        TensorData::F64(x) => x.iter().map(|&x| x as f32).collect(),
        TensorData::U8(x) => x.iter().map(|&x| f32::from(x) / 255.0).collect(),
        _ => return Err(wrong(path, format!("images of type {}: give bytes or floats", images.data_type()))),
    };
    let class = |label: i64| {
        u32::try_from(label).map_err(|_| wrong(path, format!("a label {label}: classes are 0 and more")))
    };
    let classes: Vec<u32> = match labels.data() {
        TensorData::I64(x) => x.iter().map(|&x| class(x)).collect::<Result<_, _>>()?,
        TensorData::I32(x) => x.iter().map(|&x| class(x.into())).collect::<Result<_, _>>()?,
        TensorData::U8(x) => x.iter().map(|&x| x.into()).collect(),
        TensorData::I8(x) => x.iter().map(|&x| class(x.into())).collect::<Result<_, _>>()?,
        _ => return Err(wrong(path, format!("labels of type {}: give integers", labels.data_type()))),
    };
    let count = classes.iter().max().map_or(0, |&most| most as usize + 1);
    Dataset::from_planes(shape, &planes, classes, count).map_err(|error| wrong(path, error))
}
