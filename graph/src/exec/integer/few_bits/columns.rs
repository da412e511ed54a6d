//! Weights as integers times one number by channel.

use eightbit::binary::row_bytes;

use super::grid::Grid;

/// Integer weights and scales whose products with a grid's numbers add up to the sums of the floats, bit for bit.
///
/// A float is an odd integer times a power of two. The weights of a channel are integers `u` times the greatest number `c` that divides all
/// of them, the activations integers `v` times the step `a`. So every product and every sum of products is an integer times `a · c`. If `a · c`
/// is `o · 2^e` with an odd `o`, and `o · max|v| · Σ|u|` is at most 2²⁴, all of them are floats: no addition rounds, in whatever order, and the
/// sum is `f32(Σ v·u) · (a · c)`. The activations themselves must be floats, too: `max|v| · a` is finite.
#[derive(Debug)]
pub(super) struct Columns {
    /// `[channel][depth]`.
    pub(super) integers: Vec<i8>,
    /// `a · c` by channel.
    pub(super) scales: Vec<f32>,
}

/// Integers up to it are floats.
const EXACT: u128 = 1 << 24;

impl Columns {
    /// Those of `weight(channel, k)`; `None` if they are not exact, or an integer does not fit a byte.
    pub(super) fn new(
        grid: &Grid,
        channels: usize,
        depth: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Option<Columns> {
        let (step, step_exponent) = odd(grid.step)?;
        if !(grid.reach() as f32 * grid.step).is_finite() {
            return None;
        }
        let mut found = Columns { integers: Vec::with_capacity(channels * depth), scales: Vec::new() };
        let mut column = vec![0.0; depth];
        for channel in 0..channels {
            column.iter_mut().enumerate().for_each(|(k, w)| *w = weight(channel, k));
            let (divisor, exponent) = common_divisor(&column)?;
            let mut reach = 0u64;
            for &w in &column {
                let integer = match odd(w) {
                    None if w == 0.0 => 0,
                    None => return None,
                    Some((odd, own)) => {
                        // A multiple of the divisor, by its definition.
                        let magnitude = (odd / divisor) << (own - exponent);
                        i64::try_from(magnitude).ok()? * if w < 0.0 { -1 } else { 1 }
                    }
                };
                reach += integer.unsigned_abs();
                found.integers.push(i8::try_from(integer).ok()?);
            }
            let of_both = step * divisor;
            let largest = u128::from(of_both) * u128::from(grid.reach()) * u128::from(reach.max(1));
            let exponent = step_exponent + exponent;
            // Far from numbers that are no normal floats, or too large.
            if largest > EXACT || !(-100..=90).contains(&exponent) {
                return None;
            }
            found.scales.push(of_both as f32 * (exponent as f32).exp2());
        }
        Some(found)
    }

    /// Whether all weights are 1 or −1 times the scale.
    pub(super) fn are_signs(&self) -> bool {
        self.integers.iter().all(|integer| integer.abs() == 1)
    }

    /// Signs as rows of `columns` bits.
    pub(super) fn bits(&self, columns: usize) -> Vec<u8> {
        let mut bits = vec![0; self.integers.len() / columns * row_bytes(columns)];
        for (row, bits) in self.integers.chunks_exact(columns).zip(bits.chunks_exact_mut(row_bytes(columns)))
        {
            for (i, &integer) in row.iter().enumerate() {
                bits[i / 8] |= u8::from(integer < 0) << (i % 8);
            }
        }
        bits
    }
}

/// The magnitude of a number as an odd integer and an exponent of two; `None` of 0 and of what is no normal number.
fn odd(x: f32) -> Option<(u64, i32)> {
    if !x.is_normal() {
        return None;
    }
    let bits = x.to_bits();
    let significand = u64::from(bits & 0x7f_ffff | 0x80_0000);
    let zeros = significand.trailing_zeros() as i32;
    Some((significand >> zeros, (bits >> 23 & 0xff) as i32 - 150 + zeros))
}

/// The greatest number, an odd integer times a power of two, that divides all; 1 if all are 0. `None` if their exponents differ by more than
/// a byte can tell.
fn common_divisor(numbers: &[f32]) -> Option<(u64, i32)> {
    let mut least: Option<(u64, i32)> = None;
    let mut greatest = i32::MIN;
    for &x in numbers.iter().filter(|x| **x != 0.0) {
        let (own, exponent) = odd(x)?;
        greatest = greatest.max(exponent);
        least = Some(match least {
            None => (own, exponent),
            Some((divisor, lowest)) => (gcd(divisor, own), lowest.min(exponent)),
        });
    }
    let (divisor, lowest) = least.unwrap_or((1, 0));
    (greatest.saturating_sub(lowest) < 8).then_some((divisor, lowest))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::super::grid::Rule;
    use super::*;

    fn grid(step: f32, high: i32) -> Grid {
        Grid { step, low: -high, high, rule: Rule::Sign }
    }

    #[test]
    fn weights_are_divided_by_what_they_have_in_common() {
        let weights = [0.375f32, -0.75, 0.0, 1.125];
        let found = Columns::new(&grid(0.5, 1), 1, 4, |_, k| weights[k]).unwrap();
        assert_eq!((found.integers, found.scales), (vec![1, -2, 0, 3], vec![0.1875]));
        assert!(!Columns::new(&grid(1.0, 1), 1, 2, |_, k| [1.0, 2.0][k]).unwrap().are_signs());
        let signs = Columns::new(&grid(1.0, 1), 2, 2, |n, k| if n == k { -0.3 } else { 0.3 }).unwrap();
        assert!(signs.are_signs());
        assert_eq!(signs.scales, [0.3; 2]);
        assert_eq!(signs.bits(2)[..], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_not_exact_is_refused() {
        // 0.3 is 5033165 · 2⁻²⁴: three of them are less than 2²⁴ · 2⁻²⁴, four are more.
        let of_depth = |depth, weight| Columns::new(&grid(1.0, 1), 1, depth, |_, _| weight);
        assert!(of_depth(3, 0.3).is_some() && of_depth(4, 0.3).is_none());
        assert!(of_depth(1000, 0.25).is_some());
        let of_reach = |depth| Columns::new(&grid(1.0, 127), 1, depth, |_, _| 1.0);
        assert!(of_reach(132_104).is_some() && of_reach(132_105).is_none());
        for weights in [[1.0, 128.0], [1.0, f32::NAN], [1.0, f32::INFINITY], [1e-44, 1e-44], [1.0, 0.1]] {
            assert!(Columns::new(&grid(1.0, 1), 1, 2, |_, k| weights[k]).is_none(), "{weights:?}");
        }
        assert!(Columns::new(&grid(2f32.powi(125), 127), 1, 1, |_, _| 2f32.powi(-100)).is_none());
        assert!(Columns::new(&grid(1e-38, 1), 1, 1, |_, _| 1e-30).is_none());
        let zeros = Columns::new(&grid(1.0, 1), 1, 3, |_, _| -0.0).unwrap();
        assert_eq!((zeros.integers, zeros.scales), (vec![0; 3], vec![1.0]));
    }
}
