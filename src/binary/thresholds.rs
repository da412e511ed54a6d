//! Thresholds of sums, by which they become bits.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::MAX_DEPTH;
use crate::Error;
use crate::check::{check_size, in_range};

/// A threshold for each output channel: `bit[n] = (sum < threshold[n]) ≠ flip[n]`.
///
/// ```
/// use eightbit::binary::Thresholds;
/// // sign(sum · 0.5 − 1) and sign(−sum + 3), for sums of ten products.
/// let chain = |channel, sum: i32| [sum as f32 * 0.5 - 1.0, -sum as f32 + 3.0][channel];
/// let thresholds = Thresholds::of_chain(10, 2, chain)?;
/// assert_eq!(thresholds.thresholds(), [2, 4]);
/// assert_eq!(thresholds.flips(), [false, true]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    thresholds: Vec<i32>,
    flips: Vec<bool>,
}

/// No sum is less than that.
pub(super) const LEAST: i32 = -(1 << 30);

impl Thresholds {
    /// From thresholds, −2³⁰ … 2³⁰, and whether the bit says the contrary.
    ///
    /// # Errors
    ///
    /// If there are not as many of both, or a threshold is out of range.
    pub fn new(thresholds: Vec<i32>, flips: Vec<bool>) -> Result<Thresholds, Error> {
        check_size("number of flips", thresholds.len(), flips.len())?;
        thresholds.iter().try_for_each(|&threshold| in_range("threshold", threshold, LEAST, -LEAST))?;
        Ok(Thresholds { thresholds, flips })
    }

    /// Those for which a bit is set exactly where `chain(channel, sum)` is less than 0, for each sum of `depth` products: what a network
    /// does with the sum in floats until it takes the sign (a scale, a bias, a normalization). For each channel the chain must rise or fall
    /// with the sum and not turn, as every sequence of rounded additions and multiplications by constants does; it is called about
    /// log₂(depth) times.
    ///
    /// # Errors
    ///
    /// If the depth is more than [`MAX_DEPTH`], or the chain gives NaN.
    pub fn of_chain(
        depth: usize,
        channels: usize,
        mut chain: impl FnMut(usize, i32) -> f32,
    ) -> Result<Thresholds, Error> {
        Self::of_chains(depth, channels, |sums| {
            sums.iter().enumerate().map(|(channel, &sum)| chain(channel, sum)).collect()
        })
    }

    /// As [`of_chain`](Self::of_chain), of all channels at once: `chains` takes a sum for each channel, and gives what becomes of it.
    ///
    /// # Errors
    ///
    /// As [`of_chain`](Self::of_chain), and if `chains` does not give as many numbers.
    pub fn of_chains(
        depth: usize,
        channels: usize,
        mut chains: impl FnMut(&[i32]) -> Vec<f32>,
    ) -> Result<Thresholds, Error> {
        if depth > MAX_DEPTH {
            let why = format!("a depth of {depth} is more than {MAX_DEPTH}");
            return Err(Error::Shape { what: "thresholds", why });
        }
        // Less than 2³⁰.
        let depth = depth as i32;
        let mut negative = |sums: &[i32]| {
            let found = chains(sums);
            check_size("number of results of the chains", sums.len(), found.len())?;
            match found.iter().position(|value| value.is_nan()) {
                Some(channel) => {
                    let what = "what the chain makes of a sum";
                    Err(Error::NotFinite { what, found: f32::NAN, index: Some(channel) })
                }
                None => Ok(found.iter().map(|value| *value < 0.0).collect::<Vec<bool>>()),
            }
        };
        // The sign of `low` holds for all sums below the threshold, that of `high` from there on.
        let (mut low, mut high) = (vec![-depth; channels], vec![depth; channels]);
        let (first, last) = (negative(&low)?, negative(&high)?);
        while low.iter().zip(&high).any(|(low, high)| high - low > 1) {
            let middle: Vec<i32> = low.iter().zip(&high).map(|(low, high)| low + (high - low) / 2).collect();
            for (channel, is_negative) in negative(&middle)?.into_iter().enumerate() {
                let end = if is_negative == first[channel] { &mut low } else { &mut high };
                end[channel] = middle[channel];
            }
        }
        let is_constant = |channel: usize| first[channel] == last[channel];
        Ok(Thresholds {
            thresholds: (0..channels).map(|n| if is_constant(n) { LEAST } else { high[n] }).collect(),
            flips: (0..channels).map(|n| if is_constant(n) { first[n] } else { !first[n] }).collect(),
        })
    }

    /// The thresholds, by channel.
    #[must_use]
    pub fn thresholds(&self) -> &[i32] {
        &self.thresholds
    }

    /// Whether the bit is set where the sum is *not* less, by channel.
    #[must_use]
    pub fn flips(&self) -> &[bool] {
        &self.flips
    }

    /// The bit of a sum.
    ///
    /// # Panics
    ///
    /// If the channel does not exist.
    #[must_use]
    pub fn bit(&self, channel: usize, sum: i32) -> bool {
        (sum < self.thresholds[channel]) != self.flips[channel]
    }
}
