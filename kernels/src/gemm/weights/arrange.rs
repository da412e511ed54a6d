//! The order of packed bytes: from weights that lie in any order to the panels of a strip of columns.
//!
//! Weights are read once, a cache line at a time.

use core::array;

use wide::{u8x16, u16x8, u32x4, u64x2};

use super::pack::WeightView;
use crate::gemm::{Layout, PANEL};
use crate::prefetch::prefetch_line;

/// Columns that are packed together, a cache line of a row of weights, and their panels.
pub(super) const STRIP: usize = STRIP_PANELS * PANEL;
pub(super) const STRIP_PANELS: usize = 4;

/// Depths of a column that are packed together: a cache line, if a column's weights are neighbours.
const RUN: usize = 64;

/// Rows, and runs of a column, that are prefetched: those of a strip mostly lie on as many pages, which hardware does not follow.
const ROWS_AHEAD: usize = 32;
const RUNS_AHEAD: usize = 4;

/// Bytes of a strip's panels, to cut panels by: a multiple of 64, not 0. Where so many overflow, all panels that there are make one strip.
pub(super) fn strip_bytes(panel_bytes: usize) -> usize {
    const LINE: usize = 64;
    (panel_bytes.saturating_mul(STRIP_PANELS) / LINE).max(1) * LINE
}

impl Layout {
    /// Writes all panels of weights, padding included, and adds the canonical weights of each column to `sums`.
    ///
    /// # Panics
    ///
    /// If the view reaches past its data.
    pub(super) fn arrange_all(
        &self,
        weights: &WeightView<'_>,
        panel_bytes: usize,
        panels: &mut [u8],
        sums: &mut [i32],
    ) {
        let strips = panels.chunks_mut(strip_bytes(panel_bytes)).zip(sums.chunks_mut(STRIP));
        for (strip, (panels, sums)) in strips.enumerate() {
            self.arrange(weights, strip * STRIP, panels);
            for (panel, sums) in panels.chunks_exact(panel_bytes).zip(sums.chunks_exact_mut(PANEL)) {
                self.add_columns(panel, sums);
            }
        }
    }

    /// Writes the panels of the columns from `first` on, [`STRIP`] at most, padding included. `panels` is as long as they are.
    ///
    /// # Panics
    ///
    /// If the view reaches past its data.
    pub(super) fn arrange(&self, weights: &WeightView<'_>, first: usize, panels: &mut [u8]) {
        match self.k_group {
            2 => arrange::<2>(weights, first, panels),
            4 => arrange::<4>(weights, first, panels),
            _ => arrange::<8>(weights, first, panels),
        }
    }
}

/// [`Layout::arrange`] in groups of `G` depths.
fn arrange<const G: usize>(weights: &WeightView<'_>, first: usize, panels: &mut [u8]) {
    let columns = (weights.columns - first).min(STRIP);
    if weights.column_stride == 1 {
        by_rows::<G>(weights, first, columns, panels);
    } else {
        by_columns::<G>(weights, first, columns, panels);
    }
}

/// A group of rows of weights at a time.
fn by_rows<const G: usize>(weights: &WeightView<'_>, first: usize, columns: usize, panels: &mut [u8]) {
    let panel_bytes = panels.len() / columns.div_ceil(PANEL);
    let flip = weights.flip();
    let mut group_at = 0;
    for segment in 0..weights.segments {
        for k in (0..weights.segment_len).step_by(G) {
            // What is not there becomes 0.
            let mut rows = [[flip; STRIP]; G];
            for (depth, row) in (k..weights.segment_len).zip(&mut rows) {
                let at = (segment * weights.segment_len + depth) * weights.depth_stride + first;
                weights.prefetch(at, ROWS_AHEAD.wrapping_mul(weights.depth_stride));
                match weights.data[at..at + columns].first_chunk() {
                    Some(whole) => *row = *whole,
                    None => row[..columns].copy_from_slice(&weights.data[at..at + columns]),
                }
            }
            for (number, panel) in panels.chunks_exact_mut(panel_bytes).enumerate() {
                let rows = array::from_fn(|k| {
                    let row = rows[k].as_chunks::<PANEL>().0[number];
                    u8x16::new(row) ^ u8x16::splat(flip)
                });
                let group = &mut panel[group_at..group_at + PANEL * G];
                for (bytes, unit) in group.as_chunks_mut().0.iter_mut().zip(interleaved::<G>(rows)) {
                    *bytes = unit.to_array();
                }
            }
            group_at += PANEL * G;
        }
    }
}

/// The bytes of `G` rows by column: the first byte of each row, then the second ones. The rows are shuffled as cards are, each
/// with the one that is half the rows behind it, as often as `G` is halved.
#[inline(always)]
pub(super) fn interleaved<const G: usize>(mut rows: [u8x16; G]) -> [u8x16; G] {
    for _ in 0..G.ilog2() {
        rows = array::from_fn(|i| {
            let (a, b) = (rows[i / 2], rows[i / 2 + G / 2]);
            if i % 2 == 0 { u8x16::unpack_low(a, b) } else { u8x16::unpack_high(a, b) }
        });
    }
    rows
}

/// A run of depths of the columns of a panel at a time. Each is copied first: columns that lie a power of two apart share few lines
/// of a cache.
fn by_columns<const G: usize>(weights: &WeightView<'_>, first: usize, columns: usize, panels: &mut [u8]) {
    let panel_bytes = panels.len() / columns.div_ceil(PANEL);
    let flip = weights.flip();
    for (number, panel) in panels.chunks_exact_mut(panel_bytes).enumerate() {
        let first = first + number * PANEL;
        let lanes = (columns - number * PANEL).min(PANEL);
        // What is not there becomes 0.
        let mut runs = [[flip; RUN]; PANEL];
        let mut rest = panel;
        for segment in 0..weights.segments {
            for k in (0..weights.segment_len).step_by(RUN) {
                let len = (weights.segment_len - k).min(RUN);
                for (lane, run) in runs[..lanes].iter_mut().enumerate() {
                    let start = (segment * weights.segment_len + k) * weights.depth_stride
                        + (first + lane) * weights.column_stride;
                    weights.prefetch(start, RUNS_AHEAD * RUN);
                    let (run, beyond) = run.split_at_mut(len);
                    weights.gather(start, run);
                    beyond.fill(flip);
                }
                let (groups, after) = rest.split_at_mut(len.div_ceil(G) * PANEL * G);
                rest = after;
                match G {
                    2 => by_squares::<u16x8, 8>(&runs, flip, groups),
                    4 => by_squares::<u32x4, 4>(&runs, flip, groups),
                    _ => by_squares::<u64x2, 2>(&runs, flip, groups),
                }
            }
        }
    }
}

/// Writes runs of the columns of a panel in groups of depths, which are the words of a vector: squares of `W` columns by `W` groups
/// are transposed.
#[inline(always)]
fn by_squares<V: Words<W>, const W: usize>(runs: &[[u8; RUN]; PANEL], flip: u8, groups: &mut [u8]) {
    const VECTOR: usize = 16;
    let group_bytes = PANEL * VECTOR / W;
    for (number, groups) in groups.chunks_mut(group_bytes * W).enumerate() {
        for (square, columns) in runs.as_chunks::<W>().0.iter().enumerate() {
            let words = array::from_fn(|column| {
                let bytes: [u8; VECTOR] = columns[column].as_chunks().0[number];
                V::new((u8x16::new(bytes) ^ u8x16::splat(flip)).to_array())
            });
            for (group, unit) in groups.chunks_exact_mut(group_bytes).zip(V::transposed(words)) {
                group[square * VECTOR..(square + 1) * VECTOR].copy_from_slice(&unit.bytes());
            }
        }
    }
}

/// Vectors of 16 bytes as `W` words.
trait Words<const W: usize>: Copy {
    fn new(bytes: [u8; 16]) -> Self;
    fn bytes(self) -> [u8; 16];
    fn transposed(rows: [Self; W]) -> [Self; W];
}

macro_rules! words {
    ($($vector:ident of $words:literal $word:ident),*) => {$(
        impl Words<$words> for $vector {
            #[inline(always)]
            fn new(bytes: [u8; 16]) -> Self {
                let words = bytes.as_chunks().0;
                $vector::new(array::from_fn(|i| $word::from_ne_bytes(words[i])))
            }

            #[inline(always)]
            fn bytes(self) -> [u8; 16] {
                let words = self.to_array().map($word::to_ne_bytes);
                array::from_fn(|i| words.as_flattened()[i])
            }

            #[inline(always)]
            fn transposed(rows: [Self; $words]) -> [Self; $words] {
                $vector::transpose(rows)
            }
        }
    )*};
}
words!(u16x8 of 8 u16, u32x4 of 4 u32, u64x2 of 2 u64);

impl WeightView<'_> {
    /// Prefetches the weight that lies `distance` behind element `at` of the data, if there is one.
    #[inline(always)]
    fn prefetch(&self, at: usize, distance: usize) {
        prefetch_line(self.data.as_ptr().wrapping_add(at).wrapping_add(distance));
    }

    /// Copies `run.len()` weights of a column, from element `start` of the data on.
    #[inline]
    fn gather(&self, start: usize, run: &mut [u8]) {
        if self.depth_stride != 1 {
            for (depth, byte) in run.iter_mut().enumerate() {
                *byte = self.data[start + depth * self.depth_stride];
            }
        } else if let Some(run) = run.first_chunk_mut::<RUN>() {
            run.copy_from_slice(&self.data[start..start + RUN]);
        } else {
            run.copy_from_slice(&self.data[start..start + run.len()]);
        }
    }
}
