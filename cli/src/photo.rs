//! From a PNG or JPEG file to pixels in their displayed orientation.

mod decode;
mod input;
mod jpeg;
mod resize;
mod thumbnail;
mod view;

use std::path::{Path, PathBuf};

use eightbit_graph::read_limited;

use crate::builtin::BuiltinPhoto;
use crate::error::CliError;
use crate::report;
use decode::{Decoded, Refusal};
pub(crate) use input::{InputFormat, Layout};
pub(crate) use resize::Resize;
use view::View;

/// The size limit of photo files; photos within the decoding limit are smaller.
pub(crate) const FILE_LIMIT: u64 = decode::MEMORY_LIMIT;

/// How photos are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PhotoOptions {
    /// Accept damaged or truncated JPEG photos with a warning.
    pub(crate) lenient: bool,
    /// Ignore the orientation that the file asks viewers for.
    pub(crate) ignore_orientation: bool,
}

/// A decoded photo in its displayed orientation.
pub(crate) struct Photo {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Rows and columns as stored in the file.
    stored: [usize; 2],
    view: View,
    /// 3 bytes (red, green, blue) per pixel, as stored in the file.
    pixels: Vec<u8>,
}

impl Photo {
    pub(crate) fn read(path: &Path, options: PhotoOptions) -> Result<Self, CliError> {
        let bytes = read_limited(path, FILE_LIMIT).map_err(CliError::file)?;
        Self::decode(bytes, path, options)
    }

    pub(crate) fn builtin(photo: &BuiltinPhoto) -> Result<Self, CliError> {
        Self::decode(photo.bytes.to_vec(), Path::new(photo.name), PhotoOptions::default())
    }

    fn decode(bytes: Vec<u8>, path: &Path, options: PhotoOptions) -> Result<Self, CliError> {
        let file = decode::decode(bytes, options.lenient).map_err(|refusal| match refusal {
            Refusal::Damaged(reason) => CliError::Photo { path: path.to_owned(), reason },
            Refusal::Incomplete(reason) => CliError::IncompletePhoto { path: path.to_owned(), reason },
            Refusal::Large(reason) => CliError::LargePhoto { path: path.to_owned(), reason },
        })?;
        if let Some(damage) = &file.damage {
            report::warning(&format!("{}: {damage}; the rest of it is used", report::path(path)));
        }
        Ok(Self::new(file, options.ignore_orientation))
    }

    fn new(file: Decoded, ignore_orientation: bool) -> Self {
        let view = if ignore_orientation { View::default() } else { View::new(file.orientation) };
        let [rows, columns] = file.size;
        let [height, width] = if view.transposed { [columns, rows] } else { [rows, columns] };
        Self { width, height, stored: file.size, view, pixels: file.pixels }
    }

    fn pixel(&self, y: usize, x: usize) -> [f32; 3] {
        let [row, column] = self.view.stored(self.stored, y, x);
        let start = (row * self.stored[1] + column) * 3;
        [0, 1, 2].map(|channel| f32::from(self.pixels[start + channel]))
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

/// The photos that `paths` name: given files, and the files `.png`, `.jpg` or `.jpeg` in given folders (not in subfolders),
/// sorted by name.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut photos = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|source| CliError::read(path, source))?;
        if !metadata.is_dir() {
            photos.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|source| CliError::read(path, source))?;
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| CliError::read(path, source))?.path();
            if has_photo_name(&entry) && may_be_a_file(&entry) {
                found.push(entry);
            }
        }
        found.sort();
        photos.append(&mut found);
    }
    Ok(photos)
}

fn has_photo_name(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["png", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

/// Whether a path is a file or may be one: reading reports a dangling link.
fn may_be_a_file(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |metadata| metadata.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn the_built_in_photos_decode() {
        for photo in builtin::PHOTOS {
            let decoded = Photo::builtin(photo).expect("a photo");
            assert_eq!(decoded.pixels.len(), decoded.width * decoded.height * 3, "{}", photo.name);
        }
    }

    fn decode(bytes: &[u8], lenient: bool) -> Result<Photo, CliError> {
        Photo::decode(bytes.to_vec(), Path::new("p.jpg"), PhotoOptions { lenient, ..PhotoOptions::default() })
    }

    #[test]
    fn damaged_photos_are_errors() {
        let whole = builtin::PHOTO.bytes;
        for bytes in [&b""[..], b"hello", &whole[..100], &builtin::PHOTOS[1].bytes[..5000]] {
            for lenient in [false, true] {
                assert!(matches!(decode(bytes, lenient), Err(CliError::Photo { .. })));
            }
        }
    }

    #[test]
    fn jpeg_photos_that_end_early_or_are_damaged_inside_are_taken_on_request() {
        let whole = builtin::PHOTO.bytes;
        let half = &whole[..whole.len() / 2];
        // No Huffman code consists of ones only.
        let inside = [half, &[0xff, 0].repeat(64), &whole[half.len()..]].concat();
        for bytes in [half, &whole[..whole.len() - 2], &inside] {
            assert!(matches!(decode(bytes, false), Err(CliError::IncompletePhoto { .. })));
            let photo = decode(bytes, true).expect("a part of it");
            assert_eq!(photo.pixels.len(), photo.width * photo.height * 3);
        }
    }
}
