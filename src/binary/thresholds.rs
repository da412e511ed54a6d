//! Thresholds of sums, by which they become bits.

use alloc::format;
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
const LEAST: i32 = -(1 << 30);

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
    /// 2 · log₂(depth) times.
    ///
    /// # Errors
    ///
    /// If the depth is more than [`MAX_DEPTH`], or the chain gives NaN.
    pub fn of_chain(
        depth: usize,
        channels: usize,
        mut chain: impl FnMut(usize, i32) -> f32,
    ) -> Result<Thresholds, Error> {
        if depth > MAX_DEPTH {
            let why = format!("a depth of {depth} is more than {MAX_DEPTH}");
            return Err(Error::Shape { what: "thresholds", why });
        }
        // Less than 2³⁰.
        let depth = depth as i32;
        let mut negative = |channel, sum| {
            let found: f32 = chain(channel, sum);
            if found.is_nan() {
                let what = "what the chain makes of a sum";
                return Err(Error::NotFinite { what, found, index: Some(channel) });
            }
            Ok(found < 0.0)
        };
        let mut found = Thresholds { thresholds: Vec::new(), flips: Vec::new() };
        for channel in 0..channels {
            // The sign of `low` holds for all sums below the threshold, that of `high` from there on.
            let (mut low, mut high) = (-depth, depth);
            let (first, last) = (negative(channel, low)?, negative(channel, high)?);
            let (threshold, flip) = if first == last {
                (LEAST, first)
            } else {
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    if negative(channel, middle)? == first {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                (high, !first)
            };
            found.thresholds.push(threshold);
            found.flips.push(flip);
        }
        Ok(found)
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
