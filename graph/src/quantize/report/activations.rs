//! The ranges of activations: what was observed, what eight bits cover, and what is cut off.

use super::super::{Affine, Histogram, Observations, Plan, Range};

/// The bars of a report's histograms.
const BARS: usize = 48;

/// An activation that becomes bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationReport {
    /// The value.
    pub value: String,
    /// The least and greatest number observed.
    pub observed: Range,
    /// The numbers that the least and the greatest byte stand for; numbers beyond are clamped.
    pub covered: Range,
    /// Scale and zero point.
    pub parameters: Affine,
    /// The share of the numbers observed that are clamped, exact to a bin of the [`Histogram`].
    pub clamped: f64,
    /// How many numbers were observed in parts of equal width, from the least to the greatest one.
    pub bars: Vec<u64>,
}

impl ActivationReport {
    fn new(value: &str, histogram: &Histogram, parameters: Affine) -> Option<Self> {
        let (min, max) = histogram.extremes()?;
        let covered =
            Range { min: parameters.dequantize(0), max: parameters.dequantize(parameters.greatest) };
        let (mut bars, mut beyond) = (vec![0; BARS], 0);
        let width = (f64::from(max) - f64::from(min)) / BARS as f64;
        // Half a step beyond the ends is rounded to them.
        let margin = f64::from(parameters.scale) / 2.0;
        for (low, high, count) in histogram.bins() {
            let middle = (low.max(min.into()) + high.min(max.into())) / 2.0;
            let bar = if width > 0.0 { ((middle - f64::from(min)) / width) as usize } else { 0 };
            bars[bar.min(BARS - 1)] += count;
            if middle < f64::from(covered.min) - margin || middle > f64::from(covered.max) + margin {
                beyond += count;
            }
        }
        let clamped = beyond as f64 / histogram.total().max(1) as f64;
        let observed = Range { min, max };
        Some(Self { value: value.to_owned(), observed, covered, parameters, clamped, bars })
    }
}

/// A report on each activation that was observed and `plan` makes bytes, by name.
pub(in super::super) fn activations(seen: &Observations, plan: &Plan) -> Vec<ActivationReport> {
    let report = |(value, histogram)| ActivationReport::new(value, histogram, plan.parameters(value)?);
    seen.histograms().filter_map(report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_every_number_and_clamped_ones_are_counted() {
        let mut histogram = Histogram::new();
        let mut values: Vec<f32> = (0..1000).map(|at| at as f32 / 1000.0).collect();
        values.extend([9.0; 10]);
        histogram.add("x", &values).expect("finite");
        let parameters = Affine::covering(Range { min: 0.0, max: 1.0 });
        let report = ActivationReport::new("x", &histogram, parameters).expect("not empty");
        assert_eq!((report.bars.iter().sum::<u64>(), report.bars[BARS - 1]), (1010, 10));
        assert_eq!((report.observed.min, report.observed.max), (0.0, 9.0));
        assert!((report.clamped - 10.0 / 1010.0).abs() < 1e-9, "{report:?}");
        assert!((report.covered.max - 1.0).abs() < 1e-6);
        assert_eq!(ActivationReport::new("x", &Histogram::new(), parameters), None);
    }

    #[test]
    fn one_number_has_one_bar() {
        let mut histogram = Histogram::new();
        histogram.add("x", &[3.0; 7]).expect("finite");
        let parameters = Affine::covering(Range { min: 3.0, max: 3.0 });
        let report = ActivationReport::new("x", &histogram, parameters).expect("not empty");
        assert_eq!((report.bars[0], report.clamped), (7, 0.0));
    }
}
