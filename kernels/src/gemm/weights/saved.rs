//! Panels that were saved.

use super::error::{MAX_EMPTY_COLUMNS, PanelError};
use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use super::sums::TapSums;
use crate::gemm::PANEL;
use crate::{Backend, Bytes};

impl PackedPanels {
    /// Panels that were saved: the bytes that [`Panels::bytes`](super::Panels::bytes) returned, for the same shape and layout.
    ///
    /// # Errors
    ///
    /// If the backend reads another layout, or the length does not fit the shape. Wrong bytes of the right length give
    /// wrong results, nothing worse: a checksum is the caller's business.
    pub fn from_bytes(
        backend: Backend,
        layout: &str,
        bytes: Bytes,
        signed: bool,
        columns: usize,
        segments: usize,
        segment_len: usize,
    ) -> Result<PackedPanels, PanelError> {
        // The buffer is asked once: the bytes that are checked are the bytes that are summed.
        let saved = bytes.get().ok_or(PanelError::Shrunk)?;
        // They may come from a backend that takes all weights in this layout: what a variant requires is proved again.
        let variant = backend.entry().gemm.iter().find(|variant| {
            variant.layout.name == layout && variant.proves.is_none_or(|property| (property.holds)(saved))
        });
        let Some(variant) = variant else {
            return Err(PanelError::Layout { expected: backend.entry().variant(|_| false).layout.name });
        };
        let layout = variant.layout;
        let empty = segments == 0 || segment_len == 0;
        if empty && (segments != 1 || columns > MAX_EMPTY_COLUMNS) {
            return Err(PanelError::Empty);
        }
        let len = panels_len(&layout, columns, segments, segment_len).ok_or(PanelError::TooLarge)?;
        if saved.len() != len {
            return Err(PanelError::Length { expected: len, found: saved.len() });
        }
        let mut sums = TapSums::new(1, padded(columns));
        let panel_bytes = len / columns.div_ceil(PANEL).max(1);
        for (number, panel) in saved.chunks_exact(panel_bytes.max(1)).enumerate() {
            sums.add_panel(&layout, [segments, segment_len], number, panel);
        }
        let sums = sums.into_vec();
        let shape = PanelShape::new(variant, signed, columns, [segments, segment_len]);
        Ok(PackedPanels { bytes, shape, sums, tap_sums: None })
    }
}
