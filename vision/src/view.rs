//! The orientation of a photo: from stored pixels to displayed ones.

use image::metadata::Orientation;

/// Maps displayed to stored pixels: transposed or not, then mirrored along rows, columns, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) transposed: bool,
    last_row_first: bool,
    last_column_first: bool,
}

impl View {
    pub(crate) fn new(orientation: Orientation) -> Self {
        use Orientation::*;
        let (transposed, last_row_first, last_column_first) = match orientation {
            NoTransforms => (false, false, false),
            FlipHorizontal => (false, false, true),
            FlipVertical => (false, true, false),
            Rotate180 => (false, true, true),
            Rotate90FlipH => (true, false, false),
            Rotate90 => (true, true, false),
            Rotate270 => (true, false, true),
            Rotate270FlipH => (true, true, true),
        };
        Self { transposed, last_row_first, last_column_first }
    }

    /// The row and column, in a file of `[rows, columns]`, of the pixel displayed at row `y` and column `x`.
    pub(crate) fn stored(self, [rows, columns]: [usize; 2], y: usize, x: usize) -> [usize; 2] {
        let [row, column] = if self.transposed { [x, y] } else { [y, x] };
        [
            if self.last_row_first { rows - 1 - row } else { row },
            if self.last_column_first { columns - 1 - column } else { column },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage};

    #[test]
    fn all_eight_are_those_of_the_crate_image() {
        let (rows, columns) = (2, 3);
        let stored: Vec<u8> = (0..6).collect();
        for number in 1..=8 {
            let orientation = Orientation::from_exif(number).expect("one of eight");
            let file = GrayImage::from_raw(columns as u32, rows as u32, stored.clone()).expect("six pixels");
            let mut shown = DynamicImage::from(file);
            shown.apply_orientation(orientation);
            let shown = shown.into_luma8();
            let view = View::new(orientation);
            assert_eq!(view.transposed, shown.dimensions() == (2, 3), "{orientation:?}");
            for (x, y, pixel) in shown.enumerate_pixels() {
                let [row, column] = view.stored([rows, columns], y as usize, x as usize);
                assert_eq!(stored[row * columns + column], pixel.0[0], "{orientation:?} at {y}, {x}");
            }
        }
    }
}
