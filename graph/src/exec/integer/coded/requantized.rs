//! Runs a function of two bytes with the requantization of its results.
//!
//! Where the function rises with the first byte, its extremes are at the least and the greatest byte of each channel.

use eightbit::Backend;
use eightbit_kernels::elementwise::{CodesOfBytes, requantize_bytes, requantize_codes};

use super::chain::Clamp;
use super::worth;
use crate::exec::workers::Workers;
use crate::ops::requantization_range::used;
use crate::ops::shared::byte_pair::BytePair;
use crate::ops::shared::clamped_codes::bounds;
use crate::ops::shared::code_range::CodeRange;
use crate::ops::shared::requantizer::fixed_point;

/// Rows from which on the extremes of each channel take less time than the function itself.
const MANY_ROWS: usize = 16;
/// Channels up to which they are found: a row may be a whole image, too.
const MOST_CHANNELS: usize = 4096;
/// Elements from which on rows are computed one by one, and not several as one.
const LONG: usize = 1024;

/// What a thread has found in its rows.
#[derive(Clone, Debug)]
struct Found {
    /// Of each channel.
    least: Vec<u8>,
    greatest: Vec<u8>,
    /// Of all results.
    extremes: (i32, i32),
}

/// Memory of a step.
#[derive(Clone, Debug)]
pub(super) struct Requantized {
    backend: Backend,
    clamp: Option<Clamp>,
    /// Whether the extremes of each channel are found first.
    by_channel: bool,
    found: Vec<Found>,
    /// The function of the second byte, for some rows.
    addends: Vec<i32>,
    /// The results for as many elements, by thread.
    sums: Vec<Vec<i32>>,
}

impl Requantized {
    /// The channels whose extremes are found first, and the elements that are computed at a time, of `len` bytes in rows of `row`.
    fn sizes([len, row]: [usize; 2]) -> (usize, usize) {
        let by_channel = len >= row.saturating_mul(MANY_ROWS) && row <= MOST_CHANNELS;
        // No more than there are elements: `len` is a multiple of `row`.
        let several = row.saturating_mul(LONG.div_ceil(row.max(1))).min(len);
        (if by_channel { row } else { 0 }, several)
    }

    /// The bytes that a step for `len` bytes in rows of `row` takes beside its values.
    pub(super) fn bytes(sizes: [usize; 2], threads: usize) -> u64 {
        let (channels, several) = Self::sizes(sizes);
        let elements = (several as u64).saturating_mul(1 + threads as u64);
        elements.saturating_add(2 * (channels * threads) as u64).saturating_mul(size_of::<i32>() as u64)
    }

    /// Memory for `len` bytes in rows of `row`, one at least.
    pub(super) fn new(backend: Backend, sizes: [usize; 2], threads: usize, clamp: Option<Clamp>) -> Self {
        let (channels, several) = Self::sizes(sizes);
        let found =
            Found { least: vec![0; channels], greatest: vec![0; channels], extremes: (i32::MAX, i32::MIN) };
        Self {
            backend,
            clamp,
            by_channel: channels > 0,
            found: vec![found; threads],
            addends: vec![0; several],
            sums: vec![vec![0; several]; threads],
        }
    }

    /// Computes `out` and returns its range; `right` has the function of the second byte for each element of a row.
    pub(super) fn run(
        &mut self,
        x: &[u8],
        pair: &BytePair,
        right: &[i32],
        out: &mut [u8],
        workers: &Workers,
    ) -> CodeRange {
        let workers = worth(workers, x.len());
        let by_channel = self.by_channel && pair.is_rising(right);
        let to = used(self.extremes(x, pair, right, by_channel, &workers), pair.range);
        let by = fixed_point(pair.range, to);
        let bounds = self.clamp.map_or([0, u8::MAX], |clamp| bounds(to, clamp.upper).into());
        let line = pair.step().map(|step| (step, pair.left[0]));
        let base = line.map_or(0, |(_, base)| base);
        for (addend, right) in self.addends.iter_mut().zip(right.iter().cycle()) {
            *addend = base.wrapping_add(*right);
        }
        let (backend, addends, row) = (self.backend, &self.addends[..], right.len());
        let sums = self.sums.get_mut(..workers.parts()).unwrap_or_default();
        workers.by_rows_with(out, row, sums, |first, part, sums| {
            let x = x.get(first * row..).unwrap_or_default();
            for (x, out) in x.chunks(addends.len()).zip(part.chunks_mut(addends.len())) {
                let x = x.get(..out.len()).unwrap_or_default();
                if let Some((factor, _)) = line {
                    requantize_bytes(backend, CodesOfBytes { x, factor, addends }, by, bounds, out);
                    continue;
                }
                for ((sum, &x), &right) in sums.iter_mut().zip(x).zip(addends) {
                    *sum = pair.join(pair.left[usize::from(x)], right);
                }
                requantize_codes(backend, sums.get(..out.len()).unwrap_or_default(), by, bounds, out);
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
        workers: &Workers,
    ) -> (i32, i32) {
        let row = right.len();
        let rows = (x.len() / row).div_ceil(workers.parts());
        let found = self.found.get_mut(..workers.parts()).unwrap_or_default();
        workers.by_rows(found, 1, |first, found| {
            for (index, found) in found.iter_mut().enumerate() {
                let rows_of_x = x.chunks_exact(row).skip((first + index) * rows).take(rows);
                found.extremes = (i32::MAX, i32::MIN);
                if by_channel {
                    found.of_channels(rows_of_x, pair, right);
                    continue;
                }
                for x in rows_of_x {
                    let results = x.iter().zip(right);
                    let results = results.map(|(&x, &right)| pair.join(pair.left[usize::from(x)], right));
                    found.extremes = results.fold(found.extremes, widened);
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
    /// Finds the extremes of rows by those of each channel.
    fn of_channels<'x>(&mut self, mut rows: impl Iterator<Item = &'x [u8]>, pair: &BytePair, right: &[i32]) {
        let Some(first) = rows.next() else { return };
        self.least.copy_from_slice(first);
        self.greatest.copy_from_slice(first);
        for row in rows {
            for ((least, greatest), &x) in self.least.iter_mut().zip(&mut self.greatest).zip(row) {
                *least = (*least).min(x);
                *greatest = (*greatest).max(x);
            }
        }
        let ends = self.least.iter().chain(&self.greatest).zip(right.iter().cycle());
        let results = ends.map(|(&byte, &right)| pair.join(pair.left[usize::from(byte)], right));
        self.extremes = results.fold(self.extremes, widened);
    }
}
