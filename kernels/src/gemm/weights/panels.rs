//! Packed weights: panels of sixteen columns, canonical signed bytes.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Deref;
use core::ptr;

use crate::gemm::{Layout, PANEL, Property, Variant};
use crate::getters::getters;
use crate::{Backend, Bytes, Owner};

/// The fewest channels of a tap that are read in place one tap at a time. With fewer, finding the taps takes longer than
/// copying them.
const SHORTEST_TAP: usize = 16;

/// The most columns that saved panels without depth may claim: they have no bytes to check the number against.
pub const MAX_EMPTY_COLUMNS: usize = 1 << 16;

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

/// The properties of the activations that a plan knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activations {
    /// Whether they are `i8`.
    pub signed: bool,
    /// Their zero point.
    pub zero_point: i32,
}

/// Why saved panels cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanelError {
    /// The panels were packed in a layout that the backend does not read.
    Layout {
        /// The layout that the backend reads.
        expected: &'static str,
    },
    /// The number of bytes does not fit the shape.
    Length {
        /// Bytes that the shape needs.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The shape's size overflows.
    TooLarge,
    /// There is no depth, but more than one segment of it or more than [`MAX_EMPTY_COLUMNS`] columns.
    Empty,
    /// The buffer that the panels are shared with has become shorter.
    Shrunk,
}

impl core::fmt::Display for PanelError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            PanelError::Layout { expected } => write!(f, "the backend reads panels of layout `{expected}`"),
            PanelError::Length { expected, found } => {
                write!(f, "the shape needs {expected} bytes of panels, found {found}")
            }
            PanelError::TooLarge => f.write_str("the shape's size overflows"),
            PanelError::Empty => {
                write!(f, "without depth there is one segment, and at most {MAX_EMPTY_COLUMNS} columns")
            }
            PanelError::Shrunk => {
                f.write_str("the buffer that the panels are shared with has become shorter")
            }
        }
    }
}

impl core::error::Error for PanelError {}

/// Weights in the order that a backend's tiles read them: `[panel][segment][depth group][column][depth in group]`,
/// padded with zeros to whole panels and groups. `u8` weights are stored as `i8`, top bit flipped.
#[derive(Clone, Debug)]
pub struct PackedPanels {
    bytes: Bytes,
    /// What they were packed or loaded for: their layout is its layout, and what it [requires](Variant::proves) of the weights has
    /// been proved.
    variant: &'static Variant,
    signed: bool,
    columns: usize,
    segments: usize,
    segment_len: usize,
    /// Sum of each column's canonical weights, mod 2³², padding included.
    sums: Vec<i32>,
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
        for (column, sum) in sums.iter_mut().enumerate().take(weights.columns) {
            let (panel, lane) = (column / PANEL, column % PANEL);
            for segment in 0..segments {
                for k in 0..segment_len {
                    let source =
                        (segment * segment_len + k) * weights.depth_stride + column * weights.column_stride;
                    let canonical = weights.data[source] ^ flip;
                    let group = (panel * segments + segment) * groups + k / k_group;
                    bytes[(group * PANEL + lane) * k_group + k % k_group] = canonical;
                    *sum = sum.wrapping_add(i32::from(canonical.cast_signed()));
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

    /// Panels that were saved: the bytes that [`Panels::bytes`] returned, for the same shape and layout.
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
        let mut sums = vec![0i32; padded(columns)];
        let panel_bytes = if columns == 0 { 0 } else { len / columns.div_ceil(PANEL) };
        if panel_bytes > 0 {
            for (panel, sums) in saved.chunks_exact(panel_bytes).zip(sums.chunks_exact_mut(PANEL)) {
                for group in panel.chunks_exact(layout.group_bytes()) {
                    for (column, sum) in group.chunks_exact(layout.k_group).zip(sums.iter_mut()) {
                        for &byte in column {
                            *sum = sum.wrapping_add(i32::from(byte.cast_signed()));
                        }
                    }
                }
            }
        }
        Ok(PackedPanels { bytes, variant, signed, columns, segments, segment_len, sums })
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

    /// The best variant of `backend` that reads these panels and is exact for them, if there is one.
    #[inline]
    pub(in crate::gemm) fn variant(&self, backend: Backend) -> Option<&'static Variant> {
        // Mostly it is the one that they were packed for: comparing names takes as long as a small product.
        let variants = backend.entry().gemm;
        if let Some(variant) = variants.iter().find(|variant| ptr::eq(*variant, self.variant)) {
            return Some(variant);
        }
        let (layout, proved) = (&self.variant.layout, self.variant.proves);
        variants.iter().find(|variant| {
            layout.k_group == variant.layout.k_group
                && layout.name == variant.layout.name
                && variant
                    .proves
                    .is_none_or(|property| proved.is_some_and(|proved| proved.name == property.name))
        })
    }

    /// The initial accumulators: what depends on the column alone. `bias[n] − za·Σ_k w[k][n] + K·za·zb[n]`, with the
    /// offsets that the backend adds to activations and weights, mod 2³². Also returns the canonical weights' zero
    /// points into `weight_zeros`, and whether any is not 0 (if none is, a call needs no row sums).
    ///
    /// `weight_zero(n)` is the zero point of column `n` in the weights' own type.
    ///
    /// # Panics
    ///
    /// If `init` or `weight_zeros` is shorter than [`padded_columns`](Self::padded_columns), `bias` than the columns, or the
    /// backend does not read these panels.
    pub fn initial_accumulators(
        &self,
        backend: Backend,
        bias: Option<&[i32]>,
        activations: Activations,
        weight_zero: impl Fn(usize) -> i32,
        init: &mut [i32],
        weight_zeros: &mut [i32],
    ) -> bool {
        let lhs = self.variant(backend).expect("panels of a layout that the backend reads").lhs;
        let za = activations.zero_point.wrapping_add(lhs.offset(activations.signed));
        let flip = if self.signed { 0 } else { 128 };
        let depth = self.depth() as i32;
        let mut any = false;
        init[..self.padded_columns()].fill(0);
        weight_zeros[..self.padded_columns()].fill(0);
        for column in 0..self.columns {
            let zb = weight_zero(column).wrapping_sub(flip);
            any |= zb != 0;
            weight_zeros[column] = zb;
            init[column] = bias
                .map_or(0, |bias| bias[column])
                .wrapping_sub(za.wrapping_mul(self.sums[column]))
                .wrapping_add(depth.wrapping_mul(za).wrapping_mul(zb));
        }
        any
    }

    /// The panels with their bytes, for a call.
    ///
    /// # Errors
    ///
    /// [`PanelError::Shrunk`] if the buffer that they are shared with has become too short. It is asked once.
    #[inline(always)]
    pub fn get(&self) -> Result<Panels<'_>, PanelError> {
        self.within(self.owner())
    }

    /// The buffer that the bytes are part of, asked once for the panels of several groups in one buffer.
    #[must_use]
    #[inline]
    pub fn owner(&self) -> Owner<'_> {
        self.bytes.owner()
    }

    /// As [`get`](Self::get), where the buffer has been asked already.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    #[inline]
    pub fn within<'a>(&'a self, owner: Owner<'a>) -> Result<Panels<'a>, PanelError> {
        let bytes = self.bytes.within(owner).ok_or(PanelError::Shrunk)?;
        Ok(Panels { packed: self, bytes })
    }

    /// The layout's name.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        self.variant.layout.name
    }

    getters! {
        /// Whether the weights were `i8`.
        pub signed: bool,
        /// Output columns.
        pub columns: usize,
        /// K-segments: contiguous parts of the depth.
        pub segments: usize,
        /// Elements of depth in a k-segment.
        pub segment_len: usize,
    }

    /// Output columns, padded to whole panels: the length of every vector that a call takes by column.
    #[must_use]
    #[inline]
    pub fn padded_columns(&self) -> usize {
        padded(self.columns)
    }

    /// The whole depth.
    #[must_use]
    #[inline]
    pub fn depth(&self) -> usize {
        self.segments * self.segment_len
    }

    /// Number of panels.
    #[must_use]
    #[inline]
    pub fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }

    /// Bytes of a panel.
    #[must_use]
    #[inline]
    pub fn panel_bytes(&self) -> usize {
        self.segments.wrapping_mul(self.segment_bytes(self.segment_len))
    }

    /// Bytes of a panel that belong to `len` depths of a segment, which are padded to whole groups.
    #[inline]
    pub(in crate::gemm) fn segment_bytes(&self, len: usize) -> usize {
        // Groups are powers of two, and a division would take long compared with a small tile. The size was checked when it was
        // packed; without columns or segments there are no bytes, and any length is allowed.
        let k_group = self.variant.layout.k_group;
        (len.wrapping_add(k_group - 1) & !(k_group - 1)).wrapping_mul(PANEL)
    }
}

/// Panels and their bytes: `panels · panel_bytes` of them, so every panel can be read. Calls take this form of packed
/// weights; it dereferences to its panels.
#[derive(Clone, Copy)]
pub struct Panels<'a> {
    packed: &'a PackedPanels,
    bytes: &'a [u8],
}

impl<'a> Panels<'a> {
    /// The packed bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The sums of the canonical weights of each of a kernel's `taps` taps, mod 2³²: `[tap][padded column]`. The taps lie
    /// one after the other in the depth and have equal lengths.
    ///
    /// # Panics
    ///
    /// If the depth is not a multiple of the taps.
    #[must_use]
    pub fn tap_sums(&self, taps: usize) -> Vec<i32> {
        let padded = self.padded_columns();
        let mut sums = vec![0i32; taps * padded];
        if self.depth() == 0 || padded == 0 {
            return sums;
        }
        assert!(taps > 0 && self.depth().is_multiple_of(taps), "taps of one size");
        let tap_len = self.depth() / taps;
        let k_group = self.variant.layout.k_group;
        let groups = self.segment_len().div_ceil(k_group);
        for (panel, bytes) in self.bytes.chunks_exact(self.panel_bytes()).enumerate() {
            for (index, group) in bytes.chunks_exact(self.variant.layout.group_bytes()).enumerate() {
                let (segment, first) = (index / groups, index % groups * k_group);
                for (lane, column) in group.chunks_exact(k_group).enumerate() {
                    for (k, &byte) in column.iter().enumerate().take(self.segment_len() - first) {
                        let tap = (segment * self.segment_len() + first + k) / tap_len;
                        let sum = &mut sums[tap * padded + panel * PANEL + lane];
                        *sum = sum.wrapping_add(i32::from(byte.cast_signed()));
                    }
                }
            }
        }
        sums
    }
}

impl Deref for Panels<'_> {
    type Target = PackedPanels;

    #[inline]
    fn deref(&self) -> &PackedPanels {
        self.packed
    }
}

impl core::fmt::Debug for Panels<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.packed.fmt(f)
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

fn padded(columns: usize) -> usize {
    columns.div_ceil(PANEL) * PANEL
}

/// Bytes of packed panels; `None` if they or the depth, padded to whole groups, overflow. Without columns there are no
/// bytes, but there is a depth.
fn panels_len(layout: &Layout, columns: usize, segments: usize, segment_len: usize) -> Option<usize> {
    let padded_len = segment_len.checked_next_multiple_of(layout.k_group)?;
    segments.checked_mul(padded_len)?;
    let groups = segments * (padded_len / layout.k_group);
    columns.div_ceil(layout.columns).checked_mul(layout.group_bytes())?.checked_mul(groups)
}
