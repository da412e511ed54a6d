//! Prepares a [`Stage`] for kernels: checks it and lays it out by column, padded to whole panels.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use eightbit_kernels::gemm::{self, PackedPanels};

use crate::packed::Packed;
use crate::{Dequantize, ElementType, Error, Multiplier, PackedWeights, Per, Requantize, Stage};

/// A checked stage for a known number of channels.
#[derive(Clone, Debug)]
pub(crate) struct Epilogue {
    output: ElementType,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Accumulators { accumulate: bool },
    Requantize { scale: Vec<f32>, zero_point: i32, low: i32, high: i32 },
    Fixed { multiplier: Vec<i32>, shift: Vec<i32>, zero_point: i32, low: i32, high: i32 },
    Dequantize { scale: Vec<f32>, bias: Option<Vec<f32>>, low: f32, high: f32 },
}

impl Epilogue {
    /// Checks a stage and lays out what it has by channel as `channels` says.
    pub(crate) fn new(stage: &Stage, channels: Columns) -> Result<Epilogue, Error> {
        let kind = match stage {
            Stage::Accumulators { accumulate } => Kind::Accumulators { accumulate: *accumulate },
            Stage::Requantize(requantize) => Self::requantize(requantize, channels)?,
            Stage::Dequantize(dequantize) => Self::dequantize(dequantize, channels)?,
        };
        Ok(Epilogue { output: stage.output(), kind })
    }

    fn requantize(requantize: &Requantize, channels: Columns) -> Result<Kind, Error> {
        let Requantize { multiplier, zero_point, clamp: (low, high), output } = requantize;
        if !matches!(output, ElementType::U8 | ElementType::I8) {
            let what = "the output of a requantization";
            return Err(Error::ElementType { what, expected: ElementType::U8, found: *output });
        }
        let (min, max) = output.integer_range();
        in_range("output zero point", *zero_point, min, max)?;
        in_range("lower clamp", *low, min, max)?;
        in_range("upper clamp", *high, *low, max)?;
        let (zero_point, low, high) = (*zero_point, *low, *high);
        Ok(match multiplier {
            Multiplier::F32(scale) => {
                scale.expect_channels("number of requantization scales", channels.total)?;
                positive("requantization scale", scale)?;
                Kind::Requantize { scale: channels.spread(scale, 1.0), zero_point, low, high }
            }
            Multiplier::Fixed(fixed) => {
                fixed.expect_channels("number of requantization multipliers", channels.total)?;
                for (_, value) in fixed.values() {
                    in_range("mantissa of a fixed-point multiplier", value.mantissa, 1 << 30, i32::MAX)?;
                    in_range("shift of a fixed-point multiplier", value.shift, -31, 30)?;
                }
                let unit = crate::FixedPoint { mantissa: 1 << 30, shift: 1 };
                let spread = channels.spread(fixed, unit);
                Kind::Fixed {
                    multiplier: spread.iter().map(|value| value.mantissa).collect(),
                    shift: spread.iter().map(|value| value.shift).collect(),
                    zero_point,
                    low,
                    high,
                }
            }
        })
    }

    fn dequantize(dequantize: &Dequantize, channels: Columns) -> Result<Kind, Error> {
        let Dequantize { scale, bias, clamp: (low, high) } = dequantize;
        scale.expect_channels("number of dequantization scales", channels.total)?;
        positive("dequantization scale", scale)?;
        if low.is_nan() || high.is_nan() || low > high {
            let why = format!("the clamp {low}..={high} is empty or not a number");
            return Err(Error::Shape { what: "dequantization", why });
        }
        let bias = match bias {
            None => None,
            Some(bias) => {
                let bias = Per::Channel(bias.clone());
                bias.expect_channels("number of biases", channels.total)?;
                for (index, found) in bias.values() {
                    if !found.is_finite() {
                        return Err(Error::NotFinite { what: "bias", found, index });
                    }
                }
                Some(channels.spread(&bias, 0.0))
            }
        };
        Ok(Kind::Dequantize { scale: channels.spread(scale, 1.0), bias, low: *low, high: *high })
    }

    /// The output type of the stage.
    #[inline]
    pub(crate) fn output(&self) -> ElementType {
        self.output
    }

    /// The stage in the kernels' form, with columns from `first` on (counted with padding).
    #[inline]
    pub(crate) fn stage<'a>(&'a self, first: usize, row_scale: Option<&'a [f32]>) -> gemm::Stage<'a> {
        let output = self.output;
        match &self.kind {
            Kind::Accumulators { accumulate } => gemm::Stage::Accumulators { accumulate: *accumulate },
            Kind::Requantize { scale, zero_point, low, high } => gemm::Stage::Requantize {
                scale: &scale[first..],
                zero_point: *zero_point,
                low: *low,
                high: *high,
                output,
            },
            Kind::Fixed { multiplier, shift, zero_point, low, high } => gemm::Stage::RequantizeFixed {
                multiplier: &multiplier[first..],
                shift: &shift[first..],
                zero_point: *zero_point,
                low: *low,
                high: *high,
                output,
            },
            Kind::Dequantize { scale, bias, low, high } => gemm::Stage::Dequantize {
                scale: &scale[first..],
                row_scale,
                bias: bias.as_ref().map(|bias| &bias[first..]),
                low: *low,
                high: *high,
            },
        }
    }
}

/// Output channels in groups, each padded to whole panels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    total: usize,
    groups: usize,
    /// Channels of a group, padding included.
    padded: usize,
}

impl Columns {
    /// Those of packed weights.
    pub(crate) fn of(weights: &PackedWeights) -> Columns {
        let (groups, padded) = match weights.packed() {
            Packed::Panels(groups) => (groups.len(), groups.first().map_or(0, PackedPanels::padded_columns)),
            Packed::Taps(taps) => (1, taps.padded_channels()),
        };
        Columns { total: weights.columns(), groups, padded }
    }

    /// Their number, padding included.
    pub(crate) fn len(self) -> usize {
        self.groups * self.padded
    }

    /// The values by channel; groups are padded with `filler`.
    pub(crate) fn spread<T: Copy>(self, values: &Per<T>, filler: T) -> Vec<T> {
        let mut spread = vec![filler; self.len()];
        if self.groups > 0 && self.padded > 0 {
            let group = self.total / self.groups;
            for n in 0..self.total {
                spread[n / group * self.padded + n % group] = values.of(n);
            }
        }
        spread
    }
}

pub(crate) fn in_range(what: &'static str, found: i32, low: i32, high: i32) -> Result<(), Error> {
    if (low..=high).contains(&found) {
        Ok(())
    } else {
        Err(Error::OutOfRange { what, low: low.into(), high: high.into(), found: found.into() })
    }
}

pub(crate) fn positive(what: &'static str, scales: &Per<f32>) -> Result<(), Error> {
    for (index, found) in scales.values() {
        if !(found.is_finite() && found > 0.0) {
            return Err(Error::Scale { what, found, index });
        }
    }
    Ok(())
}
