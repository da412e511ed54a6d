//! Images with classes, in one of the forms that people have them in.

mod arrays;
mod digits;
mod photos;

use std::path::{Path, PathBuf};

use eightbit_train::Dataset;

use crate::error::CliError;
use crate::report;

/// How photos become images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// Height and width.
    pub(crate) size: [usize; 2],
    /// 3, or 1: the brightness.
    pub(crate) channels: usize,
}

/// Reads `--data`.
pub(crate) fn read(paths: &[PathBuf], photos: Source) -> Result<Dataset, CliError> {
    match paths {
        [folder] if is_folder(folder)? => {
            if folder.join("0.json").exists() {
                digits::read(folder)
            } else {
                photos::read(folder, photos)
            }
        }
        [archive] if has_extension(archive, "npz") => arrays::read_archive(archive),
        [images, labels] if has_extension(images, "npy") && has_extension(labels, "npy") => {
            arrays::read_pair(images, labels)
        }
        _ => Err(CliError::Usage(
            "--data: give a folder of one folder of photos per class, a folder of 0.json, 1.json, …, one .npz file, or two .npy files".to_owned(),
        )),
    }
}

fn is_folder(path: &Path) -> Result<bool, CliError> {
    Ok(std::fs::metadata(path).map_err(|source| CliError::read(path, source))?.is_dir())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension))
}

/// An error about a dataset that a path names.
fn wrong(path: &Path, error: impl std::fmt::Display) -> CliError {
    CliError::Invalid(format!("{}: {error}", report::path(path)))
}
