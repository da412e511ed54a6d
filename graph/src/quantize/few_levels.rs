//! Scales of weights that few integers stand for: those that leave the least noise, not those that reach the largest weight.

use super::WeightPrecision;

/// The scales that are tried: each this part of the one before it, the first that of the largest weight, the last a quarter of that, or, of
/// numbers of two and three bits, a twentieth.
const STEP: f64 = 0.94;
const SCALES: i32 = 24;
const SCALES_OF_FEW: i32 = 48;
/// The most levels on either side of zero that are few.
const FEW: i8 = 4;
/// The search ends where the noise is so many times the least: of many weights it only grows from there on, and few have soon been tried.
const ENOUGH: f64 = 30.0;

/// The scale of the weights `of`, each with the importance of its error, that leaves the least sum of importance times squared error where
/// they are rounded to the nearest. `None` if all weights are zero.
pub(super) fn scale_of_least_noise(
    of: impl Iterator<Item = (f32, f32)> + Clone,
    precision: WeightPrecision,
) -> Option<f64> {
    let (low, high) = precision.range();
    let reach = |(weight, _): (f32, f32)| {
        let end = if weight < 0.0 { low } else { high };
        f64::from(weight) / f64::from(end)
    };
    let largest = of.clone().map(reach).fold(0.0, f64::max);
    if largest == 0.0 {
        return None;
    }
    Some(match precision {
        WeightPrecision::Bipolar => mean(of),
        _ => searched(of, precision, largest),
    })
}

/// The mean magnitude (Rastegari and others, "XNOR-Net", 2016).
fn mean(of: impl Iterator<Item = (f32, f32)> + Clone) -> f64 {
    let sums = |of: &mut dyn Iterator<Item = (f32, f32)>, by_importance: bool| {
        of.fold((0.0, 0.0), |(sum, all), (weight, importance)| {
            let importance = if by_importance { f64::from(importance) } else { 1.0 };
            (sum + importance * f64::from(weight.abs()), all + importance)
        })
    };
    let (sum, all) = sums(&mut of.clone(), true);
    // Of no importance, all are alike.
    let (sum, all) = if sum > 0.0 { (sum, all) } else { sums(&mut of.clone(), false) };
    sum / all
}

fn searched(of: impl Iterator<Item = (f32, f32)> + Clone, precision: WeightPrecision, largest: f64) -> f64 {
    // The noise, and the scale that leaves the least with the same integers.
    let tried = |scale: f64| {
        let (inverse, step) = ((1.0 / scale) as f32, scale as f32);
        let (mut noise, mut products, mut squares) = (0.0f64, 0.0f64, 0.0f64);
        for (weight, importance) in of.clone() {
            let integer = precision.nearest(weight * inverse);
            let left = weight - integer * step;
            noise += f64::from(importance * left * left);
            products += f64::from(importance * weight * integer);
            squares += f64::from(importance * integer * integer);
        }
        (noise, if squares > 0.0 { products / squares } else { scale })
    };
    let is_few = -precision.range().0 <= FEW;
    let mut best = (f64::INFINITY, largest, largest);
    for at in 0..if is_few { SCALES_OF_FEW } else { SCALES } {
        let scale = largest * STEP.powi(at);
        let (noise, fitted) = tried(scale);
        if noise < best.0 {
            best = (noise, scale, fitted);
        }
        if noise > ENOUGH * best.0 {
            break;
        }
    }
    let (noise, scale, fitted) = best;
    if fitted > 0.0 && tried(fitted).0 < noise { fitted } else { scale }
}

#[cfg(test)]
mod tests {
    use eightbit_testing::Random;

    use super::*;

    fn noise(weights: &[f32], precision: WeightPrecision, scale: f64) -> f64 {
        let left = |&weight: &f32| {
            let weight = f64::from(weight);
            weight - f64::from(precision.nearest((weight / scale) as f32)) * scale
        };
        weights.iter().map(|weight| left(weight).powi(2)).sum()
    }

    /// Against a search of a thousand scales.
    #[test]
    fn no_other_scale_leaves_much_less() {
        let mut random = Random(3);
        for precision in [2, 3, 4, 6]
            .map(WeightPrecision::Bits)
            .into_iter()
            .chain([WeightPrecision::Ternary, WeightPrecision::Bipolar])
        {
            for power in [1, 3] {
                let weights: Vec<f32> = (0..400).map(|_| random.float().powi(power)).collect();
                let all = weights.iter().map(|&weight| (weight, 1.0));
                let found = scale_of_least_noise(all, precision).expect("not zeros");
                let least = (1..1000)
                    .map(|at| noise(&weights, precision, f64::from(at) * 2e-3))
                    .fold(f64::INFINITY, f64::min);
                let found = noise(&weights, precision, found);
                assert!(found <= 1.04 * least, "{precision}: {found} and {least}");
            }
        }
    }

    #[test]
    fn importance_counts() {
        let four = WeightPrecision::Bits(4);
        // The large weight hardly matters, the small ones do.
        let weights = [0.11f32, 0.22, 0.35, 2.0];
        let of = |importance: f32| {
            let with =
                weights.iter().map(move |&weight| (weight, if weight > 1.0 { importance } else { 1.0 }));
            scale_of_least_noise(with, four).expect("not zeros")
        };
        assert!(of(1.0) > 0.2 && of(0.0) < 0.13, "{} and {}", of(1.0), of(0.0));
    }

    #[test]
    fn zeros_have_no_scale() {
        let zeros = [(0.0, 1.0), (-0.0, 1.0)].into_iter();
        assert_eq!(scale_of_least_noise(zeros, WeightPrecision::Ternary), None);
        let one = [(1.0, 1.0)].into_iter();
        let found = scale_of_least_noise(one, WeightPrecision::Bits(4)).expect("not zero");
        assert!((found - 1.0 / 7.0).abs() < 1e-6);
        let nothing = [(0.5, 0.0), (-1.5, 0.0)].into_iter();
        assert_eq!(scale_of_least_noise(nothing, WeightPrecision::Bipolar), Some(1.0));
    }
}
