//! What is known of a channel: its mean, its deviation and its range.

/// What is known of the elements of one channel, taken for normally distributed where nothing else is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// The smallest element to be expected.
    pub(super) low: f64,
    /// The largest element to be expected.
    pub(super) high: f64,
}

impl Moments {
    /// A channel that is one number.
    pub(super) fn constant(value: f64) -> Self {
        Self { mean: value, deviation: 0.0, low: value, high: value }
    }

    /// A normal distribution, which is expected to reach `reach` deviations far.
    pub(super) fn normal(mean: f64, deviation: f64, reach: f64) -> Self {
        let deviation = deviation.abs();
        Self { mean, deviation, low: mean - reach * deviation, high: mean + reach * deviation }
    }

    /// This, with no element outside `low` to `high`; the mean stays between them.
    pub(super) fn within(self, low: f64, high: f64) -> Self {
        let (low, high) = (self.low.max(low).min(high), self.high.min(high).max(low));
        Self { low, high, mean: self.mean.clamp(low, high), ..self }
    }

    /// The elements of several channels, each as often as the others.
    pub(super) fn mixture(parts: impl Iterator<Item = Self> + Clone) -> Self {
        let count = parts.clone().count().max(1) as f64;
        let mean = parts.clone().map(|part| part.mean).sum::<f64>() / count;
        let square = |part: Self| part.deviation.powi(2) + (part.mean - mean).powi(2);
        let deviation = (parts.clone().map(square).sum::<f64>() / count).sqrt();
        let ends = parts.map(|part| (part.low, part.high));
        let (low, high) = ends
            .reduce(|(low, high), (other_low, other_high)| (low.min(other_low), high.max(other_high)))
            .unwrap_or((mean, mean));
        Self { mean, deviation, low, high }
    }

    /// Whether all four are finite.
    pub(super) fn is_finite(&self) -> bool {
        [self.mean, self.deviation, self.low, self.high].iter().all(|number| number.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_has_the_moments_of_all_elements() {
        let parts = [Moments::normal(1.0, 2.0, 3.0), Moments::normal(-3.0, 1.0, 3.0)];
        let mixture = Moments::mixture(parts.into_iter());
        // The mean of the squares is (1 + 4 + 9 + 1) / 2.
        assert_eq!((mixture.mean, mixture.low, mixture.high), (-1.0, -6.0, 7.0));
        assert!((mixture.deviation - (7.5f64 - 1.0).sqrt()).abs() < 1e-12);
    }
}
