//! What is taken for granted of an input of the graph.

use super::moments::Moments;
use crate::quantize::Range;

/// The elements of an input, in all its channels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputMoments {
    /// From the smallest to the largest.
    pub range: Range,
    /// Their mean.
    pub mean: f32,
    /// Their standard deviation.
    pub deviation: f32,
}

impl InputMoments {
    /// Photos whose black and white are the ends of `range`: their mean lies at 0.45 of it, and they deviate from it by 0.27.
    ///
    /// By the mean (0.485, 0.456, 0.406) of ImageNet's photos, and by the deviation of all their pixels, which is larger than the mean
    /// deviation within a photo (0.225) that is used to normalize them.
    pub fn photos(range: Range) -> Self {
        let width = range.max - range.min;
        Self { range, mean: range.min + 0.45 * width, deviation: 0.27 * width.abs() }
    }

    /// Numbers that lie evenly over `range`.
    pub fn uniform(range: Range) -> Self {
        let width = range.max - range.min;
        // The variance of a uniform distribution is a twelfth of the square of its width.
        Self { range, mean: range.min + 0.5 * width, deviation: width.abs() / 12f32.sqrt() }
    }

    pub(super) fn moments(&self) -> Moments {
        let Range { min, max } = self.range;
        let (low, high) = (f64::from(min.min(max)), f64::from(max.max(min)));
        Moments { mean: f64::from(self.mean), deviation: f64::from(self.deviation.abs()), low, high }
    }
}
