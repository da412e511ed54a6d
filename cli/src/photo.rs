//! From a PNG or JPEG file to a model's input, as TensorFlow's `label_image` does it.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use eightbit_graph::Tensor;
use image::{ImageReader, Limits};

use crate::builtin::BuiltinPhoto;
use crate::error::CliError;

/// Photos beyond this many pixels a side are refused: a file of some bytes may claim any size.
const SIDE_LIMIT: u32 = 1 << 15;
/// What decoding one photo may allocate.
const ALLOCATION_LIMIT: u64 = 512 << 20;

/// A decoded photo: 3 bytes (red, green, blue) a pixel, row by row, top row first.
pub(crate) struct Photo {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<u8>,
}

impl Photo {
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let bytes = std::fs::read(path).map_err(|source| CliError::read(path, source))?;
        Self::decode(&bytes, path)
    }

    pub(crate) fn builtin(photo: &BuiltinPhoto) -> Result<Self, CliError> {
        Self::decode(photo.bytes, Path::new(photo.name))
    }

    /// Decodes PNG or JPEG, told apart by their first bytes. Grey becomes three equal channels, transparency is dropped.
    fn decode(bytes: &[u8], path: &Path) -> Result<Self, CliError> {
        let photo = |reason: String| CliError::Photo { path: path.to_owned(), reason };
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE_LIMIT);
        limits.max_image_height = Some(SIDE_LIMIT);
        limits.max_alloc = Some(ALLOCATION_LIMIT);
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| photo(error.to_string()))?;
        reader.limits(limits);
        let image = reader.decode().map_err(|error| photo(error.to_string()))?.into_rgb8();
        let (width, height) = (image.width() as usize, image.height() as usize);
        if width == 0 || height == 0 {
            return Err(photo("it has no pixels".to_owned()));
        }
        Ok(Self { width, height, pixels: image.into_raw() })
    }

    fn pixel(&self, y: usize, x: usize) -> [f32; 3] {
        let start = (y * self.width + x) * 3;
        [0, 1, 2].map(|channel| f32::from(self.pixels[start + channel]))
    }
}

/// The order of a model's input in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Channels before pixels, as PyTorch exports it: `[1, 3, height, width]`.
    Nchw,
    /// Channels within pixels, as TensorFlow exports it: `[1, height, width, 3]`.
    Nhwc,
}

/// What a model wants of a photo.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputFormat {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) layout: Layout,
    /// Subtracted from each channel (red, green, blue) of a pixel, which is 0 to 255.
    pub(crate) mean: [f32; 3],
    /// What each channel is divided by thereafter.
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
    /// Resized as TensorFlow's `ResizeBilinear` without `align_corners` and without half-pixel centres: output
    /// row `y` is at `y · in / out` of the input, between the row above and the one below (the last row stands in
    /// for the one below itself), and columns likewise; all in f32.
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

/// Where an output row (or column) lies between two of the input.
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

/// The photos that `paths` name: files as they are, of folders every `.png`, `.jpg` and `.jpeg` in them (not in
/// folders below), by name.
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
            if has_photo_name(&entry) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    fn format(height: usize, width: usize, layout: Layout) -> InputFormat {
        InputFormat { height, width, layout, mean: [0.0; 3], std: [1.0; 3] }
    }

    fn grey(height: usize, width: usize, values: &[u8]) -> Photo {
        Photo { width, height, pixels: values.iter().flat_map(|&value| [value; 3]).collect() }
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
        let photo = Photo { width: 2, height: 1, pixels: vec![1, 2, 3, 4, 5, 6] };
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

    #[test]
    fn damaged_photos_are_errors() {
        let whole = builtin::PHOTO.bytes;
        let path = Path::new("p.jpg");
        for bytes in [&b""[..], b"hello", &whole[..100], &builtin::PHOTOS[1].bytes[..5000]] {
            assert!(matches!(Photo::decode(bytes, path), Err(CliError::Photo { .. })));
        }
    }
}
