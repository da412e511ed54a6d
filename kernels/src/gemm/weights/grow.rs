//! Panels that grow by columns.

use super::panels::{PackedPanels, padded, panels_len};
use crate::gemm::PANEL;
use crate::{Backend, Bytes};

impl PackedPanels {
    /// Panels without columns, to which [`push`](Self::push) adds some, of this depth; `signed` says whether they are `i8`. There is memory
    /// for `capacity` columns.
    ///
    /// # Panics
    ///
    /// If the bytes of so many columns overflow.
    #[must_use]
    pub fn growing(backend: Backend, depth: usize, signed: bool, capacity: usize) -> PackedPanels {
        // Columns to come may have any weights.
        let variant = backend.entry().variant(|_| false);
        let mut bytes = Bytes::copy_from(&[]);
        bytes.resize(panels_len(&variant.layout, capacity, 1, depth).expect("packed size overflows"));
        bytes.resize(0);
        PackedPanels {
            bytes,
            variant,
            signed,
            columns: 0,
            segments: 1,
            segment_len: depth,
            sums: alloc::vec::Vec::with_capacity(padded(capacity)),
            tap_sums: None,
        }
    }

    /// Adds a column to panels of one segment, which takes time in proportion to the depth: nothing is packed again.
    ///
    /// # Panics
    ///
    /// If `column` is not as long as the depth, or the panels have several segments.
    pub fn push(&mut self, column: &[u8]) {
        assert!(self.segments == 1 && column.len() == self.segment_len, "a column of the panels' depth");
        let (layout, lane) = (&self.variant.layout, self.columns % PANEL);
        let len = panels_len(layout, self.columns + 1, 1, self.segment_len).expect("packed size overflows");
        let panel_bytes = self.panel_bytes();
        self.sums.resize(padded(self.columns + 1), 0);
        let flip = if self.signed { 0 } else { 0x80 };
        let panel = &mut self.bytes.resize(len)[len - panel_bytes..];
        let mut sum = 0i32;
        let groups = panel.chunks_exact_mut(layout.group_bytes());
        for (group, depths) in groups.zip(column.chunks(layout.k_group)) {
            let lane = &mut group[lane * layout.k_group..][..layout.k_group];
            lane[depths.len()..].fill(0);
            for (packed, &weight) in lane.iter_mut().zip(depths) {
                *packed = weight ^ flip;
                sum = sum.wrapping_add(i32::from(packed.cast_signed()));
            }
        }
        self.sums[self.columns] = sum;
        self.columns += 1;
    }

    /// Takes away all columns but the first `columns`, of panels of one segment; their memory is kept.
    ///
    /// # Panics
    ///
    /// If the panels have several segments.
    pub fn truncate(&mut self, columns: usize) {
        assert_eq!(self.segments, 1, "panels of one segment");
        if columns < self.columns {
            self.columns = columns;
            self.bytes.resize(self.panels() * self.panel_bytes());
            self.sums.truncate(self.padded_columns());
        }
    }
}
