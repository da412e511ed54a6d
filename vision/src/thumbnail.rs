//! Small pictures of photos.

use eightbit_graph::Error;
use image::ImageEncoder;
use image::codecs::png::PngEncoder;

use crate::{InputFormat, Layout, Photo, Resize};

impl Photo {
    /// The whole photo as a PNG file whose longer side has at most `side` pixels.
    ///
    /// # Errors
    ///
    /// A picture that is too large for the format.
    pub fn thumbnail(&self, side: usize) -> Result<Vec<u8>, Error> {
        let longer = self.width().max(self.height()).max(1);
        let shown = side.min(longer);
        let scaled = |size: usize| (size * shown / longer).max(1);
        let (width, height) = (scaled(self.width()), scaled(self.height()));
        let format = InputFormat {
            height,
            width,
            channels: 3,
            layout: Layout::Nhwc,
            resize: Resize::Stretch,
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        let pixels = format.tensor(self)?.into_values::<f32>()?;
        let pixels: Vec<u8> = pixels.into_iter().map(|value| value.round() as u8).collect();
        let mut file = Vec::new();
        let [columns, rows] = [width, height].map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        PngEncoder::new(&mut file)
            .write_image(&pixels, columns, rows, image::ExtendedColorType::Rgb8)
            .map_err(|error| Error::argument("photo", error.to_string()))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PhotoOptions;

    #[test]
    fn sides_keep_their_ratio() {
        let photo = Photo::decode(eightbit_models::GRACE_HOPPER.bytes.to_vec(), PhotoOptions::default())
            .expect("a photo");
        let small = image::load_from_memory(&photo.thumbnail(64).expect("a picture")).expect("a PNG file");
        let (width, height) = (small.width() as usize, small.height() as usize);
        assert_eq!(width.max(height), 64);
        assert!(
            (width * photo.height()).abs_diff(height * photo.width()) <= photo.width().max(photo.height())
        );
    }
}
