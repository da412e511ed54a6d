//! Runs a function of two bytes with the requantization of its results.
//!
//! Where the function rises with the first byte, its extremes are at the least and the greatest byte of each channel, and with many
//! pixels the bytes of the output come from a table for each channel.

use super::chain::Clamp;
use super::threads;
use crate::exec::parallel::by_rows;
use crate::ops::requantization_range::used;
use crate::ops::shared::byte_pair::BytePair;
use crate::ops::shared::clamped_codes::bounds;
use crate::ops::shared::code_range::CodeRange;
use crate::ops::shared::requantizer::Requantizer;

/// Rows from which on a table for each channel takes less time than the function itself.
const MANY_ROWS: usize = 16;
/// Channels up to which there are tables: a row may be a whole image, too.
const MOST_CHANNELS: usize = 4096;

/// What a thread has found in its rows.
#[derive(Clone, Debug)]
struct Found {
    /// Of each channel.
    least: Vec<u8>,
    greatest: Vec<u8>,
    /// Of all results.
    extremes: (i32, i32),
    /// Whether there were any.
    has_rows: bool,
}

/// Memory of a step.
#[derive(Debug)]
pub(super) struct Requantized {
    clamp: Option<Clamp>,
    found: Vec<Found>,
    /// For each channel the byte of the output by the byte of the input; empty where there are few rows.
    tables: Vec<[u8; 256]>,
}

impl Requantized {
    /// Memory for `len` bytes in rows of `row`.
    pub(super) fn new(len: usize, row: usize, threads: usize, clamp: Option<Clamp>) -> Self {
        let many = len >= row.saturating_mul(MANY_ROWS);
        let channels = if many && row <= MOST_CHANNELS { row } else { 0 };
        let found = Found {
            least: vec![0; channels],
            greatest: vec![0; channels],
            extremes: (0, 0),
            has_rows: false,
        };
        Self { clamp, found: vec![found; threads], tables: vec![[0; 256]; channels] }
    }

    /// The bytes of `memory`, which a step takes beside its values.
    pub(super) fn bytes(&self) -> u64 {
        (size_of_val(&self.tables[..]) + 2 * self.found.len() * self.tables.len()) as u64
    }

    /// Computes `out` and returns its range; `right` has the function of the second byte for each element of a row.
    pub(super) fn run(
        &mut self,
        x: &[u8],
        pair: &BytePair,
        right: &[i32],
        out: &mut [u8],
        states: &mut [()],
    ) -> CodeRange {
        let states = threads(states, x.len());
        let by_channel = !self.tables.is_empty() && pair.is_rising(right);
        let extremes = self.extremes(x, pair, right, by_channel, states);
        let to = used(extremes, pair.range);
        let requantizer = Requantizer::new(pair.range, to);
        let (low, high) = self.clamp.map_or((0, u8::MAX), |clamp| bounds(to, clamp.upper));
        let byte = |code: i32| requantizer.code(code).max(low).min(high);
        let row = right.len();
        if by_channel {
            for (channel, (table, &right)) in self.tables.iter_mut().zip(right).enumerate() {
                let found = self.found.iter().take(states.len()).filter(|found| found.has_rows);
                let (least, greatest) = found.fold((u8::MAX, 0), |(least, greatest), found| {
                    (least.min(found.least[channel]), greatest.max(found.greatest[channel]))
                });
                // Other bytes do not occur.
                let bytes = usize::from(least)..usize::from(greatest) + 1;
                let lefts = pair.left.get(bytes.clone()).unwrap_or_default();
                for (to, &left) in table.get_mut(bytes).unwrap_or_default().iter_mut().zip(lefts) {
                    *to = byte(pair.join(left, right));
                }
            }
        }
        let tables = &self.tables;
        by_rows(out, row, states, |first, part, ()| {
            for (x, out) in x.chunks_exact(row).skip(first).zip(part.chunks_exact_mut(row)) {
                if by_channel {
                    for ((&x, table), out) in x.iter().zip(tables).zip(out) {
                        *out = table[usize::from(x)];
                    }
                } else {
                    for ((&x, &right), out) in x.iter().zip(right).zip(out) {
                        *out = byte(pair.join(pair.left[usize::from(x)], right));
                    }
                }
            }
        });
        to
    }

    /// The least and the greatest result.
    fn extremes(
        &mut self,
        x: &[u8],
        pair: &BytePair,
        right: &[i32],
        by_channel: bool,
        states: &mut [()],
    ) -> (i32, i32) {
        let row = right.len();
        let rows = (x.len() / row).div_ceil(states.len().max(1));
        let found = self.found.get_mut(..states.len()).unwrap_or_default();
        by_rows(found, 1, states, |first, found, ()| {
            for (index, found) in found.iter_mut().enumerate() {
                let mut rows_of_x = x.chunks_exact(row).skip((first + index) * rows).take(rows);
                found.extremes = (i32::MAX, i32::MIN);
                found.has_rows = by_channel && found.channels(&mut rows_of_x);
                if found.has_rows {
                    let ends = found.least.iter().chain(&found.greatest).zip(right.iter().cycle());
                    let of_channels =
                        ends.map(|(&byte, &right)| pair.join(pair.left[usize::from(byte)], right));
                    found.extremes = of_channels.fold(found.extremes, widened);
                } else if !by_channel {
                    for x in rows_of_x {
                        let results = x.iter().zip(right);
                        let results = results.map(|(&x, &right)| pair.join(pair.left[usize::from(x)], right));
                        found.extremes = results.fold(found.extremes, widened);
                    }
                }
            }
        });
        found.iter().fold((i32::MAX, i32::MIN), |(least, greatest), found| {
            (least.min(found.extremes.0), greatest.max(found.extremes.1))
        })
    }
}

fn widened((least, greatest): (i32, i32), code: i32) -> (i32, i32) {
    (least.min(code), greatest.max(code))
}

impl Found {
    /// Finds the extremes of each channel in rows; `false` if there are none.
    fn channels<'x>(&mut self, mut rows: impl Iterator<Item = &'x [u8]>) -> bool {
        let Some(first) = rows.next() else { return false };
        self.least.copy_from_slice(first);
        self.greatest.copy_from_slice(first);
        for row in rows {
            for ((least, greatest), &x) in self.least.iter_mut().zip(&mut self.greatest).zip(row) {
                *least = (*least).min(x);
                *greatest = (*greatest).max(x);
            }
        }
        true
    }
}
