//! Packing: from weights in any order to panels.

use alloc::vec::Vec;

use super::arrange::{STRIP, STRIP_PANELS, strip_bytes};
use super::narrow::Width;
use super::panels::{PackedPanels, PanelShape, padded, panels_len};
use super::sums::TapSums;
use crate::gemm::Variant;
use crate::{Backend, Bytes};

/// The fewest channels of a tap that are read in place one tap at a time. With fewer, finding the taps takes longer than
/// copying them.
const SHORTEST_TAP: usize = 16;

/// Weights before packing: `depth = segments · segment_len` by `columns`.
#[derive(Clone, Copy, Debug)]
pub struct WeightView<'a> {
    /// The elements' bytes.
    pub data: &'a [u8],
    /// Whether they are `i8`.
    pub signed: bool,
    /// Bits of a weight, 2 to 8: all fit as many. With four or fewer, panels are smaller.
    pub bits: u32,
    /// Output columns (channels).
    pub columns: usize,
    /// K-segments, which lie apart in the activations: the taps of a convolution; 1 for a matrix, and without depth.
    pub segments: usize,
    /// Elements of depth in a k-segment.
    pub segment_len: usize,
    /// Equal parts of the depth whose sums are kept: the taps of a convolution that leaves some out; else 1.
    pub taps: usize,
    /// Elements from one depth to the next.
    pub depth_stride: usize,
    /// Elements from one column to the next.
    pub column_stride: usize,
}

impl PackedPanels {
    /// Packs weights for a backend, in the layout of the best of its variants that is exact for them.
    ///
    /// Backends that copy rows anyway see the whole depth as one segment: see
    /// [`convolution_segments`](Self::convolution_segments).
    ///
    /// # Panics
    ///
    /// If the view reaches past its data, has no depth but several segments, or its taps are not of one size.
    #[must_use]
    pub fn pack(backend: Backend, weights: &WeightView<'_>) -> PackedPanels {
        Self::pack_groups(backend, core::slice::from_ref(weights)).remove(0)
    }

    /// Packs the weights of several channel groups for a backend, all in the same layout.
    ///
    /// # Panics
    ///
    /// As [`pack`](Self::pack).
    #[must_use]
    pub fn pack_groups(backend: Backend, groups: &[WeightView<'_>]) -> Vec<PackedPanels> {
        groups.iter().for_each(WeightView::check);
        // What a variant requires is proved from the packed bytes: mostly the first strip shows that it does not hold.
        let mut variants = backend.entry().gemm.iter();
        let packed = variants
            .find_map(|variant| groups.iter().map(|weights| Self::pack_as(variant, weights)).collect());
        packed.expect("the last variant takes all weights")
    }

    /// Packs checked weights; `None` if they do not have what the variant requires.
    fn pack_as(variant: &'static Variant, weights: &WeightView<'_>) -> Option<PackedPanels> {
        let layout = &variant.layout;
        let &WeightView { signed, bits, columns, segments, segment_len, taps, .. } = weights;
        panels_len(layout, columns, segments, segment_len).expect("packed size overflows");
        let shape = PanelShape::new(variant, signed, columns, [segments, segment_len]).with_bits(bits);
        let mut sums = TapSums::new(taps, padded(columns));
        let (panel_bytes, stride, width) = (shape.panel_bytes(), shape.panel_stride(), shape.width());
        let len = stride.checked_mul(shape.panels()).expect("packed size overflows");
        let mut arrange = |strip: usize, panels: &mut [u8]| {
            layout.arrange(weights, strip * STRIP, panels);
            weights.centre(panels);
            if variant.proves.is_some_and(|property| !(property.holds)(panels)) {
                return None;
            }
            for (panel, number) in panels.chunks_exact(panel_bytes).zip(strip * STRIP_PANELS..) {
                sums.add_panel(layout, [segments, segment_len], number, panel);
            }
            Some(())
        };
        let mut unfolded = Vec::new();
        let bytes = Bytes::from_chunks(len, strip_bytes(stride), |strip, panels| {
            if width == Width::Eight {
                return arrange(strip, panels);
            }
            unfolded.clear();
            unfolded.resize(panels.len() / stride * panel_bytes, 0);
            arrange(strip, &mut unfolded)?;
            for (panel, lines) in unfolded.chunks_exact(panel_bytes).zip(panels.chunks_exact_mut(stride)) {
                width.fold(panel, lines);
            }
            Some(())
        })?;
        let (sums, tap_sums) = (sums.total(), (taps > 1).then_some(sums));
        Some(PackedPanels { bytes, shape, sums, tap_sums })
    }

    /// The number and length of the k-segments to pack a convolution's weights as, for a kernel of `[height,
    /// width]` taps of `channels` elements. `contiguous` says that a row of taps lies side by side in the image: horizontal
    /// dilation 1 and one channel group.
    ///
    /// A row of taps is the longest segment that can be read without a copy of the patch; but every segment is padded to
    /// whole groups, and short ones waste more on that than the copy costs.
    #[must_use]
    pub fn convolution_segments(
        backend: Backend,
        kernel: [usize; 2],
        channels: usize,
        contiguous: bool,
    ) -> (usize, usize) {
        let (taps, row) = (kernel[0] * kernel[1], kernel[1] * channels);
        let whole = (1, taps * channels);
        // Whether the weights suit the best variant is not known yet.
        let k_group = backend.entry().variant(|_| true).layout.k_group;
        let padded = |(segments, len): (usize, usize)| segments * len.next_multiple_of(k_group);
        let rows = (kernel[0], row);
        if contiguous && 2 * padded(rows) < 3 * padded(whole) {
            rows
        } else if channels >= SHORTEST_TAP {
            (taps, channels)
        } else {
            whole
        }
    }
}

impl WeightView<'_> {
    /// Asserts that every element lies inside the data.
    pub(super) fn check(&self) {
        let depth = self.segments.checked_mul(self.segment_len).expect("depth overflows");
        assert!((2..=8).contains(&self.bits), "weights of two to eight bits");
        assert!(depth > 0 || self.segments == 1, "without depth there is one segment");
        assert!(self.taps > 0 && depth.is_multiple_of(self.taps), "taps of one size");
        if depth > 0 && self.columns > 0 {
            let last = (depth - 1).checked_mul(self.depth_stride).and_then(|down| {
                (self.columns - 1).checked_mul(self.column_stride).and_then(|across| down.checked_add(across))
            });
            assert!(last.is_some_and(|last| last < self.data.len()), "weights too short");
        }
    }

    /// What makes a weight canonical in its bits, by exclusive or: the top one, if it is not a sign.
    pub(super) fn flip(&self) -> u8 {
        if self.signed { 0 } else { 1 << (self.bits - 1) }
    }

    /// Makes bytes canonical whose [top bits](Self::flip) were flipped: extends them as signs.
    fn centre(&self, bytes: &mut [u8]) {
        if !self.signed && self.bits < u8::BITS {
            let top = self.flip();
            bytes.iter_mut().for_each(|byte| *byte = (*byte ^ top).wrapping_sub(top));
        }
    }
}
