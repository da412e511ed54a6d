//! The range that keeps most of what the distribution of the values tells.

use super::{Histogram, Range};

/// The number of ranges that are compared.
const RANGES: usize = 128;

/// The number of bytes.
const LEVELS: usize = 256;

/// The part of the extremes, from 1/128 to all, whose 256 bytes have the distribution that is nearest to that of the values by the
/// Kullback-Leibler divergence; `None` before the first value.
///
/// As TensorRT's calibration (Migacz 2017, "8-bit Inference with TensorRT", GTC 2017), with both ends of the range moved alike: values
/// beyond an end count as the end in the reference, and the bytes' distribution is spread evenly over the bins that hold values.
pub fn entropy_range(histogram: &Histogram) -> Option<Range> {
    let (min, max) = histogram.extremes()?;
    let (min, max) = (min.min(0.0), max.max(0.0));
    let bins: Vec<(f64, f64)> =
        histogram.bins().map(|(edge, count)| (edge + 0.5 * histogram.width(), count as f64)).collect();
    let range = |part: usize| {
        let share = part as f64 / RANGES as f64;
        (f64::from(min) * share, f64::from(max) * share)
    };
    let divergences = (1..=RANGES).map(|part| (divergence(&bins, range(part)), part));
    // Of equal ones the widest range.
    let (_, part) = divergences.rev().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (low, high) = range(part);
    Some(Range { min: low as f32, max: high as f32 })
}

/// The divergence of the bytes' distribution from that of the bins, given by their middles and counts; infinite where bytes have values
/// that no byte stands for.
fn divergence(bins: &[(f64, f64)], (low, high): (f64, f64)) -> f64 {
    let first = bins.partition_point(|(middle, _)| *middle < low);
    let end = bins.partition_point(|(middle, _)| *middle <= high);
    let (Some(inside), true) = (bins.get(first..end), first < end) else { return f64::INFINITY };
    let count = |bins: Option<&[(f64, f64)]>| bins.into_iter().flatten().map(|bin| bin.1).sum::<f64>();
    let mut reference: Vec<f64> = inside.iter().map(|bin| bin.1).collect();
    if let Some(lowest) = reference.first_mut() {
        *lowest += count(bins.get(..first));
    }
    if let Some(highest) = reference.last_mut() {
        *highest += count(bins.get(end..));
    }
    let step = (high - low) / (LEVELS - 1) as f64;
    let level = |middle: f64| (((middle - low) / step).round() as usize).min(LEVELS - 1);
    // For each byte, the number of its values and of the bins that hold some.
    let mut bytes = [(0.0, 0.0); LEVELS];
    for (&(middle, count), &expected) in inside.iter().zip(&reference) {
        let (values, holders) = &mut bytes[level(middle)];
        *values += count;
        *holders += f64::from(u8::from(expected > 0.0));
    }
    let (all, kept) = (reference.iter().sum::<f64>(), inside.iter().map(|bin| bin.1).sum::<f64>());
    let part = |(&(middle, _), &expected): (&(f64, f64), &f64)| {
        if expected == 0.0 {
            return 0.0;
        }
        let (values, holders) = bytes[level(middle)];
        let (expected, found) = (expected / all, values / holders / kept);
        if found > 0.0 { expected * (expected / found).ln() } else { f64::INFINITY }
    };
    inside.iter().zip(&reference).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::new();
        histogram.add("x", values).expect("finite");
        histogram
    }

    /// Numbers of a bell around zero, and `outliers` far out.
    fn bell(outliers: usize) -> Vec<f32> {
        let mut state = 3u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let bell = (0..100_000).map(|_| (0..12).map(|_| uniform()).sum::<f32>());
        bell.collect::<Vec<f32>>()
            .into_iter()
            .chain((0..outliers).map(|index| 200.0 + index as f32))
            .collect()
    }

    #[test]
    fn outliers_are_cut_off() {
        let range = entropy_range(&histogram(&bell(3))).expect("not empty");
        assert!((4.0..30.0).contains(&range.max), "{range:?}");
    }

    #[test]
    fn what_fills_its_range_is_kept() {
        let even: Vec<f32> = (0..100_000).map(|index| index as f32 / 1000.0).collect();
        let range = entropy_range(&histogram(&even)).expect("not empty");
        assert!(range.min == 0.0 && range.max > 95.0, "{range:?}");
        assert_eq!(entropy_range(&Histogram::new()), None);
        assert_eq!(entropy_range(&histogram(&[0.0])), Some(Range { min: 0.0, max: 0.0 }));
    }

    /// Four bins for each byte: the divergence by its definition, computed by hand.
    #[test]
    fn the_divergence_is_that_of_the_definition() {
        let bins: Vec<(f64, f64)> =
            (0..1020).map(|index| (f64::from(index) * 0.25, f64::from(index % 3))).collect();
        let mut levels = vec![(0.0f64, 0.0f64); 256];
        let level = |middle: f64| middle.round() as usize;
        for &(middle, count) in &bins {
            levels[level(middle)].0 += count;
            levels[level(middle)].1 += if count > 0.0 { 1.0 } else { 0.0 };
        }
        let total: f64 = bins.iter().map(|bin| bin.1).sum();
        let expected: f64 = bins
            .iter()
            .filter(|bin| bin.1 > 0.0)
            .map(|&(middle, count)| {
                let (values, holders) = levels[level(middle)];
                count / total * ((count / total) / (values / holders / total)).ln()
            })
            .sum();
        assert!(expected > 0.01);
        assert!((divergence(&bins, (0.0, 255.0)) - expected).abs() < 1e-12);
    }
}
