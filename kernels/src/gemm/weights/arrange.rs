//! The order of packed bytes: from weights that lie in any order to the panels of a strip of columns.
//!
//! Weights are read once, a cache line at a time.

use core::array;

use wide::u8x16;

use super::pack::WeightView;
use crate::gemm::{Layout, PANEL};

/// Columns that are packed together, a cache line of a row of weights, and their panels.
pub(super) const STRIP: usize = STRIP_PANELS * PANEL;
pub(super) const STRIP_PANELS: usize = 4;

/// Depths of a column that are packed together: a cache line, if a column's weights are neighbours.
const RUN: usize = 64;

impl Layout {
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

/// A run of depths of a column at a time.
fn by_columns<const G: usize>(weights: &WeightView<'_>, first: usize, columns: usize, panels: &mut [u8]) {
    let panel_bytes = panels.len() / columns.div_ceil(PANEL);
    let flip = weights.flip();
    for (number, panel) in panels.chunks_exact_mut(panel_bytes).enumerate() {
        let first = first + number * PANEL;
        let lanes = (columns - number * PANEL).min(PANEL);
        if lanes < PANEL {
            panel.fill(0);
        }
        let mut rest = panel;
        for segment in 0..weights.segments {
            for k in (0..weights.segment_len).step_by(RUN) {
                let len = (weights.segment_len - k).min(RUN);
                let (groups, after) = rest.split_at_mut(len.div_ceil(G) * PANEL * G);
                rest = after;
                for lane in 0..lanes {
                    let start = (segment * weights.segment_len + k) * weights.depth_stride
                        + (first + lane) * weights.column_stride;
                    // What is not there becomes 0.
                    let mut run = [flip; RUN];
                    weights.gather(start, &mut run[..len]);
                    for byte in &mut run {
                        *byte ^= flip;
                    }
                    let groups = groups.chunks_exact_mut(PANEL * G);
                    for (group, depths) in groups.zip(run.as_chunks::<G>().0) {
                        group[lane * G..(lane + 1) * G].copy_from_slice(depths);
                    }
                }
            }
        }
    }
}

impl WeightView<'_> {
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
