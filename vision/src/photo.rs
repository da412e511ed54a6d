//! From a PNG or JPEG file to pixels in their displayed orientation.

use std::path::Path;

use eightbit_graph::read_limited;

use crate::PhotoError;
use crate::decode::{self, Decoded};
use crate::view::View;

/// The most bytes of a photo's file; photos within the decoding limit are smaller.
pub const FILE_LIMIT: u64 = decode::MEMORY_LIMIT;

/// How photos are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhotoOptions {
    /// Accept JPEG photos that are damaged or truncated, as far as they go: see [`Photo::damage`].
    pub lenient: bool,
    /// Ignore the orientation that the file asks viewers for.
    pub ignore_orientation: bool,
}

/// A decoded photo in its displayed orientation.
#[derive(Clone, Debug)]
pub struct Photo {
    width: usize,
    height: usize,
    /// Rows and columns as stored in the file.
    stored: [usize; 2],
    view: View,
    /// 3 bytes (red, green, blue) per pixel, as stored in the file.
    pixels: Vec<u8>,
    damage: Option<String>,
}

impl Photo {
    /// Reads the file `path`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or is no photo, is damaged, or too large.
    pub fn read(path: impl AsRef<Path>, options: PhotoOptions) -> Result<Self, PhotoError> {
        Self::decode(read_limited(path.as_ref(), FILE_LIMIT)?, options)
    }

    /// Decodes the bytes of a file. Grey becomes three equal channels, transparency is dropped.
    ///
    /// # Errors
    ///
    /// Bytes that are no photo, a damaged one, or one that is too large.
    pub fn decode(bytes: Vec<u8>, options: PhotoOptions) -> Result<Self, PhotoError> {
        Ok(Self::new(decode::decode(bytes, options.lenient)?, options.ignore_orientation))
    }

    /// A photo that is decoded already: `[height][width][3]` bytes, red, green and blue.
    ///
    /// # Errors
    ///
    /// No pixels, and another number of bytes than these sizes have.
    pub fn from_rgb(height: usize, width: usize, pixels: Vec<u8>) -> Result<Self, PhotoError> {
        let bytes = height.checked_mul(width).and_then(|count| count.checked_mul(3));
        if pixels.is_empty() || bytes != Some(pixels.len()) {
            let reason = format!("{} bytes are not {height}×{width} pixels of 3 bytes", pixels.len());
            return Err(PhotoError::Damaged(reason));
        }
        let view = View::default();
        Ok(Self { width, height, stored: [height, width], view, pixels, damage: None })
    }

    pub(crate) fn new(file: Decoded, ignore_orientation: bool) -> Self {
        let view = if ignore_orientation { View::default() } else { View::new(file.orientation) };
        let [rows, columns] = file.size;
        let [height, width] = if view.transposed { [columns, rows] } else { [rows, columns] };
        Self { width, height, stored: file.size, view, pixels: file.pixels, damage: file.damage }
    }

    /// The width as displayed, in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The height as displayed, in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// What is damaged, if that was accepted; missing parts are grey.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// The bytes, red, green and blue, of the pixel at row `y` and column `x` as displayed; `None` outside.
    pub fn rgb(&self, y: usize, x: usize) -> Option<[u8; 3]> {
        (y < self.height && x < self.width).then(|| self.pixel(y, x))
    }

    /// All pixels as displayed, row by row: `[height][width][3]`.
    pub fn to_rgb(&self) -> Vec<u8> {
        if self.view == View::default() {
            return self.pixels.clone();
        }
        let rows = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (y, x)));
        rows.flat_map(|(y, x)| self.pixel(y, x)).collect()
    }

    pub(crate) fn pixel(&self, y: usize, x: usize) -> [u8; 3] {
        let [row, column] = self.view.stored(self.stored, y, x);
        let start = (row * self.stored[1] + column) * 3;
        [0, 1, 2].map(|channel| self.pixels[start + channel])
    }
}

#[cfg(test)]
mod tests {
    use eightbit_models::{GRACE_HOPPER, PHOTOS};

    use super::*;

    fn decode(bytes: &[u8], lenient: bool) -> Result<Photo, PhotoError> {
        Photo::decode(bytes.to_vec(), PhotoOptions { lenient, ..PhotoOptions::default() })
    }

    #[test]
    fn the_built_in_photos_decode() {
        for photo in PHOTOS {
            let decoded = decode(photo.bytes, false).expect("a photo");
            assert_eq!(decoded.pixels.len(), decoded.width * decoded.height * 3, "{}", photo.name);
            assert_eq!(decoded.damage(), None);
        }
    }

    #[test]
    fn pixels_are_as_displayed() {
        let file =
            |orientation| Decoded { size: [1, 2], pixels: vec![1, 2, 3, 4, 5, 6], orientation, damage: None };
        let upright = Photo::new(file(image::metadata::Orientation::NoTransforms), false);
        assert_eq!((upright.to_rgb(), upright.rgb(0, 1)), (vec![1, 2, 3, 4, 5, 6], Some([4, 5, 6])));
        let turned = Photo::new(file(image::metadata::Orientation::Rotate180), false);
        assert_eq!((turned.to_rgb(), turned.rgb(0, 1)), (vec![4, 5, 6, 1, 2, 3], Some([1, 2, 3])));
        assert_eq!((turned.rgb(1, 0), turned.rgb(0, 2)), (None, None));
        let given = Photo::from_rgb(1, 2, vec![1, 2, 3, 4, 5, 6]).expect("two pixels");
        assert_eq!(given.to_rgb(), upright.to_rgb());
        assert!(Photo::from_rgb(2, 2, vec![0; 6]).is_err() && Photo::from_rgb(0, 2, Vec::new()).is_err());
        assert!(Photo::from_rgb(usize::MAX, 2, vec![0; 6]).is_err());
    }

    #[test]
    fn damaged_photos_are_errors() {
        let whole = GRACE_HOPPER.bytes;
        for bytes in [&b""[..], b"hello", &whole[..100], &PHOTOS[1].bytes[..5000]] {
            for lenient in [false, true] {
                assert!(matches!(decode(bytes, lenient), Err(PhotoError::Damaged(_))));
            }
        }
    }

    #[test]
    fn jpeg_photos_that_end_early_or_are_damaged_inside_are_taken_on_request() {
        let whole = GRACE_HOPPER.bytes;
        let half = &whole[..whole.len() / 2];
        // No Huffman code consists of ones only.
        let inside = [half, &[0xff, 0].repeat(64), &whole[half.len()..]].concat();
        for bytes in [half, &whole[..whole.len() - 2], &inside] {
            assert!(matches!(decode(bytes, false), Err(PhotoError::Incomplete(_))));
            let photo = decode(bytes, true).expect("a part of it");
            assert_eq!(photo.pixels.len(), photo.width * photo.height * 3);
            assert!(photo.damage().is_some());
        }
    }
}
