//! The range that keeps most of what the distribution of the values tells.

use super::{Histogram, Range};

/// The number of ranges that are compared.
const RANGES: usize = 128;

/// The number of bytes.
const LEVELS: usize = 256;

/// The range from −t to t, but not beyond the extremes, whose 256 bytes have the distribution nearest to that of the values by the
/// Kullback-Leibler divergence; `None` before the first value.
///
/// As TensorRT's calibration (Migacz 2017, "8-bit Inference with TensorRT", GTC 2017), of 128 t up to the largest magnitude: values
/// beyond an end count as the end in the reference, and the bytes' distribution is spread evenly over the bins that hold values.
pub fn entropy_range(histogram: &Histogram) -> Option<Range> {
    let (min, max) = histogram.extremes()?;
    let (min, max) = (f64::from(min.min(0.0)), f64::from(max.max(0.0)));
    let bins: Vec<Bin> = histogram
        .edges()
        .map(|(edge, count)| Bin::new(edge + 0.5 * histogram.width(), count as f64))
        .collect();
    let range = |part: usize| {
        let bound = max.max(-min) * part as f64 / RANGES as f64;
        (min.max(-bound), max.min(bound))
    };
    let divergences = (1..=RANGES).map(|part| (divergence(&bins, range(part)), part));
    // Of equal ones the widest range.
    let (_, part) = divergences.rev().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (low, high) = range(part);
    Some(Range { min: low as f32, max: high as f32 })
}

/// A bin of the histogram.
#[derive(Clone, Copy)]
struct Bin {
    middle: f64,
    count: f64,
    /// `count · ln(count)`, of which an entropy is made.
    product: f64,
}

impl Bin {
    fn new(middle: f64, count: f64) -> Self {
        Self { middle, count, product: product(count) }
    }
}

fn product(count: f64) -> f64 {
    if count > 0.0 { count * count.ln() } else { 0.0 }
}

/// What a byte stands for.
#[derive(Clone, Copy, Default)]
struct Level {
    /// The number of its values.
    values: f64,
    /// The number of its values and of those beyond the end of the range.
    expected: f64,
    /// The number of its bins that hold some.
    holders: f64,
}

/// The divergence `Σ p·ln(p / q)` of the bytes' distribution `q` from that of the bins `p`; infinite where a byte stands for nothing but
/// values beyond the range.
///
/// With the counts `e` of the bins and `v` values in `h` bins for a byte, it is
/// `(Σ e·ln(e) − Σ e·ln(v / h)) / Σ e − ln(Σ e) + ln(Σ v)`: few logarithms.
fn divergence(bins: &[Bin], (low, high): (f64, f64)) -> f64 {
    let first = bins.partition_point(|bin| bin.middle < low);
    let end = bins.partition_point(|bin| bin.middle <= high);
    let (Some(inside), true) = (bins.get(first..end), first < end) else { return f64::INFINITY };
    let count = |bins: Option<&[Bin]>| bins.into_iter().flatten().map(|bin| bin.count).sum::<f64>();
    let (under, over) = (count(bins.get(..first)), count(bins.get(end..)));
    let per_unit = (LEVELS - 1) as f64 / (high - low);
    let mut levels = [Level::default(); LEVELS];
    let mut products = 0.0;
    for (index, bin) in inside.iter().enumerate() {
        let is_end = index == 0 || index + 1 == inside.len();
        let mut expected = bin.count;
        if index == 0 {
            expected += under;
        }
        if index + 1 == inside.len() {
            expected += over;
        }
        // A cast takes what is not a number, of a range without width, to 0.
        let level = &mut levels[(((bin.middle - low) * per_unit).round() as usize).min(LEVELS - 1)];
        level.values += bin.count;
        level.expected += expected;
        level.holders += f64::from(u8::from(expected > 0.0));
        products += if is_end { product(expected) } else { bin.product };
    }
    let (mut kept, mut all, mut spread) = (0.0, 0.0, 0.0);
    for level in levels.iter().filter(|level| level.expected > 0.0) {
        kept += level.values;
        all += level.expected;
        spread += level.expected * (level.values / level.holders).ln();
    }
    // The logarithm of no values is −∞, and the divergence ∞.
    (products - spread) / all - f64::ln(all) + f64::ln(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::histogram::histogram;

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
        let bins: Vec<Bin> = bins.into_iter().map(|(middle, count)| Bin::new(middle, count)).collect();
        assert!((divergence(&bins, (0.0, 255.0)) - expected).abs() < 1e-9);
    }
}
