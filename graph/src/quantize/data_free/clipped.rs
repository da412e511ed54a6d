//! The moments of a normal distribution whose ends are cut off.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::moments::Moments;

/// The moments of `clamp(x, low, high)`, with `x` normally distributed.
///
/// With `x = μ + σ·z`, `a` and `b` the bounds in deviations from the mean, `Φ` and `φ` the distribution and the density of `z`:
/// `E = a·Φ(a) + b·(1 − Φ(b)) + φ(a) − φ(b)` and `E² = a²·Φ(a) + b²·(1 − Φ(b)) + Φ(b) − Φ(a) + a·φ(a) − b·φ(b)`, in deviations
/// from the mean (Nagel et al. 2019, arXiv:1906.04721, appendix C, where they are not divided by σ).
pub(super) fn clipped(x: Moments, low: f64, high: f64) -> Moments {
    if x.low >= low && x.high <= high {
        return x;
    }
    let ends = Moments { mean: x.mean.clamp(low, high), deviation: 0.0, ..x }.within(low, high);
    if x.deviation <= 0.0 {
        return ends;
    }
    let [a, b] = [low, high].map(|bound| (bound - x.mean) / x.deviation);
    let (below, above) = (distribution(a), distribution(-b));
    let [at_a, at_b] = [a, b].map(density);
    // The probability of an infinite bound is zero.
    let times = |power: f64, probability: f64| if probability > 0.0 { power * probability } else { 0.0 };
    let first = times(a, below) + times(b, above) + at_a - at_b;
    let second =
        times(a * a, below) + times(b * b, above) + (1.0 - above - below) + times(a, at_a) - times(b, at_b);
    let deviation = x.deviation * (second - first * first).max(0.0).sqrt();
    Moments { mean: x.mean + x.deviation * first, deviation, ..ends }.within(low, high)
}

/// The part of a standard normal distribution below `z`.
fn distribution(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The density of a standard normal distribution.
pub(super) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and deviation of a clamped normal distribution by the sum over many narrow slices.
    fn by_slices(mean: f64, deviation: f64, low: f64, high: f64) -> (f64, f64) {
        let slices = 400_000;
        let step = 24.0 / f64::from(slices);
        let (mut first, mut second) = (0.0, 0.0);
        for slice in 0..slices {
            let z = -12.0 + (f64::from(slice) + 0.5) * step;
            let y = (mean + deviation * z).clamp(low, high);
            first += y * density(z) * step;
            second += y * y * density(z) * step;
        }
        (first, (second - first * first).max(0.0).sqrt())
    }

    #[test]
    fn they_are_those_of_the_distribution() {
        let bounds = [(0.0, 6.0), (0.0, f64::INFINITY), (f64::NEG_INFINITY, 1.0), (-1.0, 1.0), (2.0, 3.0)];
        for (mean, deviation) in [(0.0, 1.0), (3.0, 2.0), (-2.5, 1.5), (0.3, 0.1), (7.0, 0.5)] {
            for (low, high) in bounds {
                let found = clipped(Moments::normal(mean, deviation, 40.0), low, high);
                let (first, second) = by_slices(mean, deviation, low, high);
                let close = |a: f64, b: f64| (a - b).abs() < 1e-5 * (1.0 + deviation);
                assert!(
                    close(found.mean, first) && close(found.deviation, second),
                    "{mean} ± {deviation} in {low} to {high}: {found:?}, not {first} ± {second}"
                );
                assert!(found.low >= low && found.high <= high, "{found:?}");
            }
        }
    }

    #[test]
    fn what_lies_within_or_without_is_exact() {
        let inside = Moments::normal(1.0, 0.1, 6.0);
        assert_eq!(clipped(inside, 0.0, 6.0), inside);
        assert_eq!(clipped(Moments::constant(-2.0), 0.0, 6.0), Moments::constant(0.0));
        let outside = clipped(Moments::normal(-1e6, 1.0, 6.0), 0.0, f64::INFINITY);
        assert_eq!(outside, Moments::constant(0.0));
    }
}
