//! Prepares a [`Stage`] for kernels: checks it and lays it out by column, padded to whole panels.

use alloc::vec;
use alloc::vec::Vec;
use eightbit_kernels::gemm::{self, PANEL};

use crate::check::{check_clamp, check_finite, check_scale, check_size, in_range};
use crate::packed::Packed;
use crate::{Dequantize, ElementType, Error, FixedPoint, Multiplier, PackedWeights, Per, Requantize, Stage};

/// The stage of a plan: with vectors, which have an element for every column, padding included.
type Prepared = gemm::Stage<Vec<f32>, Vec<i32>>;

/// A checked stage for a known number of channels.
#[derive(Clone, Debug)]
pub(crate) struct Epilogue {
    /// The stage's output type, which every call compares.
    output: ElementType,
    stage: Prepared,
}

impl Epilogue {
    /// Checks a stage and lays out what it has by channel as `channels` says.
    pub(crate) fn new(stage: &Stage, channels: Columns) -> Result<Epilogue, Error> {
        let prepared = match stage {
            Stage::Accumulators { accumulate } => Prepared::Accumulators { accumulate: *accumulate },
            Stage::Requantize(requantize) => prepare_requantize(requantize, channels)?,
            Stage::Dequantize(dequantize) => prepare_dequantize(dequantize, channels)?,
        };
        Ok(Epilogue { output: stage.output(), stage: prepared })
    }

    /// The output type of the stage.
    #[inline]
    pub(crate) fn output(&self) -> ElementType {
        self.output
    }

    /// Changes the factors of a dequantization: one for all channels, or one for each. Allocates nothing.
    pub(crate) fn set_scales(&mut self, scales: &[f32], channels: Columns) -> Result<(), Error> {
        let Prepared::Dequantize { scale, .. } = &mut self.stage else {
            return Err(not_dequantized());
        };
        if scales.len() != 1 {
            check_size("number of dequantization scales", channels.total, scales.len())?;
        }
        check_finite("dequantization scale", scales)?;
        channels.spread_into(|n| scales[if scales.len() == 1 { 0 } else { n }], scale);
        Ok(())
    }

    /// The factors of a dequantization, by column, padding included.
    pub(crate) fn dequantization_scales(&self) -> Result<&[f32], Error> {
        match &self.stage {
            Prepared::Dequantize { scale, .. } => Ok(scale),
            _ => Err(not_dequantized()),
        }
    }

    /// As [`stage`](Self::stage) of a dequantization, with other factors, which begin with that of column `first`.
    pub(crate) fn stage_with_scales<'a>(&'a self, first: usize, scales: &'a [f32]) -> gemm::StageRef<'a> {
        match self.stage(first, None) {
            gemm::Stage::Dequantize { row_scale, bias, low, high, .. } => {
                gemm::Stage::Dequantize { scale: scales, row_scale, bias, low, high }
            }
            other => other,
        }
    }

    /// The stage of a call, with columns from `first` on (counted with padding).
    #[inline]
    pub(crate) fn stage<'a>(&'a self, first: usize, row_scale: Option<&'a [f32]>) -> gemm::StageRef<'a> {
        self.stage.columns_from(first, row_scale)
    }
}

fn not_dequantized() -> Error {
    let why = "the plan's output is not dequantized, so it has no factors to change".into();
    Error::Shape { what: "dequantization", why }
}

fn prepare_requantize(requantize: &Requantize, channels: Columns) -> Result<Prepared, Error> {
    let &Requantize { ref multiplier, zero_point, clamp: (low, high), output } = requantize;
    if !matches!(output, ElementType::U8 | ElementType::I8) {
        let what = "the output of a requantization";
        return Err(Error::ElementType { what, expected: ElementType::U8, found: output });
    }
    let (min, max) = output.integer_range();
    in_range("output zero point", zero_point, min, max)?;
    in_range("lower clamp", low, min, max)?;
    in_range("upper clamp", high, low, max)?;
    Ok(match multiplier {
        Multiplier::F32(scale) => {
            scale.expect_channels("number of requantization scales", channels.total)?;
            positive("requantization scale", scale)?;
            Prepared::Requantize { scale: channels.spread(scale, 1.0), zero_point, low, high, output }
        }
        Multiplier::Fixed(fixed) => {
            fixed.expect_channels("number of requantization multipliers", channels.total)?;
            for (_, value) in fixed.values() {
                in_range("mantissa of a fixed-point multiplier", value.mantissa, 1 << 30, i32::MAX)?;
                in_range("shift of a fixed-point multiplier", value.shift, -31, 30)?;
            }
            let spread = channels.spread(fixed, FixedPoint { mantissa: 1 << 30, shift: 1 });
            let multiplier = spread.iter().map(|value| value.mantissa).collect();
            let shift = spread.iter().map(|value| value.shift).collect();
            Prepared::RequantizeFixed { multiplier, shift, zero_point, low, high, output }
        }
    })
}

fn prepare_dequantize(dequantize: &Dequantize, channels: Columns) -> Result<Prepared, Error> {
    let &Dequantize { ref scale, ref bias, clamp: (low, high) } = dequantize;
    scale.expect_channels("number of dequantization scales", channels.total)?;
    positive("dequantization scale", scale)?;
    check_clamp("dequantization", low, high)?;
    let bias = match bias {
        None => None,
        Some(bias) => {
            check_size("number of biases", channels.total, bias.len())?;
            check_finite("bias", bias)?;
            Some(channels.spread(&Per::Channel(bias.clone()), 0.0))
        }
    };
    Ok(Prepared::Dequantize { scale: channels.spread(scale, 1.0), row_scale: None, bias, low, high })
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
            Packed::Panels(groups) => {
                (groups.len(), groups.first().map_or(0, |panels| panels.padded_columns()))
            }
            Packed::Taps(taps) => (1, taps.padded_channels()),
        };
        Columns { total: weights.columns(), groups, padded }
    }

    /// Those of a matrix of `total` columns.
    pub(crate) fn of_matrix(total: usize) -> Columns {
        Self::of_panels(total, PANEL)
    }

    /// Those of a matrix of `total` columns in panels of `width`.
    pub(crate) fn of_panels(total: usize, width: usize) -> Columns {
        Columns { total, groups: 1, padded: total.next_multiple_of(width) }
    }

    /// Their number, padding included.
    pub(crate) fn len(self) -> usize {
        self.groups * self.padded
    }

    /// The values by channel; groups are padded with `filler`.
    pub(crate) fn spread<T: Copy>(self, values: &Per<T>, filler: T) -> Vec<T> {
        let mut spread = vec![filler; self.len()];
        self.spread_into(|n| values.of(n), &mut spread);
        spread
    }

    /// Writes the value of every channel to where `spread`, which is as long as [`len`](Self::len), has it; not the padding.
    fn spread_into<T>(self, value: impl Fn(usize) -> T, spread: &mut [T]) {
        if self.groups > 0 && self.padded > 0 {
            let group = self.total / self.groups;
            for n in 0..self.total {
                spread[n / group * self.padded + n % group] = value(n);
            }
        }
    }
}

pub(crate) fn positive(what: &'static str, scales: &Per<f32>) -> Result<(), Error> {
    for (index, found) in scales.values() {
        check_scale(what, found, index)?;
    }
    Ok(())
}
