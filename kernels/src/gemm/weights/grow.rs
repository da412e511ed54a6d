//! Panels that grow by columns.

use alloc::vec::Vec;

use super::pack::WeightView;
use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use crate::gemm::{Layout, PANEL};
use crate::{Backend, Bytes};

impl PackedPanels {
    /// Panels without columns, to which [`push`](Self::push) adds some, of this depth; `signed` says whether they are `i8`. There is memory
    /// for `capacity` columns. `None` if the bytes of so many columns overflow.
    #[must_use]
    pub fn growing(backend: Backend, depth: usize, signed: bool, capacity: usize) -> Option<PackedPanels> {
        // Columns to come may have any weights.
        let variant = backend.entry().variant(|_| false);
        let len =
            panels_len(&variant.layout, capacity, 1, depth).filter(|&len| isize::try_from(len).is_ok())?;
        let mut bytes = Bytes::copy_from(&[]);
        bytes.resize(len);
        bytes.truncate(0);
        let shape = PanelShape::new(variant, signed, 0, [1, depth]);
        let sums = Vec::with_capacity(padded(capacity));
        Some(PackedPanels { bytes, shape, sums, tap_sums: None })
    }

    /// Adds columns, one after the other in `columns`, to panels of one segment, which takes time in proportion to them: nothing
    /// is packed again.
    ///
    /// # Panics
    ///
    /// If `columns` are not `count` of the panels' depth, or the panels have several segments, fewer than eight bits or room for more depths.
    pub fn push(&mut self, columns: &[u8], count: usize) {
        self.assert_grows();
        assert_eq!(self.panel_stride, self.panel_bytes(), "panels without room for more depths");
        assert_eq!(Some(columns.len()), self.segment_len.checked_mul(count), "columns of the panels' depth");
        if count == 0 {
            return;
        }
        let total = self.columns.checked_add(count).expect("columns overflow");
        panels_len(&self.variant.layout, total, 1, self.segment_len).expect("packed size overflows");
        if self.segment_len > 0 {
            self.push_columns(columns, count);
        } else {
            self.shape.columns = total;
            self.sums.resize(padded(total), 0);
        }
    }

    /// Asserts that the panels are of one segment, and that their bytes are weights, as those of panels that may grow are.
    pub(super) fn assert_grows(&self) {
        assert!(self.segments == 1, "panels of one segment");
        assert!(self.bits == 8, "panels of eight bits");
    }

    /// As [`push`](Self::push), of a depth that is not 0.
    fn push_columns(&mut self, columns: &[u8], count: usize) {
        let (first, depth, panel_bytes) = (self.columns, self.segment_len, self.panel_bytes());
        // What is missing in a panel that was begun is added column by column.
        let begun = (first.next_multiple_of(PANEL) - first).min(count);
        let (begun_columns, columns) = columns.split_at(begun * depth);
        let layout = &self.shape.variant.layout;
        let view = WeightView {
            data: columns,
            signed: self.signed,
            bits: 8,
            columns: count - begun,
            segments: 1,
            segment_len: depth,
            taps: 1,
            depth_stride: 1,
            column_stride: depth,
        };
        self.shape.columns = first + count;
        let len = self.panels() * panel_bytes;
        self.sums.resize(padded(self.columns), 0);
        let bytes = self.bytes.resize(len);
        let (panels, whole_panels) = bytes.split_at_mut((first + begun).div_ceil(PANEL) * panel_bytes);
        for (column, weights) in (first..).zip(begun_columns.chunks_exact(depth)) {
            let panel = &mut panels[column / PANEL * panel_bytes..][..panel_bytes];
            self.sums[column] = layout.push_column(panel, column % PANEL, weights, view.flip());
        }
        layout.arrange_all(&view, panel_bytes, whole_panels, &mut self.sums[padded(first)..]);
    }

    /// Takes away all columns but the first `columns`, of panels of one segment; their memory is kept.
    ///
    /// # Panics
    ///
    /// As [`push`](Self::push).
    pub fn truncate(&mut self, columns: usize) {
        self.assert_grows();
        assert_eq!(self.panel_stride, self.panel_bytes(), "panels without room for more depths");
        if columns < self.columns {
            self.shape.columns = columns;
            self.bytes.truncate(self.shape.panels() * self.shape.panel_bytes());
            self.sums.truncate(self.padded_columns());
        }
    }
}

impl Layout {
    /// Writes one column of a panel, whose padding is then 0, and returns the sum of its canonical weights.
    fn push_column(&self, panel: &mut [u8], lane: usize, weights: &[u8], flip: u8) -> i32 {
        match self.k_group {
            2 => push_column::<2>(panel, lane, weights, flip),
            4 => push_column::<4>(panel, lane, weights, flip),
            _ => push_column::<8>(panel, lane, weights, flip),
        }
    }
}

/// [`Layout::push_column`] in groups of `G` depths.
fn push_column<const G: usize>(panel: &mut [u8], lane: usize, weights: &[u8], flip: u8) -> i32 {
    let (whole, rest) = weights.as_chunks::<G>();
    let mut last = [flip; G];
    last[..rest.len()].copy_from_slice(rest);
    for (group, depths) in panel.chunks_exact_mut(PANEL * G).zip(whole.iter().chain([&last])) {
        group[lane * G..(lane + 1) * G].copy_from_slice(&depths.map(|weight| weight ^ flip));
    }
    weights.iter().fold(0, |sum, &weight| sum.wrapping_add(i32::from((weight ^ flip).cast_signed())))
}
