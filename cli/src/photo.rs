//! From a PNG or JPEG file to a model's input, as in TensorFlow's `label_image`.

mod decode;
mod jpeg;
mod view;

use std::path::{Path, PathBuf};

use eightbit_graph::{Tensor, read_limited};

use crate::builtin::BuiltinPhoto;
use crate::error::CliError;
use crate::report;
use decode::{Decoded, Refusal};
use view::View;

/// The size limit of photo files; photos within the decoding limit are smaller.
const FILE_LIMIT: u64 = decode::MEMORY_LIMIT;

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

/// The memory layout of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Channels before pixels, as PyTorch exports it: `[1, 3, height, width]`.
    Nchw,
    /// Channels within pixels, as TensorFlow exports it: `[1, height, width, 3]`.
    Nhwc,
}

/// How a model's input represents a photo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputFormat {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) layout: Layout,
    /// Subtracted from each channel (red, green, blue) of a pixel, which is 0 to 255.
    pub(crate) mean: [f32; 3],
    /// The divisor of each channel after that.
    pub(crate) std: [f32; 3],
}

impl InputFormat {
    pub(crate) fn shape(&self) -> [usize; 4] {
        match self.layout {
            Layout::Nchw => [1, 3, self.height, self.width],
            Layout::Nhwc => [1, self.height, self.width, 3],
        }
    }

    /// The whole photo, resized and normalized: `(pixel − mean) / std`.
    ///
    /// Resized as by TensorFlow's `ResizeBilinear` without `align_corners` and without half-pixel centres: output
    /// row `y` is at `y · in / out` of the input, interpolated between the rows above and below (the last row is its own
    /// row below), and columns likewise; all in f32.
    pub(crate) fn tensor(&self, photo: &Photo) -> Result<Tensor, eightbit_graph::Error> {
        let rows = axis(photo.height, self.height);
        let columns = axis(photo.width, self.width);
        let plane = self.height * self.width;
        let mut values = vec![0f32; plane * 3];
        for (y, row) in rows.iter().enumerate() {
            for (x, column) in columns.iter().enumerate() {
                let corner = |y, x| photo.pixel(y, x);
                let top = lerp(corner(row.low, column.low), corner(row.low, column.high), column.part);
                let bottom = lerp(corner(row.high, column.low), corner(row.high, column.high), column.part);
                let pixel = lerp(top, bottom, row.part);
                let index = y * self.width + x;
                for (channel, value) in pixel.into_iter().enumerate() {
                    let at = match self.layout {
                        Layout::Nchw => channel * plane + index,
                        Layout::Nhwc => index * 3 + channel,
                    };
                    values[at] = (value - self.mean[channel]) / self.std[channel];
                }
            }
        }
        Tensor::new(self.shape(), values)
    }
}

/// The position of an output row (or column) between two of the input.
struct Position {
    low: usize,
    high: usize,
    part: f32,
}

fn axis(from: usize, to: usize) -> Vec<Position> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|index| {
            let at = index as f32 * scale;
            let low = (at as usize).min(from - 1);
            Position { low, high: (low + 1).min(from - 1), part: at - low as f32 }
        })
        .collect()
}

fn lerp(from: [f32; 3], to: [f32; 3], part: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * part)
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
    use image::metadata::Orientation;

    fn format(height: usize, width: usize, layout: Layout) -> InputFormat {
        InputFormat { height, width, layout, mean: [0.0; 3], std: [1.0; 3] }
    }

    fn photo(size: [usize; 2], pixels: Vec<u8>) -> Photo {
        let file = Decoded { size, pixels, orientation: Orientation::NoTransforms, damage: None };
        Photo::new(file, false)
    }

    fn grey(height: usize, width: usize, values: &[u8]) -> Photo {
        photo([height, width], values.iter().flat_map(|&value| [value; 3]).collect())
    }

    fn first_channel(format: &InputFormat, photo: &Photo) -> Vec<f32> {
        let tensor = format.tensor(photo).expect("fits");
        tensor.as_f32().expect("f32")[..format.height * format.width].to_vec()
    }

    /// The positions are `out · in / out`: TensorFlow's own example of the legacy mode.
    #[test]
    fn no_half_pixel_centres_and_no_aligned_corners() {
        let photo = grey(2, 2, &[0, 60, 120, 240]);
        let twice = first_channel(&format(4, 4, Layout::Nchw), &photo);
        assert_eq!(twice[..4], [0.0, 30.0, 60.0, 60.0]);
        assert_eq!(twice[4..8], [60.0, 105.0, 150.0, 150.0]);
        assert_eq!(twice[12..], [120.0, 180.0, 240.0, 240.0]);
        let half = first_channel(&format(1, 2, Layout::Nchw), &grey(2, 4, &[1, 2, 3, 4, 5, 6, 7, 8]));
        assert_eq!(half, [1.0, 3.0]);
        let three_of_two = first_channel(&format(1, 3, Layout::Nchw), &grey(1, 2, &[0, 90]));
        assert_eq!(three_of_two[0], 0.0);
        assert!((three_of_two[1] - 60.0).abs() < 1e-4 && three_of_two[2] == 90.0);
    }

    #[test]
    fn layouts_hold_the_same_values() {
        let photo = photo([1, 2], vec![1, 2, 3, 4, 5, 6]);
        let mut wanted = format(1, 2, Layout::Nchw);
        wanted.mean = [1.0, 0.0, 0.0];
        wanted.std = [2.0, 1.0, 1.0];
        let nchw = wanted.tensor(&photo).expect("fits");
        assert_eq!(
            (nchw.shape(), nchw.as_f32().expect("f32")),
            (&[1, 3, 1, 2][..], &[0.0, 1.5, 2.0, 5.0, 3.0, 6.0][..])
        );
        wanted.layout = Layout::Nhwc;
        let nhwc = wanted.tensor(&photo).expect("fits");
        assert_eq!(
            (nhwc.shape(), nhwc.as_f32().expect("f32")),
            (&[1, 1, 2, 3][..], &[0.0, 2.0, 3.0, 1.5, 5.0, 6.0][..])
        );
    }

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
