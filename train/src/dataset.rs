//! Examples: images and their classes.

use candle_core::{Device, Tensor};

use crate::Error;
use crate::random::Random;

/// Images of one size and the class of each.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Height, width, channels.
    shape: [usize; 3],
    /// `[image][row][column][channel]`.
    pixels: Vec<f32>,
    labels: Vec<u32>,
    classes: usize,
}

/// More classes are a mistake in labels.
const MOST_CLASSES: usize = 1 << 16;

impl Dataset {
    /// Images of `[height, width, channels]`, their channels within pixels (NHWC), and a class below `classes` for each.
    ///
    /// # Errors
    ///
    /// No image, images without a pixel, another number of pixels, a number that is not finite, a class that does not exist, fewer than 2
    /// classes or more than 65,536.
    pub fn new(shape: [usize; 3], pixels: Vec<f32>, labels: Vec<u32>, classes: usize) -> Result<Self, Error> {
        let size = shape.iter().try_fold(1usize, |size, &dim| size.checked_mul(dim));
        let [height, width, channels] = shape;
        let size = size.filter(|size| *size > 0).ok_or_else(|| {
            Error::argument("images", format!("{height} × {width} × {channels}: no pixel, or too many"))
        })?;
        if labels.is_empty() {
            return Err(Error::argument("images", "there is none"));
        }
        if size.checked_mul(labels.len()) != Some(pixels.len()) {
            let reason = format!(
                "{} numbers, but {} labels of images of {height} × {width} × {channels}",
                pixels.len(),
                labels.len()
            );
            return Err(Error::argument("images", reason));
        }
        if let Some(at) = pixels.iter().position(|pixel| !pixel.is_finite()) {
            return Err(Error::argument("images", format!("image {} has a pixel {}", at / size, pixels[at])));
        }
        if !(2..=MOST_CLASSES).contains(&classes) {
            let reason = format!("{classes} classes: there must be 2 to {MOST_CLASSES}");
            return Err(Error::argument("labels", reason));
        }
        if let Some(at) = labels.iter().position(|&label| label as usize >= classes) {
            let reason = format!("image {at} has class {}, of {classes} from 0", labels[at]);
            return Err(Error::argument("labels", reason));
        }
        Ok(Self { shape, pixels, labels, classes })
    }

    /// As [`new`](Self::new), from images whose channels are planes (NCHW), as ONNX has them.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new).
    pub fn from_planes(
        shape: [usize; 3],
        planes: &[f32],
        labels: Vec<u32>,
        classes: usize,
    ) -> Result<Self, Error> {
        let [height, width, channels] = shape;
        let plane = height.saturating_mul(width);
        let mut pixels = Vec::with_capacity(planes.len());
        for image in planes.chunks(plane.saturating_mul(channels).max(1)) {
            for at in 0..plane.min(image.len()) {
                pixels.extend(image.iter().skip(at).step_by(plane));
            }
        }
        Self::new(shape, pixels, labels, classes)
    }

    /// Height, width and channels of the images.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none, which [`new`](Self::new) refuses.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether a pixel is less than 0.
    pub fn is_signed(&self) -> bool {
        self.pixels.iter().any(|&pixel| pixel < 0.0)
    }

    /// Two parts, the second of about `fraction` of the images, at least one in each; which ones, depends on the seed.
    ///
    /// # Errors
    ///
    /// A fraction that is not between 0 and 1, fewer than two images.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), Error> {
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(Error::argument("fraction", format!("{fraction} is not between 0 and 1")));
        }
        if self.len() < 2 {
            return Err(Error::argument("images", "one image cannot be split in two parts"));
        }
        let order = Random::new(seed, 1).order(self.len());
        let second = ((self.len() as f64 * fraction).round() as usize).clamp(1, self.len() - 1);
        let (first, second) = order.split_at(self.len() - second);
        Ok((self.part(first), self.part(second)))
    }

    /// The images with these numbers.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    #[must_use]
    pub fn part(&self, images: &[usize]) -> Self {
        Self {
            pixels: self.pixels_of(images),
            labels: images.iter().map(|&image| self.labels[image]).collect(),
            ..*self
        }
    }

    /// An image with its channels as planes (NCHW).
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn planes(&self, image: usize) -> Vec<f32> {
        let channels = self.shape[2];
        let pixels = self.pixels_of(&[image]);
        (0..channels).flat_map(|channel| pixels.iter().skip(channel).step_by(channels)).copied().collect()
    }

    fn pixels_of(&self, images: &[usize]) -> Vec<f32> {
        let size: usize = self.shape.iter().product();
        let mut pixels = Vec::with_capacity(images.len() * size);
        images.iter().for_each(|&image| pixels.extend_from_slice(&self.pixels[image * size..][..size]));
        pixels
    }

    /// As [`batch`](Self::batch), each image moved by up to `shift` pixels up or down and left or right; what comes in is 0.
    pub(crate) fn shifted_batch(
        &self,
        images: &[usize],
        shift: usize,
        random: &mut Random,
    ) -> Result<Tensor, Error> {
        let [height, width, channels] = self.shape;
        let mut pixels = self.pixels_of(images);
        let mut moved = vec![0.0; height * width * channels];
        for image in pixels.chunks_exact_mut(moved.len()) {
            // From which row and column, plus `shift`, the first ones come.
            let [down, right] = [0; 2].map(|_| random.below(2 * shift + 1));
            moved.fill(0.0);
            for (y, row) in moved.chunks_exact_mut(width * channels).enumerate() {
                let Some(from) = (y + down).checked_sub(shift).filter(|from| *from < height) else {
                    continue;
                };
                let (first, last) = (shift.saturating_sub(right), width.min(width + shift - right));
                let source = (from * width + first + right - shift) * channels;
                let length = (last - first) * channels;
                row[first * channels..][..length].copy_from_slice(&image[source..][..length]);
            }
            image.copy_from_slice(&moved);
        }
        Ok(Tensor::from_vec(pixels, (images.len(), height, width, channels), &Device::Cpu)?)
    }

    /// Of shape, pixels and classes (FNV-1a), to tell other images from these.
    pub(crate) fn checksum(&self) -> u64 {
        let shape = self.shape.iter().chain([&self.classes]).map(|&size| size as u64);
        let pixels = self.pixels.iter().map(|pixel| u64::from(pixel.to_bits()));
        let numbers = shape.chain(pixels).chain(self.labels.iter().map(|&label| label.into()));
        numbers.fold(0xcbf2_9ce4_8422_2325, |sum, number| (sum ^ number).wrapping_mul(0x0100_0000_01b3))
    }

    /// Images as a tensor `[image, row, column, channel]`.
    pub(crate) fn batch(&self, images: &[usize]) -> Result<Tensor, Error> {
        let [height, width, channels] = self.shape;
        let shape = (images.len(), height, width, channels);
        Ok(Tensor::from_vec(self.pixels_of(images), shape, &Device::Cpu)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_and_pixels() {
        let planes: Vec<f32> = (0..24u8).map(f32::from).collect();
        let data = Dataset::from_planes([2, 3, 2], &planes, vec![0, 1], 2).unwrap();
        assert_eq!(data.pixels[..4], [0.0, 6.0, 1.0, 7.0]);
        assert_eq!(data.planes(1), planes[12..]);
    }

    #[test]
    fn images_move() {
        let pixels: Vec<f32> = (1..=9u8).map(f32::from).collect();
        let data = Dataset::new([3, 3, 1], pixels.clone(), vec![0], 2).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let mut random = Random::new(1, 1);
        for _ in 0..200 {
            let moved = data.shifted_batch(&[0], 1, &mut random).unwrap().flatten_all().unwrap();
            let moved = moved.to_vec1::<f32>().unwrap();
            let at = |y: isize, x: isize| {
                if (0..3).contains(&y) && (0..3).contains(&x) { pixels[(y * 3 + x) as usize] } else { 0.0 }
            };
            let of_shift = |down: isize, right: isize| -> Vec<f32> {
                (0..9).map(|i| at(i / 3 + down, i % 3 + right)).collect()
            };
            let shifts = (-1..=1).flat_map(|down| (-1..=1).map(move |right| (down, right)));
            seen.insert(
                shifts.into_iter().find(|&(down, right)| of_shift(down, right) == moved).expect("a shift"),
            );
        }
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn parts_are_disjoint_and_whole() {
        let pixels: Vec<f32> = (0..10u8).map(f32::from).collect();
        let data = Dataset::new([1, 1, 1], pixels.clone(), vec![0; 10], 2).unwrap();
        let (first, second) = data.split(0.3, 7).unwrap();
        assert_eq!((first.len(), second.len()), (7, 3));
        let mut all = [first.pixels, second.pixels].concat();
        assert_ne!(all, pixels);
        all.sort_by(f32::total_cmp);
        assert_eq!(all, pixels);
        assert!(data.split(1.0, 7).is_err() && data.split(f64::NAN, 7).is_err());
        assert_eq!(data.split(0.001, 7).unwrap().1.len(), 1);
    }

    #[test]
    fn what_is_no_dataset_is_refused() {
        let new = |shape, pixels: &[f32], labels: &[u32], classes| {
            Dataset::new(shape, pixels.to_vec(), labels.to_vec(), classes).is_err()
        };
        assert!(!new([1, 1, 1], &[0.0], &[0], 2));
        assert!(new([1, 1, 1], &[], &[], 2) && new([1, 0, 1], &[], &[0], 2));
        assert!(new([1, 2, 1], &[0.0], &[0], 2) && new([1, 1, 1], &[f32::NAN], &[0], 2));
        assert!(new([1, 1, 1], &[0.0], &[2], 2) && new([1, 1, 1], &[0.0], &[0], 1));
        assert!(new([usize::MAX, 2, 2], &[0.0], &[0], 2));
    }
}
