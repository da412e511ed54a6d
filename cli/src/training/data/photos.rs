//! A folder of photos for each class.

use std::path::{Path, PathBuf};

use eightbit_train::Dataset;

use super::{Source, wrong};
use crate::error::CliError;
use crate::photo::{self, InputFormat, Layout, PhotoOptions, Resize};
use crate::report;

/// Reads the photos of all folders in `folder`, which are numbered in the order of their names.
pub(super) fn read(folder: &Path, source: Source) -> Result<Dataset, CliError> {
    let entries = std::fs::read_dir(folder).map_err(|error| CliError::read(folder, error))?;
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| CliError::read(folder, error))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.len() < 2 {
        let reason = "it must have a folder of photos for each of two classes or more, or 0.json, 1.json, …";
        return Err(wrong(folder, reason));
    }
    let mut photos = Vec::new();
    for (class, folder) in folders.iter().enumerate() {
        let own = photo::find(std::slice::from_ref(folder))?;
        if own.is_empty() {
            return Err(wrong(folder, "no PNG or JPEG photo is in it"));
        }
        photos.extend(own.into_iter().map(|path| (path, class as u32)));
    }
    let [height, width] = source.size;
    let format = InputFormat {
        height,
        width,
        channels: source.channels,
        layout: Layout::Nhwc,
        resize: Resize::Stretch,
        mean: [0.0; 3],
        std: [255.0; 3],
    };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    let bar = report::progress(photos.len(), "reading");
    for (path, class) in photos {
        let photo = photo::read(&path, PhotoOptions::default())?;
        let image = format.tensor(&photo).map_err(|error| wrong(&path, error))?;
        pixels.extend_from_slice(image.as_f32()?);
        labels.push(class);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let shape = [height, width, source.channels];
    Dataset::new(shape, pixels, labels, folders.len()).map_err(|error| wrong(folder, error))
}
