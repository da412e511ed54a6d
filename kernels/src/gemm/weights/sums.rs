//! Sums of packed weights by column.

use alloc::vec;
use alloc::vec::Vec;
use core::array;

use wide::i16x8;

use crate::gemm::{Layout, PANEL};

/// The sums of the canonical weights of each of a kernel's taps, mod 2³²: `[tap][padded column]`. Taps lie one after the other in
/// the depth and have equal lengths; one takes all of it.
#[derive(Clone, Debug)]
pub(super) struct TapSums {
    taps: usize,
    padded_columns: usize,
    sums: Vec<i32>,
}

impl TapSums {
    /// Of no weights.
    pub(super) fn new(taps: usize, padded_columns: usize) -> TapSums {
        TapSums { taps, padded_columns, sums: vec![0; taps * padded_columns] }
    }

    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    pub(super) fn as_slice(&self) -> &[i32] {
        &self.sums
    }

    pub(super) fn into_vec(self) -> Vec<i32> {
        self.sums
    }

    /// The sums of the whole depth.
    pub(super) fn total(&self) -> Vec<i32> {
        let mut total = vec![0i32; self.padded_columns];
        for tap in self.sums.chunks_exact(self.padded_columns.max(1)) {
            for (total, &sum) in total.iter_mut().zip(tap) {
                *total = total.wrapping_add(sum);
            }
        }
        total
    }

    /// Adds panel `number`, whose depth, of `segments` times `segment_len`, is a multiple of the taps.
    pub(super) fn add_panel(
        &mut self,
        layout: &Layout,
        [segments, segment_len]: [usize; 2],
        number: usize,
        panel: &[u8],
    ) {
        let (taps, padded) = (self.taps, self.padded_columns);
        let sums = |tap: usize| tap * padded + number * PANEL..tap * padded + (number + 1) * PANEL;
        let tap_len = segments * segment_len / taps;
        let whole_groups = segments.is_multiple_of(taps)
            || (taps.is_multiple_of(segments) && tap_len.is_multiple_of(layout.k_group));
        if whole_groups {
            for (tap, groups) in panel.chunks_exact((panel.len() / taps).max(1)).enumerate() {
                layout.add_columns(groups, &mut self.sums[sums(tap)]);
            }
            return;
        }
        // Some groups have depths of two taps.
        let groups = segment_len.div_ceil(layout.k_group);
        for (index, group) in panel.chunks_exact(layout.group_bytes()).enumerate() {
            let (segment, first) = (index / groups, index % groups * layout.k_group);
            for k in 0..layout.k_group.min(segment_len - first) {
                let tap = (segment * segment_len + first + k) / tap_len;
                let weights = group[k..].iter().step_by(layout.k_group);
                for (sum, &weight) in self.sums[sums(tap)].iter_mut().zip(weights) {
                    *sum = sum.wrapping_add(i32::from(weight.cast_signed()));
                }
            }
        }
    }
}

/// Groups whose weights add up to an `i16` for certain: each adds two of them to a sum, −256 at least.
const GROUPS: usize = 128;

impl Layout {
    /// Adds the columns of whole groups of depths, which lie one after the other in a panel, to `sums`, mod 2³².
    pub(in crate::gemm) fn add_columns(&self, groups: &[u8], sums: &mut [i32]) {
        match self.k_group {
            2 => add_columns::<2>(groups, sums),
            4 => add_columns::<4>(groups, sums),
            _ => add_columns::<8>(groups, sums),
        }
    }
}

/// [`Layout::add_columns`] of groups of `G`, each of which is `G` vectors.
fn add_columns<const G: usize>(groups: &[u8], sums: &mut [i32]) {
    for block in groups.as_chunks::<PANEL>().0.chunks(GROUPS * G) {
        // In lanes as wide as their sums: each is that of a pair of depths of a column.
        let mut pairs = [i16x8::ZERO; G];
        for group in block.as_chunks::<G>().0 {
            for (sum, bytes) in pairs.iter_mut().zip(group) {
                let pair =
                    i16x8::new(array::from_fn(|i| i16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])));
                *sum += ((pair << 8) >> 8) + (pair >> 8);
            }
        }
        let pairs = pairs.map(i16x8::to_array);
        for (sum, pairs) in sums.iter_mut().zip(pairs.as_flattened().chunks_exact(G / 2)) {
            *sum = pairs.iter().fold(*sum, |sum, &pair| sum.wrapping_add(i32::from(pair)));
        }
    }
}
