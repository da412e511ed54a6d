//! Which pixels of a photo the rows and columns of a smaller image are made of.

/// How a photo whose sides have another ratio than the input's becomes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Resize {
    /// The whole photo, each side by itself, as TensorFlow's label_image does.
    #[default]
    Stretch,
    /// The sides keep their ratio: the photo covers the input, and what is left over at both ends of the longer side is cut off.
    Crop,
    /// The sides keep their ratio: the whole photo lies in the middle, and the rest has the colour of the mean, 0 in the input.
    Fit,
}

/// The position of an output row (or column) between two of the photo.
#[derive(Debug, PartialEq)]
pub(crate) struct Position {
    pub(crate) low: usize,
    pub(crate) high: usize,
    pub(crate) part: f32,
}

impl Resize {
    /// For each row and each column of an image of `to`, its position in a photo of `from` (rows, columns); `None` beside the photo.
    pub(crate) fn positions(self, from: [usize; 2], to: [usize; 2]) -> [Vec<Option<Position>>; 2] {
        let scaled = self.scaled(from, to);
        [0, 1].map(|axis| {
            let (from, scaled, to) = (from[axis], scaled[axis], to[axis]);
            // Of these two one is 0, or both are.
            let (before, cut) = (to.saturating_sub(scaled) / 2, scaled.saturating_sub(to) / 2);
            let position = |index: usize| {
                let index = (index + cut).checked_sub(before)?;
                (index < scaled).then(|| Position::new(index, from, scaled))
            };
            (0..to).map(position).collect()
        })
    }

    /// The size of the whole photo at the scale of the output.
    fn scaled(self, from: [usize; 2], to: [usize; 2]) -> [usize; 2] {
        // To the nearest pixel, and at least one.
        let other = |side: usize, own: usize, other: usize| {
            let product = side as u128 * 2 * other as u128;
            usize::try_from((product / own as u128).div_ceil(2)).unwrap_or(usize::MAX).max(1)
        };
        let is_wider = from[1] as u128 * to[0] as u128 >= to[1] as u128 * from[0] as u128;
        match (self, is_wider) {
            (Self::Stretch, _) => to,
            (Self::Crop, true) | (Self::Fit, false) => [to[0], other(to[0], from[0], from[1])],
            (Self::Crop, false) | (Self::Fit, true) => [other(to[1], from[1], from[0]), to[1]],
        }
    }
}

impl Position {
    /// As in TensorFlow's `ResizeBilinear` without `align_corners` and without half-pixel centres: output row `y` is at `y · in / out`
    /// of the input, between the rows above and below (the last row is its own row below).
    fn new(index: usize, from: usize, to: usize) -> Self {
        let at = index as f32 * (from as f32 / to as f32);
        let low = (at as usize).min(from - 1);
        Self { low, high: (low + 1).min(from - 1), part: at - low as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lows(positions: &[Option<Position>]) -> Vec<Option<usize>> {
        positions.iter().map(|position| position.as_ref().map(|position| position.low)).collect()
    }

    #[test]
    fn sides_keep_their_ratio() {
        for (from, to, crop, fit) in [
            ([300, 400], [30, 30], [30, 40], [23, 30]),
            ([400, 300], [30, 30], [40, 30], [30, 23]),
            ([100, 100], [50, 20], [50, 50], [20, 20]),
            ([7, 7], [14, 14], [14, 14], [14, 14]),
            ([1, 30000], [10, 10], [10, 300_000], [1, 10]),
        ] {
            assert_eq!(Resize::Crop.scaled(from, to), crop, "{from:?}");
            assert_eq!(Resize::Fit.scaled(from, to), fit, "{from:?}");
            assert_eq!(Resize::Stretch.scaled(from, to), to);
        }
    }

    #[test]
    fn crops_cut_both_ends_and_fits_pad_them() {
        let [rows, columns] = Resize::Crop.positions([2, 8], [2, 4]);
        assert_eq!(lows(&rows), [Some(0), Some(1)]);
        assert_eq!(lows(&columns), [Some(2), Some(3), Some(4), Some(5)]);
        let [rows, columns] = Resize::Fit.positions([2, 8], [4, 4]);
        assert_eq!(lows(&rows), [None, Some(0), None, None]);
        assert_eq!(lows(&columns), [Some(0), Some(2), Some(4), Some(6)]);
    }
}
