//! Panels that grow by columns.

use alloc::vec::Vec;

use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use crate::gemm::PANEL;
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
        bytes.resize(0);
        let shape = PanelShape::new(variant, signed, 0, [1, depth]);
        let sums = Vec::with_capacity(padded(capacity));
        Some(PackedPanels { bytes, shape, sums, tap_sums: None })
    }

    /// Adds columns, one after the other in `columns`, to panels of one segment, which takes time in proportion to them: nothing
    /// is packed again.
    ///
    /// # Panics
    ///
    /// If `columns` are not `count` of the panels' depth, or the panels have several segments.
    pub fn push(&mut self, columns: &[u8], count: usize) {
        assert!(self.segments == 1, "panels of one segment");
        assert_eq!(Some(columns.len()), self.segment_len.checked_mul(count), "columns of the panels' depth");
        match self.variant.layout.k_group {
            2 => self.push_in_groups::<2>(columns, count),
            4 => self.push_in_groups::<4>(columns, count),
            _ => self.push_in_groups::<8>(columns, count),
        }
    }

    /// As [`push`](Self::push), in groups of `G` depths.
    fn push_in_groups<const G: usize>(&mut self, columns: &[u8], count: usize) {
        let (first, depth, panel_bytes) = (self.columns, self.segment_len, self.panel_bytes());
        self.shape.columns = first.checked_add(count).expect("columns overflow");
        let len = panels_len(&self.variant.layout, self.columns, 1, depth).expect("packed size overflows");
        self.sums.resize(padded(self.columns), 0);
        let flip = if self.signed { 0 } else { 0x80 };
        let bytes = self.bytes.resize(len);
        if depth == 0 {
            return;
        }
        let sums = &mut self.sums[first..];
        for ((column, weights), sum) in (first..).zip(columns.chunks_exact(depth)).zip(sums) {
            let (panel, lane) = (column / PANEL * panel_bytes, column % PANEL * G);
            let groups = bytes[panel..panel + panel_bytes].chunks_exact_mut(PANEL * G);
            let (whole, rest) = weights.as_chunks::<G>();
            let mut last = [flip; G];
            last[..rest.len()].copy_from_slice(rest);
            for (group, depths) in groups.zip(whole.iter().chain([&last])) {
                let canonical = depths.map(|weight| weight ^ flip);
                group[lane..lane + G].copy_from_slice(&canonical);
            }
            *sum = weights
                .iter()
                .fold(0, |sum, &weight| sum.wrapping_add(i32::from((weight ^ flip).cast_signed())));
        }
    }

    /// Takes away all columns but the first `columns`, of panels of one segment; their memory is kept.
    ///
    /// # Panics
    ///
    /// If the panels have several segments.
    pub fn truncate(&mut self, columns: usize) {
        assert_eq!(self.segments, 1, "panels of one segment");
        if columns < self.columns {
            self.shape.columns = columns;
            self.bytes.resize(self.panels() * self.panel_bytes());
            self.sums.truncate(self.padded_columns());
        }
    }
}
