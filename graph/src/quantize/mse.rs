//! The range of least squared error: what is cut off against what is rounded.

use super::{Histogram, Range};

/// Positions tried for each end of the range at first; the best are refined bin by bin.
const POSITIONS: usize = 64;

/// The range that holds zero and whose 256 bytes represent the values counted with the least squared error; `None` before the first
/// value.
///
/// Values within a range of step `s` are off by `s² / 12` on average, those beyond an end by the square of their distance from it
/// (Choukroun et al. 2019, arXiv:1902.06822, section 3; here by the counts, not by an assumed distribution). Zero is exact.
pub fn mse_range(histogram: &Histogram) -> Option<Range> {
    mse_range_of(histogram, u8::MAX)
}

/// As [`mse_range`], for the bytes from 0 to `greatest`.
pub(super) fn mse_range_of(histogram: &Histogram, greatest: u8) -> Option<Range> {
    let (min, max) = histogram.extremes()?;
    let (min, max) = (f64::from(min).min(0.0), f64::from(max).max(0.0));
    let error = SquaredError::new(histogram, (min, max), greatest.into());
    let mut stride = (error.edges.len() / POSITIONS).max(1).next_power_of_two();
    let every = |from: usize, to: usize, stride: usize| (from..=to).step_by(stride).chain([to]);
    let firsts = every(0, error.zero, stride);
    let mut best = error.best(
        firsts.flat_map(|first| every(error.zero, error.last, stride).map(move |last| (first, last))),
    )?;
    while stride > 1 {
        stride /= 2;
        let around = |at: usize, from: usize, to: usize| {
            (-2isize..=2)
                .filter_map(move |steps| at.checked_add_signed(steps * stride as isize))
                .filter(move |at| (from..=to).contains(at))
        };
        let (first, last) = best;
        best = error.best(
            around(first, 0, error.zero)
                .flat_map(|first| around(last, error.zero, error.last).map(move |last| (first, last))),
        )?;
    }
    let (low, high) = error.ends(best);
    Some(Range { min: low as f32, max: high as f32 })
}

/// The squared error of ranges from one edge of a bin to another.
struct SquaredError {
    /// The edges of the bins that values lie in, and zero.
    edges: Vec<f64>,
    /// Of the values below each edge: their number, their sum and the sum of their squares.
    below: Vec<[f64; 3]>,
    /// The index of the edge at zero.
    zero: usize,
    /// The index of the last edge.
    last: usize,
    /// The number of values in the bins beside zero and in those of the extremes, which lie within a bin of what a byte stands for.
    near_zero: f64,
    near_min: f64,
    near_max: f64,
    width: f64,
    min: f64,
    max: f64,
    /// The steps of a range.
    steps: f64,
}

impl SquaredError {
    fn new(histogram: &Histogram, (min, max): (f64, f64), steps: f64) -> Self {
        let width = histogram.width();
        let within = |edge: f64| edge + width > min && edge <= max;
        let bins: Vec<(f64, f64)> = histogram
            .edges()
            .filter(|(edge, _)| within(*edge))
            .map(|(edge, count)| (edge, count as f64))
            .collect();
        let mut below = vec![[0.0; 3]];
        let mut sums = [0.0; 3];
        for &(edge, count) in &bins {
            let middle = edge + 0.5 * width;
            let [number, sum, squares] = sums;
            sums = [
                number + count,
                sum + count * middle,
                squares + count * (middle * middle + width * width / 12.0),
            ];
            below.push(sums);
        }
        let first = bins.first().map_or(0.0, |(edge, _)| *edge);
        let edges: Vec<f64> = (0..=bins.len()).map(|index| first + index as f64 * width).collect();
        // A histogram has an edge at zero.
        let zero = edges.iter().position(|&edge| edge >= 0.0).unwrap_or(0);
        let count = |fits: &dyn Fn(f64) -> bool| -> f64 {
            bins.iter().filter(|(edge, _)| fits(*edge)).map(|(_, count)| count).sum()
        };
        let is_near_zero = |edge: f64| (-width..=0.0).contains(&edge);
        let near_zero = count(&is_near_zero);
        let near_min = count(&|edge| edge <= min && !is_near_zero(edge));
        let near_max = count(&|edge| edge + width > max && !is_near_zero(edge));
        Self { last: bins.len(), edges, below, zero, near_zero, near_min, near_max, width, min, max, steps }
    }

    /// The ends of a range, none of them beyond the values.
    fn ends(&self, (first, last): (usize, usize)) -> (f64, f64) {
        let edge = |index: usize| self.edges.get(index).copied().unwrap_or(0.0);
        (edge(first).clamp(self.min, 0.0), edge(last).clamp(0.0, self.max))
    }

    /// The range of least error.
    fn best(&self, ranges: impl Iterator<Item = (usize, usize)>) -> Option<(usize, usize)> {
        ranges.map(|range| (self.of(range), range)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, range)| range)
    }

    fn of(&self, range: (usize, usize)) -> f64 {
        let (low, high) = self.ends(range);
        let below = |index: usize| self.below.get(index).copied().unwrap_or_default();
        let (under, until, all) = (below(range.0), below(range.1), below(self.last));
        let over = [0, 1, 2].map(|power| all[power] - until[power]);
        let beyond = |[number, sum, squares]: [f64; 3], end: f64| {
            (squares - 2.0 * end * sum + end * end * number).max(0.0)
        };
        let rounding = ((high - low) / self.steps).powi(2) / 12.0;
        let near_min = if range.0 == 0 { self.near_min } else { 0.0 };
        let near_max = if range.1 == self.last { self.near_max } else { 0.0 };
        let inside = until[0] - under[0];
        let near = (self.near_zero + near_min + near_max).min(inside);
        let within_bin = self.width * self.width / 3.0;
        beyond(under, low) + beyond(over, high) + (inside - near) * rounding + near * rounding.min(within_bin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::Affine;

    /// The mean squared error of the values' bytes.
    fn error(values: &[f32], range: Range) -> f64 {
        let affine = Affine::covering(range);
        let square = |&value: &f32| f64::from(affine.dequantize(affine.quantize(value)) - value).powi(2);
        values.iter().map(square).sum::<f64>() / values.len() as f64
    }

    /// Sums of uniform numbers, each to this power, so that some lie far out.
    fn numbers(power: i32) -> Vec<f32> {
        let mut state = 3u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..20_000).map(|_| (0..6).map(|_| uniform()).sum::<f32>().powi(power)).collect()
    }

    #[test]
    fn no_range_has_a_smaller_error() {
        let plain = numbers(1);
        let positive: Vec<f32> = numbers(3).iter().map(|value| value.max(0.0)).collect();
        let outlier: Vec<f32> = plain.iter().copied().chain([-300.0]).collect();
        let shifted: Vec<f32> = plain.iter().map(|value| 0.2 * value + 1.0).collect();
        for values in [plain, positive, outlier, numbers(5), shifted] {
            let mut histogram = Histogram::new();
            histogram.add("x", &values).expect("finite");
            let found = error(&values, mse_range(&histogram).expect("not empty"));
            let (min, max) = histogram.extremes().expect("not empty");
            let parts = 50;
            let share = |end: f32, part: usize| end * part as f32 / parts as f32;
            let ranges = (0..=parts).flat_map(|low| (1..=parts).map(move |high| (low, high)));
            let least = ranges
                .map(|(low, high)| {
                    error(&values, Range { min: share(min.min(0.0), low), max: share(max, high) })
                })
                .fold(f64::INFINITY, f64::min);
            assert!(found <= 1.03 * least, "{found} is more than {least} for {min} to {max}");
        }
    }

    #[test]
    fn few_values_are_kept() {
        let range = |values: &[f32]| {
            let mut histogram = Histogram::new();
            histogram.add("x", values).expect("finite");
            mse_range(&histogram)
        };
        assert_eq!(range(&[]), None);
        assert_eq!(range(&[0.0, -0.0]), Some(Range { min: 0.0, max: 0.0 }));
        assert_eq!(range(&[6.0; 9]), Some(Range { min: 0.0, max: 6.0 }));
        assert_eq!(range(&[-2.0, 2.0]), Some(Range { min: -2.0, max: 2.0 }));
        assert_eq!(range(&[f32::MAX, f32::MIN]), Some(Range { min: f32::MIN, max: f32::MAX }));
    }
}
