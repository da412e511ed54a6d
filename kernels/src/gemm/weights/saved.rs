//! Panels that were saved.

use super::error::{MAX_EMPTY_COLUMNS, PanelError};
use super::narrow::{LONGEST_RUN, Width, unfold};
use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use super::sums::TapSums;
use crate::gemm::variant::Property;
use crate::memory::LINE;
use crate::{Backend, Bytes};

/// What saved panels are panels of.
#[derive(Clone, Copy, Debug)]
pub struct SavedShape<'a> {
    /// The name of their layout.
    pub layout: &'a str,
    /// Whether the weights were `i8`.
    pub signed: bool,
    /// Bits of a weight, 2 to 8.
    pub bits: u32,
    /// Output columns.
    pub columns: usize,
    /// K-segments.
    pub segments: usize,
    /// Elements of depth in a k-segment.
    pub segment_len: usize,
}

impl PackedPanels {
    /// Panels that were saved: the bytes that [`Panels::bytes`](super::Panels::bytes) returned, for the same shape and layout.
    ///
    /// # Errors
    ///
    /// If the backend reads another layout, or the length does not fit the shape. Wrong bytes of the right length give
    /// wrong results, nothing worse: a checksum is the caller's business.
    pub fn from_bytes(
        backend: Backend,
        bytes: Bytes,
        shape: &SavedShape<'_>,
    ) -> Result<PackedPanels, PanelError> {
        let &SavedShape { layout, signed, bits, columns, segments, segment_len } = shape;
        let width = Width::of(bits);
        // The buffer is asked once: the bytes that are checked are the bytes that are summed.
        let saved = bytes.get().ok_or(PanelError::Shrunk)?;
        // They may come from a backend that takes all weights in this layout: what a variant requires is proved again.
        let variant = backend.entry().gemm.iter().find(|variant| {
            variant.layout.folded_name(width) == layout
                && variant.proves.is_none_or(|property| holds(property, width, saved))
        });
        let Some(variant) = variant else {
            let expected = backend.entry().variant(|_| false).layout.folded_name(width);
            return Err(PanelError::Layout { expected });
        };
        let empty = segments == 0 || segment_len == 0;
        if empty && (segments != 1 || columns > MAX_EMPTY_COLUMNS) {
            return Err(PanelError::Empty);
        }
        if !(2..=8).contains(&bits) {
            return Err(PanelError::Bits);
        }
        let layout = variant.layout;
        // A panel is unfolded to as many bytes, which a vector can have.
        let unfolded = panels_len(&layout, columns, segments, segment_len);
        unfolded.and_then(|len| isize::try_from(len).ok()).ok_or(PanelError::TooLarge)?;
        let shape = PanelShape::new(variant, signed, columns, [segments, segment_len]).with_bits(bits);
        let expected = shape.panel_stride().checked_mul(shape.panels()).ok_or(PanelError::TooLarge)?;
        if saved.len() != expected {
            return Err(PanelError::Length { expected, found: saved.len() });
        }
        let mut sums = TapSums::new(1, padded(columns));
        shape.for_each(saved, |number, panel| {
            sums.add_panel(&layout, [segments, segment_len], number, panel);
        });
        Ok(PackedPanels { shape, sums: sums.into_vec(), tap_sums: None, bytes })
    }
}

/// Whether saved weights have the property.
fn holds(property: &Property, width: Width, saved: &[u8]) -> bool {
    let mut run = [0; LONGEST_RUN];
    let mut unfolded = |line: &[u8], unfold: fn(&[u8], &mut [u8])| {
        unfold(line, &mut run);
        (property.holds)(&run[..LINE * width.lines()])
    };
    match width {
        Width::Eight => (property.holds)(saved),
        Width::Four => saved.chunks_exact(LINE).all(|line| unfolded(line, unfold::<false>)),
        Width::Two => saved.chunks_exact(LINE).all(|line| unfolded(line, unfold::<true>)),
    }
}
