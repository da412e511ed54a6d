//! Photos: the files that the command line names, and those built in.

use std::path::{Path, PathBuf};

pub(crate) use eightbit_vision::{FILE_LIMIT, InputFormat, Layout, Photo, PhotoOptions, Resize};
use eightbit_vision::{PhotoError, photo_files};

use crate::builtin::BuiltinPhoto;
use crate::error::CliError;
use crate::report;

/// Reads the photo `path`, with a warning if it is damaged and taken nevertheless.
pub(crate) fn read(path: &Path, options: PhotoOptions) -> Result<Photo, CliError> {
    let photo = Photo::read(path, options).map_err(|error| refused(path, error))?;
    if let Some(damage) = photo.damage() {
        report::warning(&format!("{}: {damage}; the rest of it is used", report::path(path)));
    }
    Ok(photo)
}

/// Decodes a photo of those built in.
pub(crate) fn builtin(photo: &BuiltinPhoto) -> Result<Photo, CliError> {
    let decoded = Photo::decode(photo.bytes.to_vec(), PhotoOptions::default());
    decoded.map_err(|error| refused(Path::new(photo.name), error))
}

fn refused(path: &Path, error: PhotoError) -> CliError {
    let path = path.to_owned();
    match error {
        PhotoError::File(error) => CliError::file(error),
        PhotoError::Damaged(reason) => CliError::Photo { path, reason },
        PhotoError::Incomplete(reason) => CliError::IncompletePhoto { path, reason },
        PhotoError::Large(reason) => CliError::LargePhoto { path, reason },
        other => CliError::Photo { path, reason: other.to_string() },
    }
}

/// The photos that `paths` name for calibration, of which there must be one.
pub(crate) fn for_calibration(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let photos = find(paths)?;
    if photos.is_empty() {
        let paths: Vec<String> = paths.iter().take(4).map(|path| report::path(path)).collect();
        return Err(CliError::NoCalibration(paths.join(", ")));
    }
    Ok(photos)
}

/// The photos that `paths` name: see [`photo_files`].
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    photo_files(paths).map_err(CliError::file)
}
