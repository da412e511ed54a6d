//! What a measurement found.

/// Rates in Gop/s over the samples of one measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) median: f64,
    /// The least and the greatest.
    pub(crate) range: [f64; 2],
    pub(crate) samples: usize,
}

impl Rates {
    /// Summarizes samples; without any, everything is 0.
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |index: usize| samples.get(index).copied().unwrap_or(0.0);
        Self {
            median: at(samples.len() / 2),
            range: [at(0), at(samples.len().saturating_sub(1))],
            samples: samples.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_ordered() {
        let Rates { median, range, samples } = Rates::of(vec![3.0, 1.0, 7.0, 2.0]);
        assert_eq!((median, range, samples), (3.0, [1.0, 7.0], 4));
        assert_eq!(Rates::of(Vec::new()).samples, 0);
    }
}
