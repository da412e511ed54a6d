//! From a photo to a network's input, as in TensorFlow's `label_image`.

use eightbit_graph::{Error, Tensor, element_count};

use crate::decode::SIDE_LIMIT;
use crate::resize::Position;
use crate::{Photo, Resize};

/// The most elements of a photo's tensor: a gibibyte of floats. A file may claim any shape.
const MAX_ELEMENTS: usize = 1 << 28;

/// The memory layout of a model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Layout {
    /// Channels before pixels, as PyTorch exports it: `[1, 3, height, width]`.
    Nchw,
    /// Channels within pixels, as TensorFlow exports it: `[1, height, width, 3]`.
    Nhwc,
}

/// How a model's input represents a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFormat {
    /// In pixels.
    pub height: usize,
    /// In pixels.
    pub width: usize,
    /// 3 (red, green, blue), or 1: the luma.
    pub channels: usize,
    /// The order of the dimensions.
    pub layout: Layout,
    /// What happens to a photo whose sides have another ratio.
    pub resize: Resize,
    /// Subtracted from each channel (red, green, blue) of a pixel, which is 0 to 255. A single channel takes the first.
    pub mean: [f32; 3],
    /// The divisor of each channel after that.
    pub std: [f32; 3],
}

impl InputFormat {
    /// The shape of a tensor of this format.
    pub fn shape(&self) -> [usize; 4] {
        match self.layout {
            Layout::Nchw => [1, self.channels, self.height, self.width],
            Layout::Nhwc => [1, self.height, self.width, self.channels],
        }
    }

    /// The number of pixels, if they fit in memory.
    fn plane(&self) -> Result<usize, Error> {
        if !matches!(self.channels, 1 | 3) {
            return Err(Error::argument("channels", format!("must be 1 or 3, found {}", self.channels)));
        }
        let is_long = self.height.max(self.width) > SIDE_LIMIT;
        match element_count(&self.shape())? {
            _ if is_long => Err(Error::tensor(
                &self.shape(),
                format!("more than {SIDE_LIMIT} pixels per side, the limit for a photo"),
            )),
            0..=MAX_ELEMENTS => Ok(self.height * self.width),
            _ => Err(Error::tensor(
                &self.shape(),
                format!("more than {MAX_ELEMENTS} elements, the limit for a photo"),
            )),
        }
    }

    /// The photo, resized and normalized: `(pixel − mean) / std`, and 0 beside the photo. All in f32.
    ///
    /// # Errors
    ///
    /// Another number of channels than 1 and 3, and a shape that is too large.
    pub fn tensor(&self, photo: &Photo) -> Result<Tensor, Error> {
        let plane = self.plane()?;
        let [rows, columns] =
            self.resize.positions([photo.height(), photo.width()], [self.height, self.width]);
        let mut values = vec![0f32; plane * self.channels];
        for (y, row) in rows.iter().enumerate() {
            for (x, column) in columns.iter().enumerate() {
                let (Some(row), Some(column)) = (row, column) else { continue };
                let pixel = blended(photo, row, column);
                let pixel = if self.channels == 1 { [luma(pixel); 3] } else { pixel };
                let index = y * self.width + x;
                for (channel, value) in pixel.into_iter().enumerate().take(self.channels) {
                    let at = match self.layout {
                        Layout::Nchw => channel * plane + index,
                        Layout::Nhwc => index * self.channels + channel,
                    };
                    values[at] = (value - self.mean[channel]) / self.std[channel];
                }
            }
        }
        Tensor::new(self.shape(), values)
    }
}

/// The photo between two rows and two columns.
fn blended(photo: &Photo, row: &Position, column: &Position) -> [f32; 3] {
    let corner = |y, x| photo.pixel(y, x).map(f32::from);
    let top = lerp(corner(row.low, column.low), corner(row.low, column.high), column.part);
    let bottom = lerp(corner(row.high, column.low), corner(row.high, column.high), column.part);
    lerp(top, bottom, row.part)
}

fn lerp(from: [f32; 3], to: [f32; 3], part: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * part)
}

/// The luma of ITU-R BT.601 (section 2.5.1), as in JPEG files: 0.299 R + 0.587 G + 0.114 B. In thousandths, grey stays what it is.
fn luma([red, green, blue]: [f32; 3]) -> f32 {
    (299.0 * red + 587.0 * green + 114.0 * blue) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decoded;
    use image::metadata::Orientation;

    fn format(height: usize, width: usize, layout: Layout) -> InputFormat {
        let resize = Resize::Stretch;
        InputFormat { height, width, channels: 3, layout, resize, mean: [0.0; 3], std: [1.0; 3] }
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
    fn crops_and_fits_keep_the_sides_ratio() {
        let wide = grey(1, 4, &[10, 20, 30, 40]);
        let mut wanted = format(2, 2, Layout::Nchw);
        wanted.mean = [5.0; 3];
        wanted.resize = Resize::Crop;
        // Twice as large, 2×8; the middle begins at column 3, at 1.5 of the photo.
        assert_eq!(first_channel(&wanted, &wide), [20.0, 25.0, 20.0, 25.0]);
        wanted.resize = Resize::Fit;
        // Half as large, one row: the other one is the mean.
        assert_eq!(first_channel(&wanted, &wide), [5.0, 25.0, 0.0, 0.0]);
    }

    #[test]
    fn formats_that_no_photo_has_are_refused() {
        let of = |height, width, channels| InputFormat { channels, ..format(height, width, Layout::Nchw) };
        for wrong in [of(2, 2, 0), of(2, 2, 4), of(usize::MAX, 2, 3), of(1 << 14, 1 << 14, 3)] {
            assert!(wrong.tensor(&grey(1, 1, &[0])).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn one_channel_is_the_luma() {
        let mut wanted = format(1, 2, Layout::Nhwc);
        wanted.channels = 1;
        let colours = wanted.tensor(&photo([1, 2], vec![255, 0, 0, 7, 7, 7])).expect("fits");
        assert_eq!(
            (colours.shape(), colours.as_f32().expect("f32")),
            (&[1, 1, 2, 1][..], &[76.245, 7.0][..])
        );
    }
}
