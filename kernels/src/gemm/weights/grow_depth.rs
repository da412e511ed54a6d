//! Panels that grow by depths.

use alloc::vec;
use core::array;

use wide::u8x16;

use super::arrange::interleaved;
use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use crate::gemm::PANEL;
use crate::{Backend, Bytes};

impl PackedPanels {
    /// Panels without depth, to which [`push_depths`](Self::push_depths) adds some, of so many columns; `signed` says whether they are `i8`.
    /// There is memory for `capacity` depths: every panel has as much of it. `None` if the bytes of so many overflow.
    #[must_use]
    pub fn growing_depth(
        backend: Backend,
        columns: usize,
        signed: bool,
        capacity: usize,
    ) -> Option<PackedPanels> {
        // Depths to come may have any weights.
        let variant = backend.entry().variant(|_| false);
        let len = panels_len(&variant.layout, columns, 1, capacity)?;
        isize::try_from(len).ok()?;
        let mut bytes = Bytes::copy_from(&[]);
        bytes.resize(len);
        let mut shape = PanelShape::new(variant, signed, columns, [1, 0]);
        shape.panel_stride = shape.segment_bytes(capacity);
        Some(PackedPanels { bytes, shape, sums: vec![0; padded(columns)], tap_sums: None })
    }

    /// Adds depths to panels of one segment, one row of all columns after the other in `rows`, which takes time in proportion to
    /// them: nothing is packed again. Where the memory of a panel is full, all of them move to one of twice its size.
    ///
    /// # Panics
    ///
    /// If `rows` are not `count` of the panels' columns, the panels have several segments or fewer than eight bits, or so many bytes overflow.
    pub fn push_depths(&mut self, rows: &[u8], count: usize) {
        self.assert_grows();
        assert_eq!(Some(rows.len()), self.columns.checked_mul(count), "rows of the panels' columns");
        match self.variant.layout.k_group {
            2 => self.push_depths_in_groups::<2>(rows, count),
            4 => self.push_depths_in_groups::<4>(rows, count),
            _ => self.push_depths_in_groups::<8>(rows, count),
        }
    }

    /// As [`push_depths`](Self::push_depths), in groups of `G` depths.
    fn push_depths_in_groups<const G: usize>(&mut self, rows: &[u8], count: usize) {
        let (first, columns, flip) = (self.segment_len, self.columns, if self.signed { 0 } else { 0x80 });
        let depth = first.checked_add(count).expect("the depth overflows");
        self.reserve_depths(depth);
        self.shape.segment_len = depth;
        if columns == 0 || count == 0 {
            return;
        }
        let (stride, len, panels) = (self.panel_stride, self.panel_bytes(), self.panels());
        let bytes = self.bytes.resize(panels * stride);
        let layout = &self.shape.variant.layout;
        // What is missing in a group that was begun.
        let begun = (first.next_multiple_of(G) - first).min(count);
        let (begun_rows, rows) = rows.split_at(begun * columns);
        let groups_at = first.next_multiple_of(G) * PANEL;
        for (number, panel) in bytes.chunks_exact_mut(stride).enumerate() {
            let column = number * PANEL;
            let lanes = (columns - column).min(PANEL);
            let sums = &mut self.sums[column..column + PANEL];
            for (depth, row) in (first..).zip(begun_rows.chunks_exact(columns)) {
                let group = &mut panel[depth / G * PANEL * G..][..PANEL * G];
                for (lane, &weight) in row[column..column + lanes].iter().enumerate() {
                    let canonical = weight ^ flip;
                    group[lane * G + depth % G] = canonical;
                    sums[lane] = sums[lane].wrapping_add(i32::from(canonical.cast_signed()));
                }
            }
            if groups_at < len {
                let groups = &mut panel[groups_at..len];
                for (group, rows) in groups.chunks_exact_mut(PANEL * G).zip(rows.chunks(G * columns)) {
                    // What is not there becomes 0.
                    let mut bytes = [[flip; PANEL]; G];
                    for (bytes, row) in bytes.iter_mut().zip(rows.chunks_exact(columns)) {
                        match row[column..column + lanes].first_chunk() {
                            Some(whole) => *bytes = *whole,
                            None => bytes[..lanes].copy_from_slice(&row[column..column + lanes]),
                        }
                    }
                    let canonical = array::from_fn(|k| u8x16::new(bytes[k]) ^ u8x16::splat(flip));
                    for (bytes, unit) in group.as_chunks_mut().0.iter_mut().zip(interleaved::<G>(canonical)) {
                        *bytes = unit.to_array();
                    }
                }
                layout.add_columns(groups, sums);
            }
        }
    }

    /// Makes room for `depth` depths in every panel, twice the room there was if it has to grow.
    fn reserve_depths(&mut self, depth: usize) {
        let (old, used, panels) = (self.panel_stride, self.panel_bytes(), self.panels());
        let len = panels_len(&self.variant.layout, self.columns, 1, depth).expect("packed size overflows");
        let needed = len / panels.max(1);
        if needed <= old {
            return;
        }
        let stride = needed.max(2 * old);
        let len = panels.checked_mul(stride).expect("packed size overflows");
        let bytes = self.bytes.resize(len);
        // From the last panel on, so that none is written over before it has moved.
        for panel in (1..panels).rev() {
            bytes.copy_within(panel * old..panel * old + used, panel * stride);
        }
        self.shape.panel_stride = stride;
    }

    /// Takes away all depths but the first `depth`, of panels of one segment; their memory is kept.
    ///
    /// # Panics
    ///
    /// If the panels have several segments or fewer than eight bits.
    pub fn truncate_depth(&mut self, depth: usize) {
        self.assert_grows();
        if depth >= self.segment_len {
            return;
        }
        match self.variant.layout.k_group {
            2 => self.truncate_depth_in_groups::<2>(depth),
            4 => self.truncate_depth_in_groups::<4>(depth),
            _ => self.truncate_depth_in_groups::<8>(depth),
        }
    }

    /// As [`truncate_depth`](Self::truncate_depth), in groups of `G` depths.
    fn truncate_depth_in_groups<const G: usize>(&mut self, depth: usize) {
        let (stride, panels, old_len) = (self.panel_stride, self.panels(), self.panel_bytes());
        self.shape.segment_len = depth;
        let (layout, kept) = (&self.shape.variant.layout, self.shape.panel_bytes());
        let bytes = self.bytes.resize(panels * stride);
        for (panel, sums) in bytes.chunks_exact_mut(stride.max(1)).zip(self.sums.chunks_exact_mut(PANEL)) {
            let mut removed = [0; PANEL];
            layout.add_columns(&panel[kept..old_len], &mut removed);
            // The rest of the last group becomes padding.
            if !depth.is_multiple_of(G) {
                let group = &mut panel[kept - PANEL * G..kept];
                for (removed, column) in removed.iter_mut().zip(group.chunks_exact_mut(G)) {
                    for weight in &mut column[depth % G..] {
                        *removed = removed.wrapping_add(i32::from(weight.cast_signed()));
                        *weight = 0;
                    }
                }
            }
            for (sum, removed) in sums.iter_mut().zip(removed) {
                *sum = sum.wrapping_sub(removed);
            }
        }
    }
}
