//! A streaming histogram in constant memory.

use crate::Error;

/// The number of bins of a [`Histogram`]. With zero always inside, the wider side of the range spans at least a quarter of
/// them, so a percentile is exact to 1/1024 of the range or better.
pub const BINS: usize = 4096;

/// Counts of finite `f32` values over bins whose width is a power of two.
///
/// Bin `i` holds the values in `[i·2ᵉ, (i+1)·2ᵉ)`; the bins kept are `BINS` consecutive ones, bin 0 among them.
/// A value outside the window moves the window or doubles the width. Doubling only merges bins `2i` and `2i+1`: a count is
/// never split or estimated, so the result does not depend on the order of the values.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// e: a bin is `2ᵉ` wide.
    exponent: i32,
    /// Index of the first bin kept.
    start: i64,
    counts: Vec<u64>,
    total: u64,
    min: f32,
    max: f32,
}

/// The initial width of the bins: the smallest positive `f32`.
const FINEST: i32 = -149;

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// The memory that one takes.
    pub(super) const BYTES: u64 = (BINS * size_of::<u64>()) as u64;

    /// An empty histogram.
    pub fn new() -> Self {
        Self {
            exponent: FINEST,
            start: 0,
            counts: vec![0; BINS],
            total: 0,
            min: f32::INFINITY,
            max: f32::NEG_INFINITY,
        }
    }

    /// The number of values counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The smallest and the largest value, exactly; `None` before the first value.
    pub fn extremes(&self) -> Option<(f32, f32)> {
        (self.total > 0).then_some((self.min, self.max))
    }

    /// The width of the bins.
    pub(super) fn width(&self) -> f64 {
        power_of_two(self.exponent)
    }

    /// The lower edge of each bin and its count, in ascending order. One of the edges is 0.
    pub(super) fn edges(&self) -> impl Iterator<Item = (f64, u64)> {
        let width = self.width();
        (self.start..).zip(&self.counts).map(move |(bin, &count)| (bin as f64 * width, count))
    }

    /// The lower and upper edge of each bin that holds values, and their number.
    pub fn bins(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        let width = self.width();
        self.edges().filter(|(_, count)| *count > 0).map(move |(edge, count)| (edge, edge + width, count))
    }

    /// Counts `values`.
    ///
    /// # Errors
    ///
    /// A NaN or an infinity among them: [`Error::InvalidValue`] that names the value `name`; nothing is counted.
    pub fn add(&mut self, name: &str, values: &[f32]) -> Result<(), Error> {
        let (mut min, mut max) = (f32::INFINITY, f32::NEG_INFINITY);
        for (index, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                return Err(Error::value(
                    name,
                    format!(
                        "element {index} is {value}: a range needs finite numbers; look for the input or the \
                         layer that overflows"
                    ),
                ));
            }
            min = min.min(value);
            max = max.max(value);
        }
        if values.is_empty() {
            return Ok(());
        }
        self.cover(min, max);
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.total += values.len() as u64;
        let per_unit = power_of_two(-self.exponent);
        for &value in values {
            // `cover` makes every index fit the window; a wrong bin would panic rather than miscount.
            let bin = (f64::from(value) * per_unit).floor() as i64 - self.start;
            self.counts[bin as usize] += 1;
        }
        Ok(())
    }

    /// The `quantile` of the values, 0 to 1, from above: at most `1 − quantile` of them are larger. Exact to one
    /// bin, never beyond the largest value; `None` before the first value.
    pub fn upper(&self, quantile: f64) -> Option<f32> {
        let (min, max) = self.extremes()?;
        let mut allowed = self.tail(1.0 - quantile);
        for (index, &count) in self.counts.iter().enumerate().rev() {
            if count > allowed {
                return Some(self.edge(index + 1).clamp(min, max));
            }
            allowed -= count;
        }
        Some(min)
    }

    /// The `quantile` of the values, 0 to 1, from below: at most `quantile` of them are smaller. Exact to one bin,
    /// never beyond the smallest value; `None` before the first value.
    pub fn lower(&self, quantile: f64) -> Option<f32> {
        let (min, max) = self.extremes()?;
        let mut allowed = self.tail(quantile);
        for (index, &count) in self.counts.iter().enumerate() {
            if count > allowed {
                return Some(self.edge(index).clamp(min, max));
            }
            allowed -= count;
        }
        Some(max)
    }

    /// The most values that a tail of this share holds.
    fn tail(&self, share: f64) -> u64 {
        (self.total as f64 * share.clamp(0.0, 1.0)).floor() as u64
    }

    /// The lower edge of the kept bin `index`.
    fn edge(&self, index: usize) -> f32 {
        ((self.start + index as i64) as f64 * power_of_two(self.exponent)) as f32
    }

    /// Widens and moves the window until it holds zero, everything counted so far, and `min` to `max`.
    fn cover(&mut self, min: f32, max: f32) {
        let (min, max) = (min.min(self.min).min(0.0), max.max(self.max).max(0.0));
        let bins = |exponent: i32| {
            let per_unit = power_of_two(-exponent);
            ((f64::from(min) * per_unit).floor() as i64, (f64::from(max) * per_unit).floor() as i64)
        };
        // The wider side alone needs 2^(its exponent − e) bins; starting there keeps the indices small.
        let largest = f64::from(max.max(-min));
        let at_least = if largest > 0.0 { largest.log2().floor() as i32 - 12 } else { self.exponent };
        let mut exponent = self.exponent.max(at_least);
        let (mut first, mut last) = bins(exponent);
        while last - first >= BINS as i64 {
            exponent += 1;
            (first, last) = bins(exponent);
        }
        if exponent == self.exponent && first >= self.start && last < self.start + BINS as i64 {
            return;
        }
        let shift = (exponent - self.exponent).min(63);
        let mut counts = vec![0u64; BINS];
        for (index, &count) in self.counts.iter().enumerate() {
            if count > 0 {
                // An arithmetic shift rounds towards −∞, as the floor of a division by 2ˢ does.
                let bin = ((self.start + index as i64) >> shift) - first;
                counts[bin as usize] += count;
            }
        }
        (self.exponent, self.start, self.counts) = (exponent, first, counts);
    }
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from(exponent).exp2()
}

/// The histogram of `values`, which are finite.
#[cfg(test)]
pub(super) fn histogram(values: &[f32]) -> Histogram {
    let mut histogram = Histogram::new();
    histogram.add("x", values).expect("finite");
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_extremes_are_exact() {
        let values: Vec<f32> = (0..10_000).map(|i| (i as f32 - 3000.0) * 0.37).collect();
        let whole = histogram(&values);
        assert_eq!(whole.extremes(), Some((values[0], values[9999])));
        assert_eq!(whole.counts.iter().sum::<u64>(), 10_000);
        // One value at a time, in reverse order, with a growing range: the same bins.
        let mut grown = Histogram::new();
        for value in values.iter().rev() {
            grown.add("x", std::slice::from_ref(value)).expect("finite");
        }
        assert_eq!(whole.exponent, grown.exponent);
        for index in 0..BINS {
            let global = whole.start + index as i64;
            let there = usize::try_from(global - grown.start).ok().and_then(|i| grown.counts.get(i)).copied();
            assert_eq!(whole.counts[index], there.unwrap_or(0), "bin {global}");
        }
    }

    #[test]
    fn percentiles_cut_no_more_than_asked() {
        let values: Vec<f32> = (0..100_000).map(|i| i as f32 / 1000.0).collect();
        let histogram = histogram(&values);
        for quantile in [0.5, 0.99, 0.9999, 1.0] {
            let upper = histogram.upper(quantile).expect("not empty");
            let cut = values.iter().filter(|&&v| v > upper).count() as f64;
            assert!(cut <= (1.0 - quantile) * 100_000.0 + 1e-6, "{quantile}: {cut} cut");
            assert!((f64::from(upper) - quantile * 100.0).abs() < 0.1, "{quantile}: {upper}");
            let lower = histogram.lower(1.0 - quantile).expect("not empty");
            assert!((f64::from(lower) - (1.0 - quantile) * 100.0).abs() < 0.1, "{quantile}: {lower}");
        }
        assert_eq!((histogram.lower(0.0), histogram.upper(1.0)), (Some(0.0), Some(99.999)));
    }

    #[test]
    fn one_outlier_does_not_move_a_percentile() {
        let mut values = vec![1.0f32; 100_000];
        values.push(8.0);
        let histogram = histogram(&values);
        assert!(histogram.upper(0.9999).expect("not empty") < 1.01);
        assert_eq!(histogram.upper(1.0), Some(8.0));
    }

    #[test]
    fn extreme_numbers_are_counted() {
        let tiny = f32::from_bits(1);
        let mut histogram = Histogram::new();
        histogram.add("x", &[0.0, -0.0]).expect("finite");
        assert_eq!(histogram.extremes(), Some((0.0, 0.0)));
        histogram.add("x", &[tiny, -tiny]).expect("finite");
        assert_eq!(histogram.extremes(), Some((-tiny, tiny)));
        histogram.add("x", &[f32::MAX, f32::MIN, 1.0]).expect("finite");
        assert_eq!(histogram.extremes(), Some((f32::MIN, f32::MAX)));
        assert_eq!(histogram.counts.iter().sum::<u64>(), 7);
        assert_eq!((histogram.lower(0.0), histogram.upper(1.0)), (Some(f32::MIN), Some(f32::MAX)));
    }

    #[test]
    fn what_is_not_finite_is_named() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut histogram = Histogram::new();
            let error = histogram.add("conv_3", &[1.0, bad]).expect_err("not finite").to_string();
            assert!(error.contains("\"conv_3\"") && error.contains("element 1"), "{error}");
            assert_eq!(histogram.total(), 0);
        }
        assert_eq!(Histogram::new().upper(1.0), None);
    }
}
