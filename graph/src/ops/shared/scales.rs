//! Quantization and dequantization.
//!
//! `q = clamp(rne(x / scale) + zero)`, `x = (q − zero) · scale`: a division and a multiplication in `f32`, rounded
//! to nearest, ties to even, as the crate `eightbit` defines them.

use eightbit::dynamic::Spread;

use super::arguments::Arguments;
use crate::{DataType, Error, Tensor, TensorData};

/// Zero points: none (0), one, or several.
pub(crate) struct ZeroPoints(Vec<i32>);

impl ZeroPoints {
    /// The zero points in input `index`.
    pub(crate) fn new(args: &Arguments<'_>, index: usize) -> Result<Self, Error> {
        let values = match args.optional(index).map(Tensor::data) {
            None => vec![0],
            Some(TensorData::U8(values)) => values.iter().map(|&zero| zero.into()).collect(),
            Some(TensorData::I8(values)) => values.iter().map(|&zero| zero.into()).collect(),
            Some(TensorData::U16(values)) => values.iter().map(|&zero| zero.into()).collect(),
            Some(TensorData::I16(values)) => values.iter().map(|&zero| zero.into()).collect(),
            Some(TensorData::I32(values)) => values.clone(),
            Some(other) => return Err(args.wrong_type(other.data_type())),
        };
        Ok(Self(values))
    }

    /// The single zero point, if there is only one.
    pub(crate) fn scalar(&self) -> Option<i32> {
        if let [zero] = self.0[..] { Some(zero) } else { None }
    }

    /// Whether there is one, or one per channel.
    pub(crate) fn fits(&self, channels: usize) -> bool {
        self.0.len() == 1 || self.0.len() == channels
    }

    /// The zero point of a channel.
    pub(crate) fn of(&self, channel: usize) -> i32 {
        self.0[if self.0.len() == 1 { 0 } else { channel }]
    }
}

/// Scales: one, or one per channel; finite and greater than 0.
pub(crate) struct Scales<'a>(&'a [f32]);

impl<'a> Scales<'a> {
    /// The scales in input `index`, for `channels` channels.
    pub(crate) fn new(args: &Arguments<'a>, index: usize, channels: usize) -> Result<Self, Error> {
        let scales = args.values::<f32>(index)?;
        if scales.len() != 1 && scales.len() != channels {
            return Err(
                args.error(format!("input {index} has {} scales, 1 or {channels} are needed", scales.len()))
            );
        }
        check_scales(args, scales)?;
        Ok(Self(scales))
    }

    /// The scale of a channel.
    pub(crate) fn of(&self, channel: usize) -> f32 {
        self.0[if self.0.len() == 1 { 0 } else { channel }]
    }
}

fn check_scales(args: &Arguments<'_>, scales: &[f32]) -> Result<(), Error> {
    match scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
        Some(scale) => Err(args.error(format!("scale {scale} is not a finite number greater than 0"))),
        None => Ok(()),
    }
}

/// The range of a type of quantized numbers.
fn range(args: &Arguments<'_>, data_type: DataType) -> Result<(i32, i32), Error> {
    match data_type {
        DataType::U8 => Ok((0, 255)),
        DataType::I8 => Ok((-128, 127)),
        DataType::U16 => Ok((0, 65_535)),
        DataType::I16 => Ok((-32_768, 32_767)),
        other => Err(args.wrong_type(other)),
    }
}

/// `clamp(rne(x) + zero)`; NaN gives `zero`.
pub(crate) fn rounded(x: f32, zero: i32, (low, high): (i32, i32)) -> i32 {
    if x.is_nan() {
        return zero.clamp(low, high);
    }
    // Clamped first, so that the conversion is exact for every `x`.
    x.clamp((low - zero) as f32, (high - zero) as f32).round_ties_even() as i32 + zero
}

/// Floats of which [`DynamicRange::of`] compares as many side by side.
const RANGE_LANES: usize = 32;

/// The range of floats, widened to hold 0, laid over all unsigned bytes.
pub(crate) struct DynamicRange {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

impl DynamicRange {
    /// What is wrong with floats that have no range.
    pub(crate) const NOT_FINITE: &str = "the range of the input is not finite";

    /// The range of `values`, if it is finite; NaN counts as 0.
    pub(crate) fn of(values: &[f32]) -> Option<Self> {
        // Lane by lane, for the compiler to make vectors of them.
        let (mut lows, mut highs) = ([0.0f32; RANGE_LANES], [0.0f32; RANGE_LANES]);
        let mut widen = |values: &[f32]| {
            for ((low, high), &x) in lows.iter_mut().zip(&mut highs).zip(values) {
                *low = if x < *low { x } else { *low };
                *high = if x > *high { x } else { *high };
            }
        };
        let (whole, rest) = values.as_chunks::<RANGE_LANES>();
        whole.iter().for_each(|lanes| widen(lanes));
        widen(rest);
        Self::over(lows.into_iter().fold(0.0, f32::min), highs.into_iter().fold(0.0, f32::max))
    }

    /// The range from `low`, 0 at most, to `high`, 0 at least, if its width is finite.
    pub(crate) fn over(low: f32, high: f32) -> Option<Self> {
        let steps = Spread::Range.steps(low, high, 0)?;
        Some(Self { scale: steps.scale, zero: steps.zero })
    }

    pub(crate) fn byte(&self, x: f32) -> u8 {
        rounded(x / self.scale, self.zero, (0, 255)) as u8
    }

    /// The float that the byte of `x` stands for.
    pub(crate) fn rounded(&self, x: f32) -> f32 {
        (i32::from(self.byte(x)) - self.zero) as f32 * self.scale
    }
}

/// The floats of the bytes in input `index`, of shape `[groups, rows, columns]`, as `[groups, columns, rows]`. Inputs `scale` and
/// `scale + 1` are scales and zero points: one, one per group, or one per column of each group.
pub(crate) fn dequantized_columns(args: &Arguments<'_>, index: usize, scale: usize) -> Result<Tensor, Error> {
    let tensor = args.tensor(index)?;
    let &[groups, rows, columns] = tensor.shape() else {
        return Err(args.error(format!("input {index} of shape {:?}, not of rank 3", tensor.shape())));
    };
    let values = bytes(args, index)?;
    let per_column = groups.saturating_mul(columns);
    let channels = if args.tensor(scale)?.len() <= groups { groups } else { per_column };
    let scales = Scales::new(args, scale, channels)?;
    let zeros = ZeroPoints::new(args, scale + 1)?;
    if !zeros.fits(groups) && !zeros.fits(per_column) {
        return Err(args.error(format!("input {} does not fit {channels} scales", scale + 1)));
    }
    let zero_per_column = !zeros.fits(groups);
    let mut floats = Vec::with_capacity(values.len());
    for group in 0..groups {
        let values = &values[group * rows * columns..][..rows * columns];
        for column in 0..columns {
            let channel = |per_column: bool| if per_column { group * columns + column } else { group };
            let (scale, zero) =
                (scales.of(channel(channels == per_column)), zeros.of(channel(zero_per_column)));
            floats.extend(values.iter().skip(column).step_by(columns).map(|&q| (q - zero) as f32 * scale));
        }
    }
    Tensor::new([groups, columns, rows], floats)
}

/// The bytes in input `index`, signed or not, as integers.
fn bytes(args: &Arguments<'_>, index: usize) -> Result<Vec<i32>, Error> {
    match args.tensor(index)?.data() {
        TensorData::U8(values) => Ok(values.iter().map(|&value| value.into()).collect()),
        TensorData::I8(values) => Ok(values.iter().map(|&value| value.into()).collect()),
        other => Err(args.wrong_type(other.data_type())),
    }
}

fn narrow(data_type: DataType, values: impl Iterator<Item = i32>) -> TensorData {
    match data_type {
        DataType::I8 => TensorData::I8(values.map(|value| value as i8).collect()),
        DataType::U16 => TensorData::U16(values.map(|value| value as u16).collect()),
        DataType::I16 => TensorData::I16(values.map(|value| value as i16).collect()),
        _ => TensorData::U8(values.map(|value| value as u8).collect()),
    }
}

/// Requantizes accumulators to eight bits.
pub(crate) struct Requantizer {
    multipliers: Vec<f32>,
    zero: i32,
    data_type: DataType,
    range: (i32, i32),
}

impl Requantizer {
    /// Requantization by the scales of both factors and of the result (`x_scale · w_scale[c] / y_scale`, each operation rounded to
    /// `f32`, as ONNX Runtime computes it) and the result's zero point in input `zero`, which also gives its type.
    pub(crate) fn new(args: &Arguments<'_>, scales: [Scales<'_>; 3], zero: usize) -> Result<Self, Error> {
        let [x, w, y] = scales;
        let count = x.0.len().max(w.0.len());
        let multipliers: Vec<f32> = (0..count).map(|c| x.of(c) * w.of(c) / y.of(0)).collect();
        check_scales(args, &multipliers)?;
        let zeros = ZeroPoints::new(args, zero)?;
        let data_type = args.tensor(zero)?.data_type();
        let (low, high) = range(args, data_type)?;
        let range = super::clamp::clamp(args.node(), low, high)?;
        let zero = zeros.scalar().ok_or_else(|| args.error("the output needs a single zero point"))?;
        Ok(Self { multipliers, zero, data_type, range })
    }

    /// The eight-bit numbers for accumulators and their channels.
    pub(crate) fn apply(&self, sums: impl Iterator<Item = (i32, usize)>) -> TensorData {
        let values = sums.map(|(sum, channel)| {
            let multiplier = self.multipliers[if self.multipliers.len() == 1 { 0 } else { channel }];
            rounded(sum as f32 * multiplier, self.zero, self.range)
        });
        narrow(self.data_type, values)
    }
}

/// The output of a product from its sums and their channels, by the scales of both factors: bytes by [`Requantizer`] if input
/// `to` is the scale of the output, else floats `sum · (x_scale · w_scale[c]) + bias[c]`, each operation rounded to `f32`.
pub(crate) fn of_sums(
    args: &Arguments<'_>,
    [x, w]: [Scales<'_>; 2],
    bias: Option<&[f32]>,
    to: usize,
    sums: impl Iterator<Item = (i32, usize)>,
) -> Result<TensorData, Error> {
    if args.optional(to).is_some() {
        return Ok(Requantizer::new(args, [x, w, Scales::new(args, to, 1)?], to + 1)?.apply(sums));
    }
    let float = |(sum, channel): (i32, usize)| {
        let product = sum as f32 * (x.of(0) * w.of(channel));
        bias.map_or(product, |bias| product + bias[channel])
    };
    Ok(TensorData::F32(sums.map(float).collect()))
}

/// The bias of a product, for `channels` channels: integers in steps of the sums, or floats beside a float output.
pub(crate) enum ProductBias<'a> {
    None,
    Steps(&'a [i32]),
    Floats(&'a [f32]),
}

impl<'a> ProductBias<'a> {
    /// The bias in input `index`; input `to` is the scale of the output.
    pub(crate) fn new(args: &Arguments<'a>, index: usize, to: usize, channels: usize) -> Result<Self, Error> {
        let Some(bias) = args.optional(index) else { return Ok(Self::None) };
        if *bias.shape() != [channels] {
            return Err(args.error(format!("a bias of shape {:?} for {channels} channels", bias.shape())));
        }
        Ok(match bias.data() {
            TensorData::F32(bias) if args.optional(to).is_none() => Self::Floats(bias),
            _ => Self::Steps(bias.as_i32()?),
        })
    }

    /// `sum` with the integers added.
    pub(crate) fn add_to(&self, sum: i32, channel: usize) -> i32 {
        if let Self::Steps(bias) = self { sum.wrapping_add(bias[channel]) } else { sum }
    }

    pub(crate) fn floats(&self) -> Option<&'a [f32]> {
        if let Self::Floats(bias) = self { Some(bias) } else { None }
    }
}

/// The scale that applies to an element: one for all, one per index of `axis`, or one per block along it.
enum Grid {
    Tensor,
    Axis { inner: usize, size: usize },
    Blocks { inner: usize, size: usize, block: usize },
}

impl Grid {
    fn new(args: &Arguments<'_>, x: &Tensor, scale: &Tensor) -> Result<Self, Error> {
        if scale.len() == 1 && scale.rank() <= 1 {
            return Ok(Self::Tensor);
        }
        let axis = args.axis(args.node().int("axis", 1)?, x.rank())?;
        let size = x.shape()[axis];
        let inner = x.shape()[axis + 1..].iter().product::<usize>().max(1);
        let block = args.node().int("block_size", 0)?;
        let block = usize::try_from(block)
            .map_err(|_| Error::attribute(args.node(), "block_size", "must not be negative"))?;
        let fits = if block == 0 {
            scale.rank() == 1 && scale.len() == size
        } else {
            scale.rank() == x.rank()
                && (0..x.rank()).all(|i| {
                    let wanted = if i == axis { size.div_ceil(block) } else { x.shape()[i] };
                    scale.shape()[i] == wanted
                })
        };
        if !fits {
            return Err(args.error(format!(
                "scales of shape {:?} do not fit axis {axis} of shape {:?}",
                scale.shape(),
                x.shape()
            )));
        }
        Ok(if block == 0 { Self::Axis { inner, size } } else { Self::Blocks { inner, size, block } })
    }

    /// The index of the scale of element `at`.
    fn index(&self, at: usize) -> usize {
        match *self {
            Self::Tensor => 0,
            Self::Axis { inner, size } => at / inner % size,
            Self::Blocks { inner, size, block } => {
                let (outer, along) = (at / inner / size, at / inner % size);
                (outer * size.div_ceil(block) + along / block) * inner + at % inner
            }
        }
    }
}

/// `QuantizeLinear`.
pub(crate) fn quantize(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let (x, scale) = (args.tensor(0)?, args.tensor(1)?);
    let data_type = match args.optional(2) {
        Some(zero) => zero.data_type(),
        None => match args.node().int("output_dtype", 0)? {
            // TensorProto.DataType of onnx.proto3.
            0 | 2 => DataType::U8,
            3 => DataType::I8,
            4 => DataType::U16,
            5 => DataType::I16,
            other => return Err(args.unsupported(format!("output type number {other}"))),
        },
    };
    let range = range(args, data_type)?;
    let (grid, scales) = (Grid::new(args, x, scale)?, scale.as_f32()?);
    check_scales(args, scales)?;
    let zeros = ZeroPoints::new(args, 2)?;
    if !zeros.fits(scales.len()) {
        return Err(args.error("the numbers of zero points and scales differ"));
    }
    let to_bytes = |(at, x): (usize, f32)| {
        let index = grid.index(at);
        rounded(x / scales[index], zeros.of(index), range)
    };
    let data = match x.data() {
        TensorData::F32(x) => narrow(data_type, x.iter().copied().enumerate().map(to_bytes)),
        TensorData::I32(x) => narrow(data_type, x.iter().map(|&x| x as f32).enumerate().map(to_bytes)),
        other => return Err(args.wrong_type(other.data_type())),
    };
    Tensor::new(x.shape(), data)
}

/// `DequantizeLinear`.
pub(crate) fn dequantize(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let (x, scale) = (args.tensor(0)?, args.tensor(1)?);
    let (grid, scales) = (Grid::new(args, x, scale)?, scale.as_f32()?);
    let zeros = ZeroPoints::new(args, 2)?;
    if !zeros.fits(scales.len()) {
        return Err(args.error("the numbers of zero points and scales differ"));
    }
    let to_float = |(at, x): (usize, i32)| {
        let index = grid.index(at);
        x.wrapping_sub(zeros.of(index)) as f32 * scales[index]
    };
    let result: Vec<f32> = match x.data() {
        TensorData::U8(x) => x.iter().map(|&x| x.into()).enumerate().map(to_float).collect(),
        TensorData::I8(x) => x.iter().map(|&x| x.into()).enumerate().map(to_float).collect(),
        TensorData::U16(x) => x.iter().map(|&x| x.into()).enumerate().map(to_float).collect(),
        TensorData::I16(x) => x.iter().map(|&x| x.into()).enumerate().map(to_float).collect(),
        TensorData::I32(x) => x.iter().copied().enumerate().map(to_float).collect(),
        other => return Err(args.wrong_type(other.data_type())),
    };
    Tensor::new(x.shape(), result)
}
