//! Quantizes weights to signed bytes, with one scale per output channel or one for all, and their bias to int32.

use super::few_levels::scale_of_least_noise;
use super::{Granularity, WeightPrecision};
use crate::{Error, Tensor};

/// The largest bias in steps of its scale. The int32 accumulator holds 2³¹; half of it is reserved for the products, which
/// need less than that up to a depth of 33 154 (`2³⁰ / (255 · 127)`).
const MAX_BIAS: f64 = (1u64 << 30) as f64;

/// The largest bias that leaves room for `depth` products of a byte and a weight of the greatest size. Where no room is
/// left, the products may wrap by themselves, and 2²⁰ steps make the bias precise enough.
pub(super) fn largest_bias(depth: usize) -> f64 {
    (f64::from(i32::MAX) - depth as f64 * (255.0 * 127.0)).clamp((1u64 << 20) as f64, MAX_BIAS)
}

/// The least and greatest scale of weights and of biases, as powers of two: numbers of a few bits in these steps are
/// ordinary `f32`, too.
const SCALES: (i32, i32) = (-120, 120);
/// The least and greatest multiplier of a requantization.
const MULTIPLIERS: (i32, i32) = (-100, 100);

/// The limits of the scales of a layer's weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ScaleLimits {
    least: f64,
    greatest: f64,
}

impl ScaleLimits {
    /// The limits for a layer whose input has the scale `input` and whose output, if it is bytes, has the scale `output`: the
    /// scale of the bias, `input · weight`, and the multiplier `input · weight / output` are then normal numbers, too. Such
    /// scales always exist because those of activations lie between 2⁻¹⁰⁰ and 2¹⁰⁰.
    pub(crate) fn new(input: f32, output: Option<f32>) -> Self {
        let (input, power) = (f64::from(input), |exponent: i32| 2f64.powi(exponent));
        let mut least = power(SCALES.0).max(power(SCALES.0) / input);
        let mut greatest = power(SCALES.1).min(power(SCALES.1) / input);
        if let Some(output) = output {
            let per_multiplier = f64::from(output) / input;
            least = least.max(power(MULTIPLIERS.0) * per_multiplier);
            greatest = greatest.min(power(MULTIPLIERS.1) * per_multiplier);
        }
        Self { least, greatest }
    }
}

/// What weights become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WeightForm {
    pub(crate) precision: WeightPrecision,
    pub(crate) range: WeightRange,
    pub(crate) granularity: Granularity,
}

/// The range of quantized weights. Those of less than eight bits have their own, which is pair-safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightRange {
    /// All from −127 to 127, the largest of a channel one of the ends.
    #[default]
    Full,
    /// Neighbours add up to −128 to 128 where they have the same sign. Then two products with unsigned bytes fit 16 bits, and
    /// CPUs without dot products of bytes (x86 with AVX2 alone) multiply with `vpmaddubsw`, which saturates, and are exact all
    /// the same: networks run 1.1 to 1.25 times as fast. A channel's scale grows by the largest such sum over its largest
    /// weight: 1 to 2, 1.25 on average in EfficientNet-Lite0.
    ///
    /// Neighbours are every two input channels of a tap, or, where their number is odd and there are several taps, all weights
    /// that are beside each other in the order (row, column, input channel). Weights above 10³⁸, whose scale is cut, may still
    /// be larger.
    PairSafe,
}

/// Quantized weights: `w ≈ scale of its channel · byte`, zero point 0.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedWeights {
    /// The bytes, integers of the layer's [`WeightPrecision`], in the shape of the weights.
    pub bytes: Tensor,
    /// One scale per output channel, or one for all ([`Granularity`]).
    pub scales: Vec<f32>,
}

impl QuantizedWeights {
    /// The largest of `weights`, the floats that these bytes represent, and `true` if some channel was cut off by more than a
    /// tenth, or to a sixth where all have one scale, `false` if all channels became zeros; `None` if neither. Of fewer bits than eight
    /// weights are cut off on purpose.
    pub(crate) fn lost(
        &self,
        weights: &Tensor,
        axis: usize,
        precision: WeightPrecision,
    ) -> Result<Option<(f32, bool)>, Error> {
        let (values, bytes) = (weights.as_f32()?, self.bytes.as_i8()?);
        let run: usize = weights.shape()[axis + 1..].iter().product();
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let is_cut = |(index, run): (usize, &[f32])| {
            // Finer steps for all can be worth more than the largest.
            let is_shared = self.scales.len() == 1 && weights.shape()[axis] > 1;
            let most = if is_shared { 6.0 } else { 1.1 };
            let limit = most * 127.0 * f64::from(self.scales[index % self.scales.len()]);
            run.iter().any(|&value| f64::from(value.abs()) > limit)
        };
        let cut = precision == WeightPrecision::EIGHT && values.chunks(run.max(1)).enumerate().any(is_cut);
        let nothing = largest > 0.0 && bytes.iter().all(|&byte| byte == 0);
        Ok((cut || nothing).then_some((largest, cut)))
    }
}

/// A bias quantized to int32 at the accumulator's scale: `b[c] ≈ scale of channel c · values[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedBias {
    /// One int32 per output channel.
    pub values: Vec<i32>,
    /// `input_scale · weight_scales[c]`, one product in `f32`, as executors compute it; one for all channels if the weights have one.
    pub scales: Vec<f32>,
}

impl QuantizedBias {
    /// The largest of `bias`, the floats that these integers represent, if it was cut off by more than a tenth.
    pub(crate) fn lost(&self, bias: &[f32]) -> Option<f32> {
        let limits = self.scales.iter().cycle().map(|&scale| 1.1 * MAX_BIAS * f64::from(scale));
        let cut = bias.iter().zip(limits).any(|(&bias, limit)| f64::from(bias.abs()) > limit);
        cut.then(|| bias.iter().fold(0.0f32, |largest, value| largest.max(value.abs())))
    }
}

/// Quantizes `weights` symmetrically, one scale for each index along `axis`: `scale = max|w| / 127`, for
/// [`WeightRange::PairSafe`] with the largest sum of neighbours instead of the largest weight.
///
/// `axis` is that of the output channels: 0 of `[output, input, taps …]`, or 1 of `[input, output]`; of other shapes pair-safe
/// weights have no meaning. −128 is not used: the range stays symmetric, and two products of such bytes with unsigned ones
/// fit the 16-bit sums of older CPUs more often.
///
/// `bias` gives the scale of the layer's input and the float bias that will be added to the accumulator. A channel
/// whose weights are small beside its bias (a dead filter with an offset, common after folding a batch norm) would
/// need a bias of more than 2³⁰ steps (fewer, if more than 33 154 products are added up), which the accumulator cannot hold;
/// its scale is enlarged to `|b| / (2³⁰ · input_scale)`, since losing bits of weights that hardly matter beats a bias that saturates. A
/// channel of zeros takes that scale, too, so that its bias is as exact as any; without a bias its scale is 1.
///
/// Scales lie between 2⁻¹²⁰ and 2¹²⁰, their products with the input's scale as well: weights that need another scale become
/// zeros or are cut off. [`quantize`](super::quantize()) also bounds the multiplier of the requantization after the layer, and
/// warns of what was lost ([`Warning::Scale`](super::Warning::Scale)).
///
/// # Errors
///
/// Weights or a bias that are not `f32` or not finite, an axis that the weights do not have, another number of
/// channels than the bias has. The caller adds the names.
pub fn quantize_per_channel(
    weights: &Tensor,
    axis: usize,
    bias: Option<(f32, &[f32])>,
    range: WeightRange,
) -> Result<QuantizedWeights, Error> {
    let limits = ScaleLimits::new(bias.map_or(1.0, |(input_scale, _)| input_scale), None);
    quantize_within(weights, axis, bias, WeightForm { range, ..WeightForm::default() }, limits)
}

/// As [`quantize_per_channel`], with scales between other limits, or one scale, the largest that a channel needs; and to other integers,
/// in the scales that leave the least noise.
pub(crate) fn quantize_within(
    weights: &Tensor,
    axis: usize,
    bias: Option<(f32, &[f32])>,
    form: WeightForm,
    limits: ScaleLimits,
) -> Result<QuantizedWeights, Error> {
    let shape = weights.shape();
    let Some(&channels) = shape.get(axis) else {
        return Err(Error::tensor(shape, format!("weights have no axis {axis}")));
    };
    let values = weights.as_f32()?;
    finite(weights)?;
    if let Some((_, bias)) = bias
        && bias.len() != channels
    {
        return Err(Error::tensor(shape, format!("{channels} channels, but a bias of {}", bias.len())));
    }
    form.precision.validate()?;
    // The length of the contiguous runs of a channel's elements.
    let run = shape[axis + 1..].iter().product::<usize>().max(1);
    let largest_bias = largest_bias(values.len() / channels.max(1));
    let for_bias = |channel: usize| {
        bias.map_or(0.0, |(input_scale, bias)| {
            f64::from(bias[channel].abs()) / (largest_bias * f64::from(input_scale))
        })
    };
    let mut needed = if form.precision == WeightPrecision::EIGHT {
        of_largest(values, shape, axis, form.range)
    } else {
        of_least_noise(values, [channels, run], form)
    };
    let of_channels = needed.len() == channels;
    (0..channels).for_each(|channel| {
        let scale = &mut needed[if of_channels { channel } else { 0 }];
        *scale = scale.max(for_bias(channel));
    });
    if form.granularity == Granularity::PerTensor {
        needed = vec![needed.into_iter().fold(0.0, f64::max)];
    }
    // Zeros are exact at any scale, if there is a zero.
    let any = if form.precision == WeightPrecision::Bipolar { 0.0 } else { 1.0 };
    let usable = |scale| if scale == 0.0 { any } else { scale };
    let scales: Vec<f32> =
        needed.into_iter().map(|scale| usable(scale).clamp(limits.least, limits.greatest) as f32).collect();
    let mut bytes = Vec::with_capacity(values.len());
    for (index, run) in values.chunks_exact(run).enumerate() {
        let scale = scales[index % scales.len()];
        bytes.extend(run.iter().map(|&value| form.precision.nearest(value / scale) as i8));
    }
    Ok(QuantizedWeights { bytes: Tensor::new(shape, bytes)?, scales })
}

/// The scale of the largest weight of each channel, or of the largest sum of neighbours.
fn of_largest(values: &[f32], shape: &[usize], axis: usize, range: WeightRange) -> Vec<f64> {
    let channels = shape[axis];
    let run = shape[axis + 1..].iter().product::<usize>().max(1);
    let mut largest = vec![0.0f32; channels];
    for (index, run) in values.chunks_exact(run).enumerate() {
        let largest = &mut largest[index % channels];
        *largest = run.iter().fold(*largest, |largest, value| largest.max(value.abs()));
    }
    if range == WeightRange::PairSafe {
        for (channel, largest) in largest.iter_mut().enumerate() {
            *largest = largest.max(largest_sum(values, shape, axis, channel));
        }
    }
    largest.into_iter().map(|largest| f64::from(largest) / 127.0).collect()
}

/// The scale of each channel, whose weights are every so many runs, or of all.
fn of_least_noise(values: &[f32], [channels, run]: [usize; 2], form: WeightForm) -> Vec<f64> {
    let scale = |weights: Vec<(f32, f32)>| {
        scale_of_least_noise(weights.iter().copied(), form.precision).unwrap_or(0.0)
    };
    let alike = |&weight: &f32| (weight, 1.0);
    match form.granularity {
        Granularity::PerChannel => (0..channels)
            .map(|channel| {
                let runs = values.chunks_exact(run).skip(channel).step_by(channels);
                scale(runs.flatten().map(alike).collect())
            })
            .collect(),
        Granularity::PerTensor => vec![scale(values.iter().map(alike).collect())],
    }
}

/// The largest sum of neighbours of the same sign, as [`WeightRange::PairSafe`] counts them, among a channel's weights.
///
/// Rounded, two of them are at most half a step larger each: 127 steps become 128 at most.
fn largest_sum(values: &[f32], shape: &[usize], axis: usize, channel: usize) -> f32 {
    let channels = shape[axis];
    let depth = values.len() / channels;
    // Of weights whose first axis is the output channels, the order of depths is (tap, input channel).
    let inputs = if axis == 0 { shape.get(1).copied().unwrap_or(1) } else { depth };
    let taps = depth / inputs.max(1);
    let at = |depth: usize| {
        let (tap, input) = (depth / inputs, depth % inputs);
        values[if axis == 0 { (channel * inputs + input) * taps + tap } else { depth * channels + channel }]
    };
    // With an odd number of input channels, a row of taps may begin in the middle of a pair.
    let step = if inputs.is_multiple_of(2) || taps == 1 { 2 } else { 1 };
    (1..depth).step_by(step).fold(0.0, |largest: f32, second| {
        let [a, b] = [at(second - 1), at(second)];
        largest.max(a.max(0.0) + b.max(0.0)).max(-(a.min(0.0) + b.min(0.0)))
    })
}

/// Whether the bytes of a channel, given as floats, are as [`WeightRange::PairSafe`] has them.
pub(super) fn is_pair_safe(bytes: &[f32], shape: &[usize], axis: usize, channel: usize) -> bool {
    largest_sum(bytes, shape, axis, channel) <= 128.0
}

/// Quantizes the bias of a layer whose input has the scale `input_scale` and whose weights have these scales, one for each channel or one
/// for all.
///
/// # Errors
///
/// A bias that is not finite, or neither as long as `weight_scales` nor with one scale. The caller adds the names.
pub fn quantize_bias(bias: &[f32], input_scale: f32, weight_scales: &[f32]) -> Result<QuantizedBias, Error> {
    if weight_scales.len() != 1 && bias.len() != weight_scales.len() {
        return Err(Error::tensor(&[bias.len()], format!("{} biases are needed", weight_scales.len())));
    }
    if let Some(index) = bias.iter().position(|value| !value.is_finite()) {
        return Err(Error::tensor(&[bias.len()], not_finite(index, bias[index])));
    }
    let scales: Vec<f32> = weight_scales.iter().map(|&scale| input_scale * scale).collect();
    let values = bias
        .iter()
        .zip(scales.iter().cycle())
        .map(|(&bias, &scale)| {
            (f64::from(bias) / f64::from(scale)).round_ties_even().clamp(-MAX_BIAS, MAX_BIAS) as i32
        })
        .collect();
    Ok(QuantizedBias { values, scales })
}

/// An error with the first element of `tensor` that is NaN or infinite.
fn finite(tensor: &Tensor) -> Result<(), Error> {
    let values = tensor.as_f32()?;
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::tensor(tensor.shape(), not_finite(index, values[index]))),
    }
}

fn not_finite(index: usize, value: f32) -> String {
    format!("element {index} is {value}: it cannot be quantized; train or export the model again")
}

#[cfg(test)]
mod tests {
    use eightbit_testing::Random;

    use super::*;
    use crate::quantize::{MAX_SCALE, MIN_SCALE};

    #[test]
    fn each_channel_has_its_scale() {
        let weights = Tensor::new([2, 3], vec![1.0f32, -2.0, 0.5, 100.0, 50.0, -127.0]).expect("six");
        let rows = quantize_per_channel(&weights, 0, None, WeightRange::Full).expect("finite");
        assert_eq!(rows.scales, [2.0 / 127.0, 1.0]);
        assert_eq!(rows.bytes.as_i8().expect("i8"), [64, -127, 32, 100, 50, -127]);
        let columns = quantize_per_channel(&weights, 1, None, WeightRange::Full).expect("finite");
        assert_eq!(columns.scales, [100.0 / 127.0, 50.0 / 127.0, 1.0]);
        assert_eq!(columns.bytes.as_i8().expect("i8"), [1, -5, 0, 127, 127, -127]);
        assert!(quantize_per_channel(&weights, 2, None, WeightRange::Full).is_err());
    }

    /// What two weights of 1 (the second times `sign`) become, the others being zeros.
    fn pair_safe_pair(shape: &[usize], axis: usize, at: [usize; 2], sign: f32) -> [i8; 2] {
        let mut values = vec![0.0f32; shape.iter().product()];
        (values[at[0]], values[at[1]]) = (1.0, sign);
        let weights = Tensor::new(shape, values).expect("fits");
        let pair_safe = quantize_per_channel(&weights, axis, None, WeightRange::PairSafe).expect("finite");
        at.map(|at| pair_safe.bytes.as_i8().expect("i8")[at])
    }

    #[test]
    fn pair_safe_weights_share_a_range_with_their_neighbours_alone() {
        let neighbours = [64, 64];
        let strangers = [127, 127];
        // Four inputs of 3×3 taps: the same tap of inputs 0 and 1, of 1 and 2, two taps of one input.
        let conv = |[a, b]: [(usize, usize); 2], inputs: usize| {
            pair_safe_pair(&[1, inputs, 3, 3], 0, [a, b].map(|(input, tap)| input * 9 + tap), 1.0)
        };
        assert_eq!(conv([(0, 4), (1, 4)], 4), neighbours);
        assert_eq!(conv([(2, 8), (3, 8)], 4), neighbours);
        assert_eq!(conv([(1, 4), (2, 4)], 4), strangers);
        assert_eq!(conv([(0, 4), (0, 5)], 4), strangers);
        assert_eq!(conv([(3, 4), (0, 5)], 4), strangers);
        // Three inputs: all weights beside each other.
        assert_eq!(conv([(0, 4), (1, 4)], 3), neighbours);
        assert_eq!(conv([(1, 4), (2, 4)], 3), neighbours);
        assert_eq!(conv([(2, 4), (0, 5)], 3), neighbours);
        assert_eq!(conv([(0, 4), (2, 4)], 3), strangers);
        // One tap, and matrices.
        assert_eq!(pair_safe_pair(&[1, 3, 1, 1], 0, [0, 1], 1.0), neighbours);
        assert_eq!(pair_safe_pair(&[1, 3, 1, 1], 0, [1, 2], 1.0), strangers);
        assert_eq!(pair_safe_pair(&[2, 5], 0, [7, 8], 1.0), neighbours);
        assert_eq!(pair_safe_pair(&[2, 5], 0, [8, 9], 1.0), strangers);
        assert_eq!(pair_safe_pair(&[5, 2], 1, [1, 3], 1.0), neighbours);
        assert_eq!(pair_safe_pair(&[5, 2], 1, [3, 5], 1.0), strangers);
        // Products of opposite signs cancel.
        assert_eq!(pair_safe_pair(&[4, 1], 1, [0, 1], -1.0), [127, -127]);
    }

    #[test]
    fn pair_safe_sums_fit_sixteen_bits() {
        let mut random = Random(1);
        let shapes = [
            (vec![5, 8], 0),
            (vec![7, 4], 1),
            (vec![6, 4, 3, 3], 0),
            (vec![6, 3, 3, 3], 0),
            (vec![2, 1, 5], 0),
            (vec![3, 7, 1, 1], 0),
        ];
        for (shape, axis) in shapes.iter().cycle().take(40 * shapes.len()) {
            let (axis, len) = (*axis, shape.iter().product());
            // Few are large, as in trained networks: one pair decides the scale of most channels.
            let values: Vec<f32> = (0..len).map(|_| random.float().powi(7)).collect();
            let weights = Tensor::new(shape.clone(), values).expect("fits");
            let pair_safe =
                quantize_per_channel(&weights, axis, None, WeightRange::PairSafe).expect("finite");
            let bytes = pair_safe.bytes.as_i8().expect("i8");
            let (channels, depth) = (shape[axis], len / shape[axis]);
            let inputs = if axis == 0 { shape[1] } else { depth };
            let taps = depth / inputs;
            for channel in 0..channels {
                let column: Vec<i32> = (0..depth)
                    .map(|d| match axis {
                        0 => bytes[(channel * inputs + d % inputs) * taps + d / inputs].into(),
                        _ => bytes[d * channels + channel].into(),
                    })
                    .collect();
                // As packed by rows of taps, each of which begins a pair; tap by tap; and as a whole.
                for len in [inputs * shape.get(3).unwrap_or(&taps), inputs, depth] {
                    for pair in column.chunks(len).flat_map(|segment| segment.chunks(2)) {
                        let of_sign = |sign: i32| pair.iter().map(|w| (w * sign).max(0)).sum::<i32>();
                        assert!(of_sign(1) <= 128 && of_sign(-1) <= 128, "{shape:?}: {pair:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_bias_fits_the_accumulator() {
        // Channel 0: ordinary. 1: dead, with an offset. 2: zeros with an offset. 3: zeros without one.
        let weights = Tensor::new([4, 1], vec![0.5f32, 1e-9, 0.0, 0.0]).expect("four");
        let bias = [1.0f32, 3.0, -3.0, 0.0];
        let input_scale = 0.02f32;
        let quantized =
            quantize_per_channel(&weights, 0, Some((input_scale, &bias)), WeightRange::Full).expect("finite");
        assert_eq!(quantized.scales[0], 0.5 / 127.0);
        assert_eq!(quantized.scales[3], 1.0);
        let ints = quantize_bias(&bias, input_scale, &quantized.scales).expect("finite");
        for (channel, &bias) in bias.iter().enumerate() {
            let value = ints.values[channel];
            assert!(value.unsigned_abs() <= 1 << 30);
            let back = value as f32 * ints.scales[channel];
            let step = input_scale * quantized.scales[channel];
            assert!(
                (back - bias).abs() <= (step / 2.0).max(bias.abs() * 1e-6),
                "{channel}: {back} for {bias}"
            );
        }
    }

    #[test]
    fn whatever_the_activations_weights_have_scales() {
        for input in [MIN_SCALE, 1e-9, 1.0, 1e9, MAX_SCALE] {
            for output in [MIN_SCALE, 1e-9, 1.0, 1e9, MAX_SCALE] {
                let limits = ScaleLimits::new(input, Some(output));
                assert!(limits.least <= limits.greatest, "{input} {output}: {limits:?}");
                for scale in [limits.least as f32, limits.greatest as f32] {
                    let products = [scale, input * scale, input * scale / output];
                    assert!(
                        products.iter().all(|product| product.is_normal()),
                        "{input} {output}: {products:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_bias_leaves_room_for_deep_sums() {
        let depth = 60_000;
        let weights = Tensor::new([1, depth], vec![1e-9f32; depth]).expect("fits");
        let quantized =
            quantize_per_channel(&weights, 0, Some((1.0, &[1.0])), WeightRange::Full).expect("finite");
        let bias = quantize_bias(&[1.0], 1.0, &quantized.scales).expect("finite");
        assert!(i64::from(bias.values[0]) + depth as i64 * 255 * 127 <= i64::from(i32::MAX) + 1);
        assert!((bias.values[0] as f32 * bias.scales[0] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn hostile_numbers_stay_in_range() {
        let weights = Tensor::new([2], vec![f32::MAX, f32::from_bits(1)]).expect("two");
        let bias = [f32::MAX, f32::MIN];
        let quantized =
            quantize_per_channel(&weights, 0, Some((MIN_SCALE, &bias)), WeightRange::Full).expect("finite");
        let ints = quantize_bias(&bias, MIN_SCALE, &quantized.scales).expect("finite");
        assert!(quantized.scales.iter().chain(&ints.scales).all(|scale| scale.is_normal()));
        assert!(ints.values.iter().all(|value| value.unsigned_abs() <= 1 << 30));
        for range in [WeightRange::Full, WeightRange::PairSafe] {
            let scales =
                |weights: &Tensor| quantize_per_channel(weights, 0, None, range).expect("finite").scales;
            assert!(scales(&Tensor::new([2, 2], vec![f32::MAX; 4]).expect("four"))[0].is_normal());
            let empty = |shape: &[usize]| Tensor::new(shape, Vec::<f32>::new()).expect("none");
            assert_eq!(scales(&empty(&[0, 3])), []);
            assert_eq!(scales(&empty(&[3, 0])), [1.0; 3]);
            assert_eq!(scales(&empty(&[2, 3, 0])), [1.0; 2]);
            assert_eq!(scales(&Tensor::vector(vec![127.0f32, 0.0])), [1.0, 1.0]);
        }
    }

    #[test]
    fn what_is_not_finite_is_an_error() {
        let weights = Tensor::new([3], vec![0.0, f32::NAN, 1.0]).expect("three");
        let error = quantize_per_channel(&weights, 0, None, WeightRange::Full).expect_err("NaN").to_string();
        assert!(error.contains("element 1 is NaN"), "{error}");
        assert!(quantize_bias(&[f32::INFINITY], 1.0, &[1.0]).is_err());
        assert!(quantize_bias(&[1.0], 1.0, &[1.0, 2.0]).is_err());
    }
}
