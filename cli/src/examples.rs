//! Examples of a network's inputs that are no photos: arrays from files, or random numbers.

use std::path::{Path, PathBuf};

use eightbit_graph::{DataType, Tensor, TensorData, ValueInfo, escaped, quoted};

use crate::array;
use crate::error::CliError;
use crate::fixing::{self, bind};
use crate::report;

/// The most elements of a random input.
const MAX_RANDOM: usize = 1 << 28;

/// Where examples come from.
#[derive(Debug, PartialEq)]
pub(crate) enum Examples {
    /// This many random ones.
    Random(usize),
    /// For each example, an archive with all inputs.
    Archives(Vec<PathBuf>),
    /// For each example, a file for each input.
    Arrays(Vec<Vec<PathBuf>>),
}

impl Examples {
    /// `random` examples, else those that `arguments` name for these inputs; `None` if they name photos.
    pub(crate) fn of_arguments(
        arguments: &[PathBuf],
        random: Option<u16>,
        inputs: &[ValueInfo],
    ) -> Result<Option<Self>, CliError> {
        let Some(count) = random else { return Self::find("--calibrate", arguments, inputs) };
        report::warning("calibrated with random numbers: measure its answers before they are used");
        Ok(Some(Self::Random(usize::from(count))))
    }

    /// The examples that the arguments of `flag` name for these inputs; `None` if they name photos.
    pub(crate) fn find(
        flag: &str,
        arguments: &[PathBuf],
        inputs: &[ValueInfo],
    ) -> Result<Option<Self>, CliError> {
        let mut archives = Vec::new();
        let mut arrays: Vec<Vec<PathBuf>> = vec![Vec::new(); inputs.len()];
        for argument in arguments {
            let named = argument.to_str().and_then(|text| fixing::named(text, inputs));
            let (input, path) = match named {
                Some((index, path)) => (Some(index), Path::new(path)),
                None => (None, argument.as_path()),
            };
            archives.extend(files(path, "npz")?);
            let found = files(path, "npy")?;
            match (input, inputs) {
                (Some(index), _) => arrays[index].extend(found),
                (None, [_]) => arrays[0].extend(found),
                (None, _) if found.is_empty() => {}
                (None, _) => {
                    let list = report::names(inputs.iter().map(|input| input.name.as_str()));
                    let path = report::path(path);
                    let reason = format!("{flag} {path}: give NAME={path}: the network's inputs are {list}");
                    return Err(CliError::Usage(reason));
                }
            }
        }
        let count = arrays.iter().map(Vec::len).max().unwrap_or(0);
        if !archives.is_empty() && count > 0 {
            return Err(CliError::Usage(format!("{flag}: give .npz files or .npy files, not both")));
        }
        if !archives.is_empty() {
            return Ok(Some(Self::Archives(archives)));
        }
        if count == 0 {
            return Ok(None);
        }
        if let Some((input, files)) = inputs.iter().zip(&arrays).find(|(_, files)| files.len() != count) {
            let (name, number) = (quoted(&input.name), files.len());
            let reason = format!("{flag}: {number} arrays for input {name}, {count} for another");
            return Err(CliError::Usage(reason));
        }
        Ok(Some(Self::Arrays(arrays)))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Random(count) => *count,
            Self::Archives(files) => files.len(),
            Self::Arrays(files) => files.first().map_or(0, Vec::len),
        }
    }

    /// Example number `index`: a tensor for each input.
    pub(crate) fn read(&self, index: usize, inputs: &[ValueInfo]) -> Result<Vec<Tensor>, CliError> {
        match self {
            Self::Random(_) => {
                inputs.iter().zip(index as u64..).map(|(input, seed)| random(input, seed)).collect()
            }
            Self::Archives(files) => archive(&files[index], inputs),
            Self::Arrays(files) => {
                let arrays = inputs.iter().zip(files);
                arrays
                    .map(|(input, files)| fitting(input, array::read(&files[index])?, &files[index]))
                    .collect()
            }
        }
    }
}

/// The file `path` if it has this extension, or all such files in the folder `path`, sorted by name.
fn files(path: &Path, extension: &str) -> Result<Vec<PathBuf>, CliError> {
    let fits = |path: &Path| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension));
    let failed = |source| CliError::read(path, source);
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(if fits(path) { vec![path.to_owned()] } else { Vec::new() });
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        if fits(&entry) {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

/// `tensor` from the file `path`, if it fits `input`.
fn fitting(input: &ValueInfo, tensor: Tensor, path: &Path) -> Result<Tensor, CliError> {
    match bind(&mut input.clone(), &tensor) {
        Ok(()) => Ok(tensor),
        Err(reason) => Err(CliError::Array { path: path.to_owned(), reason }),
    }
}

/// The arrays of all inputs in an `.npz` archive.
fn archive(path: &Path, inputs: &[ValueInfo]) -> Result<Vec<Tensor>, CliError> {
    let tensors = array::read_all(path, inputs.iter().map(|input| input.name.as_str()))?;
    inputs.iter().zip(tensors).map(|(input, tensor)| fitting(input, tensor, path)).collect()
}

/// Random numbers for `input`: floats from −1 to 1, integers and flags of 0 and 1. An open batch is 1.
fn random(input: &ValueInfo, seed: u64) -> Result<Tensor, CliError> {
    let name = quoted(&input.name);
    let size = |(axis, dim): (usize, &Option<usize>)| dim.or(if axis == 0 { Some(1) } else { None });
    let shape: Option<Vec<usize>> = input.shape.iter().enumerate().map(size).collect();
    let shape =
        shape.ok_or_else(|| CliError::Usage(format!("--random: input {name} is open: give its --shape")))?;
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let count = count.filter(|&count| count <= MAX_RANDOM);
    let count = count.ok_or_else(|| CliError::Usage(format!("--random: input {name} is too large")))?;
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        // xorshift, of which the upper bits are the best.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 40
    };
    let data = match input.data_type {
        DataType::F32 => {
            TensorData::F32((0..count).map(|_| next() as f32 / (1 << 23) as f32 - 1.0).collect())
        }
        DataType::F64 => {
            TensorData::F64((0..count).map(|_| next() as f64 / f64::from(1 << 23) - 1.0).collect())
        }
        DataType::U8 => TensorData::U8((0..count).map(|_| (next() & 1) as u8).collect()),
        DataType::I8 => TensorData::I8((0..count).map(|_| (next() & 1) as i8).collect()),
        DataType::I32 => TensorData::I32((0..count).map(|_| (next() & 1) as i32).collect()),
        DataType::I64 => TensorData::I64((0..count).map(|_| (next() & 1) as i64).collect()),
        DataType::Bool => TensorData::Bool((0..count).map(|_| next() & 1 == 1).collect()),
        other => return Err(CliError::Usage(format!("--random: input {} is {other}", escaped(&input.name)))),
    };
    Ok(Tensor::new(shape, data)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, shape: &[Option<usize>]) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: shape.to_vec() }
    }

    #[test]
    fn random_numbers_differ_and_stay_in_range() {
        let x = input("x", &[None, Some(1000)]);
        let [a, b] = [1, 2].map(|seed| random(&x, seed).expect("a batch of 1"));
        assert_eq!(a.shape(), [1, 1000]);
        let values = a.as_f32().expect("f32");
        assert!(a != b && values.iter().all(|value| (-1.0..1.0).contains(value)));
        assert!(values.iter().any(|&value| value > 0.9) && values.iter().any(|&value| value < -0.9));
        assert!(random(&input("x", &[None, None]), 1).is_err());
        assert!(random(&input("x", &[Some(usize::MAX), Some(2)]), 1).is_err());
    }
}
