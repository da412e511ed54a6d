//! Weights on the grid of a few bits.

use super::{BitWidth, Format};
use crate::quantize::Granularity;
use crate::{Error, Tensor};

/// The greatest scale, and the least one is its inverse: those of eight-bit weights.
const GREATEST_SCALE: f64 = (1u128 << 120) as f64;

/// `weights` on the grid of `format`, in floats; the output channels are along `axis`. The grids are those of the [module](super).
///
/// ```
/// use eightbit_graph::Tensor;
/// use eightbit_graph::precision::{BitWidth, Format, quantize_weights_to};
/// use eightbit_graph::quantize::Granularity;
/// let weights = Tensor::new([2, 3], vec![1.0f32, -0.4, 0.1, 8.0, -3.0, -7.0])?;
/// let three = Format::Bits(BitWidth::new(3)?);
/// let rounded = quantize_weights_to(&weights, 0, three, Granularity::PerChannel)?;
/// assert_eq!(rounded.as_f32()?, [1.0, -1.0 / 3.0, 0.0, 8.0, -8.0 / 3.0, -8.0]);
/// let one = quantize_weights_to(&weights, 0, Format::Bits(BitWidth::MIN), Granularity::PerChannel)?;
/// assert_eq!(one.as_f32()?, [0.5, -0.5, 0.5, 6.0, -6.0, -6.0]);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
///
/// # Errors
///
/// Weights that are not `f32` or not finite, an axis that they do not have. The caller adds the names.
pub fn quantize_weights_to(
    weights: &Tensor,
    axis: usize,
    format: Format,
    granularity: Granularity,
) -> Result<Tensor, Error> {
    let (shape, values) = (weights.shape(), weights.as_f32()?);
    let Some(&channels) = shape.get(axis) else {
        return Err(Error::tensor(shape, format!("weights have no axis {axis}")));
    };
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        let reason = format!("element {index} is {}: train or export the model again", values[index]);
        return Err(Error::tensor(shape, reason));
    }
    let bits = match format {
        Format::Fixed(format) => {
            let rounded: Vec<f32> = values.iter().map(|&value| format.apply(value)).collect();
            return Tensor::new(shape, rounded);
        }
        Format::Bits(bits) => bits,
    };
    // The length of the contiguous runs of a channel's elements.
    let run = shape[axis + 1..].iter().product::<usize>().max(1);
    let groups = match granularity {
        Granularity::PerChannel => channels,
        Granularity::PerTensor => 1,
    };
    let scales = scales(values, run, groups, bits);
    let mut rounded = Vec::with_capacity(values.len());
    for (index, run) in values.chunks_exact(run).enumerate() {
        let scale = scales[index % groups];
        rounded.extend(run.iter().map(|&value| nearest(value, scale, bits)));
    }
    Tensor::new(shape, rounded)
}

/// The scale of each group of channels: runs belong to the groups in turn.
fn scales(values: &[f32], run: usize, groups: usize, bits: BitWidth) -> Vec<f32> {
    let (mut largest, mut sums) = (vec![0f32; groups], vec![0f64; groups]);
    for (index, run) in values.chunks_exact(run).enumerate() {
        for value in run.iter().map(|value| value.abs()) {
            largest[index % groups] = largest[index % groups].max(value);
            sums[index % groups] += f64::from(value);
        }
    }
    let count = (values.len() / groups.max(1)).max(1) as f64;
    let needed = largest.into_iter().zip(sums).map(|(largest, sum)| match bits {
        BitWidth::MIN => sum / count,
        _ => f64::from(largest) / f64::from(bits.greatest_signed()),
    });
    // Zeros are exact at any scale.
    let usable = |scale: f64| {
        if scale == 0.0 { 1.0 } else { scale.clamp(1.0 / GREATEST_SCALE, GREATEST_SCALE) as f32 }
    };
    needed.map(usable).collect()
}

fn nearest(weight: f32, scale: f32, bits: BitWidth) -> f32 {
    if bits == BitWidth::MIN {
        return if weight >= 0.0 { scale } else { -scale };
    }
    let greatest = bits.greatest_signed() as f32;
    (weight / scale).round_ties_even().clamp(-greatest, greatest) * scale
}

#[cfg(test)]
mod tests {
    use eightbit_testing::Random;

    use super::*;
    use crate::quantize::{WeightRange, quantize_per_channel};

    fn random(shape: &[usize], seed: u64) -> Tensor {
        let mut random = Random(seed);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.float().powi(3)).collect();
        Tensor::new(shape, values).expect("fits")
    }

    fn bits(bits: u8) -> Format {
        Format::Bits(BitWidth::new(bits).expect("1 to 16"))
    }

    #[test]
    fn eight_bits_are_those_of_the_converter() {
        for (shape, axis) in [(&[6, 4, 3, 3][..], 0), (&[5, 7], 1), (&[3, 2, 4], 1)] {
            let weights = random(shape, 3);
            let found =
                quantize_weights_to(&weights, axis, bits(8), Granularity::PerChannel).expect("finite");
            let bytes = quantize_per_channel(&weights, axis, None, WeightRange::Full).expect("finite");
            let run: usize = shape[axis + 1..].iter().product();
            let codes = bytes.bytes.as_i8().expect("i8");
            let expected: Vec<f32> = codes
                .iter()
                .enumerate()
                .map(|(at, &code)| f32::from(code) * bytes.scales[at / run % shape[axis]])
                .collect();
            assert_eq!(found.as_f32().expect("f32"), expected);
        }
    }

    /// Every width against the formulas in doubles, element by element.
    #[test]
    fn all_widths_equal_a_plain_computation() {
        for width in 1..=16u8 {
            for granularity in [Granularity::PerChannel, Granularity::PerTensor] {
                let weights = random(&[4, 3, 5], u64::from(width));
                let values = weights.as_f32().expect("f32");
                let found = quantize_weights_to(&weights, 1, bits(width), granularity).expect("finite");
                for (at, (&value, &found)) in values.iter().zip(found.as_f32().expect("f32")).enumerate() {
                    let same =
                        |other: usize| granularity == Granularity::PerTensor || other / 5 % 3 == at / 5 % 3;
                    let group: Vec<f64> = (0..60)
                        .filter(|&other| same(other))
                        .map(|other| f64::from(values[other].abs()))
                        .collect();
                    let expected = if width == 1 {
                        let mean = group.iter().sum::<f64>() / group.len() as f64;
                        if value < 0.0 { -mean } else { mean }
                    } else {
                        let levels = 2f64.powi(i32::from(width) - 1) - 1.0;
                        let scale = group.iter().copied().fold(0.0, f64::max) / levels;
                        (f64::from(value) / scale).round() * scale
                    };
                    assert!(
                        (f64::from(found) - expected).abs() <= 1e-6,
                        "{width} bits: {found}, not {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_number_of_levels_is_that_of_the_bits() {
        for width in 1..=6u8 {
            let weights = random(&[1, 4096], 9);
            let found =
                quantize_weights_to(&weights, 0, bits(width), Granularity::PerChannel).expect("finite");
            let mut levels: Vec<i32> =
                found.as_f32().expect("f32").iter().map(|value| (value * 1e6).round() as i32).collect();
            levels.sort_unstable();
            levels.dedup();
            let expected = if width == 1 { 2 } else { (1 << width) - 1 };
            assert_eq!(levels.len(), expected, "{width} bits");
        }
    }

    #[test]
    fn what_has_no_scale() {
        let zeros = Tensor::new([2, 2], vec![0.0f32; 4]).expect("four");
        let four = quantize_weights_to(&zeros, 0, bits(4), Granularity::PerChannel).expect("finite");
        assert_eq!(four, zeros);
        for shape in [[0, 3], [3, 0]] {
            let empty = Tensor::new(shape, Vec::<f32>::new()).expect("none");
            let found = quantize_weights_to(&empty, 0, bits(4), Granularity::PerChannel).expect("finite");
            assert_eq!(found, empty);
        }
        assert!(quantize_weights_to(&zeros, 2, bits(4), Granularity::PerChannel).is_err());
        let infinite = Tensor::vector(vec![1.0, f32::INFINITY]);
        let error =
            quantize_weights_to(&infinite, 0, bits(4), Granularity::PerChannel).expect_err("infinite");
        assert!(error.to_string().contains("element 1 is inf"), "{error}");
    }
}
