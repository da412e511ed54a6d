//! Packing: from weights in any order to panels.

use alloc::vec;
use alloc::vec::Vec;

use super::panels::{PackedPanels, padded, panels_len};
use crate::gemm::{PANEL, Property, Variant};
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
    /// Output columns (channels).
    pub columns: usize,
    /// K-segments, which lie apart in the activations: the taps of a convolution; 1 for a matrix, and without depth.
    pub segments: usize,
    /// Elements of depth in a k-segment.
    pub segment_len: usize,
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
    /// If the view reaches past its data, or has no depth but several segments.
    #[must_use]
    pub fn pack(backend: Backend, weights: &WeightView<'_>) -> PackedPanels {
        Self::pack_groups(backend, core::slice::from_ref(weights)).remove(0)
    }

    /// Packs the weights of several channel groups for a backend, all in the same layout.
    ///
    /// # Panics
    ///
    /// If a view reaches past its data, or has no depth but several segments.
    #[must_use]
    pub fn pack_groups(backend: Backend, groups: &[WeightView<'_>]) -> Vec<PackedPanels> {
        groups.iter().for_each(WeightView::check);
        let holds = |property: &Property| groups.iter().all(|weights| weights.has(property));
        let variant = backend.entry().variant(|variant| variant.proves.is_none_or(holds));
        groups.iter().map(|weights| Self::pack_as(variant, weights)).collect()
    }

    /// Packs checked weights.
    fn pack_as(variant: &'static Variant, weights: &WeightView<'_>) -> PackedPanels {
        let (layout, k_group) = (variant.layout, variant.layout.k_group);
        let (segments, segment_len) = (weights.segments, weights.segment_len);
        let groups = segment_len.div_ceil(k_group);
        let len = panels_len(&layout, weights.columns, segments, segment_len).expect("packed size overflows");
        let mut bytes = vec![0u8; len];
        let mut sums = vec![0i32; padded(weights.columns)];
        let flip = if weights.signed { 0 } else { 0x80 };
        let group_at = |panel: usize, segment: usize, k: usize| {
            ((panel * segments + segment) * groups + k / k_group) * PANEL * k_group
        };
        if weights.column_stride == 1 && weights.columns > 0 {
            // Row by row: each is read in order.
            for (segment, k) in (0..segments).flat_map(|segment| (0..segment_len).map(move |k| (segment, k)))
            {
                let row =
                    &weights.data[(segment * segment_len + k) * weights.depth_stride..][..weights.columns];
                for (panel, (row, sums)) in row.chunks(PANEL).zip(sums.chunks_exact_mut(PANEL)).enumerate() {
                    let group = &mut bytes[group_at(panel, segment, k)..][..PANEL * k_group];
                    let lanes = group.chunks_exact_mut(k_group).zip(sums);
                    for ((lane, sum), &weight) in lanes.zip(row) {
                        let canonical = weight ^ flip;
                        lane[k % k_group] = canonical;
                        *sum = sum.wrapping_add(i32::from(canonical.cast_signed()));
                    }
                }
            }
        } else {
            for (column, sum) in sums.iter_mut().enumerate().take(weights.columns) {
                let (panel, lane) = (column / PANEL, column % PANEL);
                for segment in 0..segments {
                    for k in 0..segment_len {
                        let source = (segment * segment_len + k) * weights.depth_stride
                            + column * weights.column_stride;
                        let canonical = weights.data[source] ^ flip;
                        bytes[group_at(panel, segment, k) + lane * k_group + k % k_group] = canonical;
                        *sum = sum.wrapping_add(i32::from(canonical.cast_signed()));
                    }
                }
            }
        }
        PackedPanels {
            bytes: Bytes::copy_from(&bytes),
            variant,
            signed: weights.signed,
            columns: weights.columns,
            segments,
            segment_len,
            sums,
        }
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
    fn check(&self) {
        let depth = self.segments.checked_mul(self.segment_len).expect("depth overflows");
        assert!(depth > 0 || self.segments == 1, "without depth there is one segment");
        if depth > 0 && self.columns > 0 {
            let last = (depth - 1).checked_mul(self.depth_stride).and_then(|down| {
                (self.columns - 1).checked_mul(self.column_stride).and_then(|across| down.checked_add(across))
            });
            assert!(last.is_some_and(|last| last < self.data.len()), "weights too short");
        }
    }

    /// Whether all of the weights have a property.
    fn has(&self, property: &Property) -> bool {
        if self.segment_len == 0 || self.columns == 0 {
            return true;
        }
        let flip = if self.signed { 0 } else { 0x80 };
        let mut group = vec![0u8; self.columns * property.depths];
        (0..self.segments).all(|segment| {
            (0..self.segment_len).step_by(property.depths).all(|first| {
                for (column, weights) in group.chunks_exact_mut(property.depths).enumerate() {
                    for (k, weight) in (first..).zip(weights) {
                        let depth = segment * self.segment_len + k;
                        let inside = k < self.segment_len;
                        *weight = if inside {
                            self.data[depth * self.depth_stride + column * self.column_stride] ^ flip
                        } else {
                            0
                        };
                    }
                }
                (property.holds)(&group)
            })
        })
    }
}
