//! Packed weights: panels of sixteen columns, canonical signed bytes.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::{Deref, Range};
use core::ptr;

use super::error::PanelError;
use super::narrow::{Width, unfold};
use super::sums::TapSums;
use crate::gemm::variant::MAX_DEPTH;
use crate::gemm::{Layout, Lhs, PANEL, ProductSize, Variant};
use crate::{Backend, Bytes, Owner};

/// The properties of the activations that a plan knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activations {
    /// Whether they are `i8`.
    pub signed: bool,
    /// Their zero point.
    pub zero_point: i32,
}

/// What a column adds to every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnTerms {
    /// The initial accumulator, without a bias.
    pub initial: i32,
    /// The zero point of its canonical weights, in the form of the backend's kernels.
    pub zero_factor: i32,
    /// The same as it is.
    pub zero: i32,
    /// The sum of its weights, each less its zero point, mod 2³².
    pub sum: i32,
}

/// The sizes of packed weights, and the variant that they are packed for: all that the driver knows of them.
#[derive(Clone, Copy, Debug)]
pub struct PanelShape {
    /// What they were packed or loaded for: their layout is its layout, and what it [requires](Variant::proves) of the weights has
    /// been proved.
    pub(in crate::gemm) variant: &'static Variant,
    pub(super) signed: bool,
    pub(super) columns: usize,
    pub(super) segments: usize,
    pub(super) segment_len: usize,
    /// Bits of a weight: with four or fewer, panels are [folded](Width).
    pub(super) bits: u32,
    /// Bytes from a panel to the next: those of its depth, folded if it is, or more where the depth is to grow.
    pub(super) panel_stride: usize,
}

/// Weights in the order that a backend's tiles read them: `[panel][segment][depth group][column][depth in group]`,
/// padded with zeros to whole panels and groups. `u8` weights are stored as `i8`, top bit flipped; those of fewer bits less half of their
/// range, and those of four or fewer in as many bits as they need, of 2 and 4.
#[derive(Clone, Debug)]
pub struct PackedPanels {
    pub(super) bytes: Bytes,
    pub(super) shape: PanelShape,
    /// Sum of each column's canonical weights, mod 2³², padding included.
    pub(super) sums: Vec<i32>,
    /// Those of each tap, if they were packed for a convolution.
    pub(super) tap_sums: Option<TapSums>,
}

impl PanelShape {
    /// Those of `segments · segment_len` weights by `columns`, whose panels follow each other without gaps.
    pub(super) fn new(
        variant: &'static Variant,
        signed: bool,
        columns: usize,
        [segments, segment_len]: [usize; 2],
    ) -> PanelShape {
        let shape = PanelShape { variant, signed, columns, segments, segment_len, bits: 8, panel_stride: 0 };
        PanelShape { panel_stride: shape.panel_bytes(), ..shape }
    }

    /// The same with weights of so many bits.
    pub(super) fn with_bits(self, bits: u32) -> PanelShape {
        PanelShape { bits, panel_stride: Width::of(bits).folded(self.panel_bytes()), ..self }
    }

    /// The shape of the same panels, unfolded.
    pub(in crate::gemm) fn unfolded(&self) -> PanelShape {
        match self.width() {
            Width::Eight => *self,
            width => {
                // Without columns it may overflow.
                PanelShape { bits: 8, panel_stride: self.panel_stride.wrapping_mul(width.lines()), ..*self }
            }
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

    /// The kernels of `backend` that multiply rows with these panels as they are, if it has some.
    #[inline]
    pub(in crate::gemm) fn kernels(&self, backend: Backend, lhs: &Lhs<'_>) -> Option<&'static Variant> {
        let variant = self.variant(backend)?;
        match self.width() {
            Width::Eight => Some(variant),
            width if matches!(lhs, Lhs::Matrix(_)) => self.folded_kernels(variant, width),
            _ => None,
        }
    }

    /// The kernels of a variant that multiply a matrix with these folded panels, if it has some.
    pub(in crate::gemm) fn folded_kernels(
        &self,
        variant: &Variant,
        width: Width,
    ) -> Option<&'static Variant> {
        variant.of_width(width).filter(|_| self.segments == 1 && self.segment_len <= MAX_DEPTH)
    }

    /// The layout's name.
    #[must_use]
    pub fn layout(&self) -> &'static str {
        self.variant.layout.folded_name(self.width())
    }

    /// The bits that a weight takes.
    #[inline(always)]
    pub(in crate::gemm) fn width(&self) -> Width {
        Width::of(self.bits)
    }

    /// Bits of a weight.
    #[must_use]
    #[inline]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// The weight whose canonical form is 0.
    #[inline(always)]
    pub(in crate::gemm) fn origin(&self) -> i32 {
        if self.signed { 0 } else { 1 << (self.bits - 1) }
    }

    /// Whether the weights were `i8`.
    #[must_use]
    #[inline]
    pub fn signed(&self) -> bool {
        self.signed
    }

    /// Output columns.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// K-segments: contiguous parts of the depth.
    #[must_use]
    #[inline]
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Elements of depth in a k-segment.
    #[must_use]
    #[inline]
    pub fn segment_len(&self) -> usize {
        self.segment_len
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

    /// Bytes of a panel's depth, unfolded.
    #[must_use]
    #[inline]
    pub fn panel_bytes(&self) -> usize {
        self.segments.wrapping_mul(self.segment_bytes(self.segment_len))
    }

    /// Bytes from a panel to the next: more than [`panel_bytes`](Self::panel_bytes) where the depth is to grow, fewer where weights have four
    /// bits or fewer.
    #[must_use]
    #[inline]
    pub fn panel_stride(&self) -> usize {
        self.panel_stride
    }

    /// Bytes of a panel that belong to `len` depths of a segment, which are padded to whole groups.
    #[inline]
    pub(in crate::gemm) fn segment_bytes(&self, len: usize) -> usize {
        // Groups are powers of two, and a division would take long compared with a small tile. The size was checked when it was
        // packed; without columns or segments there are no bytes, and any length is allowed.
        let k_group = self.variant.layout.k_group;
        (len.wrapping_add(k_group - 1) & !(k_group - 1)).wrapping_mul(PANEL)
    }

    /// What a column adds to every row, of the sum of its canonical weights and their zero point, in the weights' own type.
    ///
    /// Every plan begins here. If products with these weights may run on a matrix unit, the first such plan in the process asks the
    /// operating system for it.
    ///
    /// # Panics
    ///
    /// If the backend does not read these panels.
    pub fn terms(
        &self,
        backend: Backend,
        activations: Activations,
    ) -> impl Fn(i32, i32) -> ColumnTerms + use<> {
        let variant = self.variant(backend).expect("panels of a layout that the backend reads");
        if let Some(unit) = variant.unit
            && (unit.pays)(ProductSize::new(usize::MAX, self, self.columns()))
        {
            (unit.request)();
        }
        let za = activations.zero_point.wrapping_add(variant.lhs.offset(activations.signed));
        let (origin, depth) = (self.origin(), self.depth() as i32);
        move |sum, zero_point| {
            let zero = zero_point.wrapping_sub(origin);
            let sum = sum.wrapping_sub(depth.wrapping_mul(zero));
            let zero_factor = (variant.row_sums.zero_factor)(zero as i8);
            ColumnTerms { initial: za.wrapping_mul(sum).wrapping_neg(), zero_factor, zero, sum }
        }
    }
}

impl PanelShape {
    /// Calls `each` with the number and the unfolded bytes of every panel of `bytes`.
    pub(super) fn for_each(&self, bytes: &[u8], mut each: impl FnMut(usize, &[u8])) {
        let (width, len) = (self.width(), self.panel_bytes());
        // Without panels the depth may be any number.
        let none = width == Width::Eight || bytes.is_empty();
        let mut unfolded = vec![0; if none { 0 } else { self.panel_stride * width.lines() }];
        for (number, panel) in bytes.chunks_exact(self.panel_stride.max(1)).enumerate() {
            let panel = match width {
                Width::Eight => panel,
                Width::Four => {
                    unfold::<false>(panel, &mut unfolded);
                    &unfolded
                }
                Width::Two => {
                    unfold::<true>(panel, &mut unfolded);
                    &unfolded
                }
            };
            each(number, &panel[..len]);
        }
    }
}

impl PackedPanels {
    /// The initial accumulators: what depends on the column alone. `bias[n] − za·Σ_k w[k][n] + K·za·zb[n]`, with the
    /// offsets that the backend adds to activations and weights, mod 2³². Also returns the canonical weights' zero
    /// points into `weight_zeros`, in the form of the backend's kernels, and whether any is not 0 (if none is, a call needs no row
    /// sums).
    ///
    /// `weight_zero(n)` is the zero point of column `n` in the weights' own type, within its range.
    ///
    /// # Panics
    ///
    /// If `init` or `weight_zeros` is shorter than [`padded_columns`](PanelShape::padded_columns), `bias` than the columns, or the
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
        init[..self.padded_columns()].fill(0);
        weight_zeros[..self.padded_columns()].fill(0);
        let terms = self.column_terms(backend, activations);
        (0..self.columns).fold(false, |any, column| {
            let ColumnTerms { initial, zero_factor, zero, .. } = terms(column, weight_zero(column));
            weight_zeros[column] = zero_factor;
            init[column] = bias.map_or(0, |bias| bias[column]).wrapping_add(initial);
            any | (zero != 0)
        })
    }

    /// What depends on a column and its weights' zero point, in the weights' own type, alone: see
    /// [`initial_accumulators`](Self::initial_accumulators).
    ///
    /// # Panics
    ///
    /// If the backend does not read these panels; the function, if the column does not exist.
    pub fn column_terms(
        &self,
        backend: Backend,
        activations: Activations,
    ) -> impl Fn(usize, i32) -> ColumnTerms + '_ {
        let terms = self.terms(backend, activations);
        move |column, zero_point| terms(self.sums[column], zero_point)
    }

    /// The sum of each column's canonical weights, mod 2³², padding included.
    #[must_use]
    #[inline]
    pub fn sums(&self) -> &[i32] {
        &self.sums
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
        let (shape, tap_sums) = (&self.shape, self.tap_sums.as_ref());
        Ok(Panels { shape, first: 0, bytes, sums: &self.sums, tap_sums })
    }
}

impl Deref for PackedPanels {
    type Target = PanelShape;

    #[inline]
    fn deref(&self) -> &PanelShape {
        &self.shape
    }
}

/// Panels and their bytes: `panels · panel_stride` of them, so every panel can be read. Calls take this form of packed
/// weights; it dereferences to their shape.
#[derive(Clone, Copy)]
pub struct Panels<'a> {
    pub(super) shape: &'a PanelShape,
    /// The panel that the bytes begin with: not the first one, and they end before the last one, where some were unfolded.
    pub(super) first: usize,
    pub(super) bytes: &'a [u8],
    pub(super) sums: &'a [i32],
    pub(super) tap_sums: Option<&'a TapSums>,
}

impl<'a> Panels<'a> {
    /// The packed bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The panel that the bytes begin with.
    #[inline(always)]
    pub(in crate::gemm) fn first(&self) -> usize {
        self.first
    }

    /// Asserts that `panels` are here.
    #[inline]
    pub(in crate::gemm) fn check_bytes(&self, panels: Range<usize>) {
        // If some were unfolded, those before them are not here.
        let count = panels.end.checked_sub(self.first);
        assert!(panels.is_empty() || panels.start >= self.first, "panels that were unfolded");
        let len = count.and_then(|count| count.checked_mul(self.panel_stride()));
        assert!(panels.is_empty() || len.is_some_and(|len| len <= self.bytes.len()), "panels that are here");
    }

    /// The folded bytes of the panels `panels`.
    pub(in crate::gemm) fn folded(&self, panels: Range<usize>) -> &'a [u8] {
        &self.bytes[panels.start * self.panel_stride()..panels.end * self.panel_stride()]
    }

    /// The same weights, of which the panels from `first` on were unfolded to `bytes`, in `shape`.
    pub(in crate::gemm) fn unfolded_as<'b>(
        &self,
        shape: &'b PanelShape,
        first: usize,
        bytes: &'b [u8],
    ) -> Panels<'b>
    where
        'a: 'b,
    {
        Panels { shape, first, bytes, sums: self.sums, tap_sums: self.tap_sums }
    }

    /// Calls `each` with every panel's number and bytes, unfolded.
    pub(in crate::gemm) fn for_each(&self, each: impl FnMut(usize, &[u8])) {
        self.shape.for_each(self.bytes, each);
    }

    /// The sum of each column's canonical weights, mod 2³², padding included.
    #[must_use]
    #[inline]
    pub fn sums(&self) -> &'a [i32] {
        self.sums
    }

    /// The sums of the canonical weights of each of a kernel's `taps` taps, mod 2³²: `[tap][padded column]`. The taps lie
    /// one after the other in the depth and have equal lengths. They are kept if the weights were packed for a convolution
    /// ([`WeightView::taps`](super::WeightView::taps)); else every call adds the weights up.
    ///
    /// # Panics
    ///
    /// If the depth is not a multiple of the taps.
    #[must_use]
    pub fn tap_sums(&self, taps: usize) -> Cow<'a, [i32]> {
        if let Some(kept) = self.tap_sums
            && kept.taps() == taps
        {
            return Cow::Borrowed(kept.as_slice());
        }
        let depth = self.depth();
        assert!(depth == 0 || (taps > 0 && depth.is_multiple_of(taps)), "taps of one size");
        let mut sums = TapSums::new(taps, self.padded_columns());
        let shape = [self.segments(), self.segment_len()];
        self.for_each(|number, panel| sums.add_panel(&self.variant.layout, shape, number, panel));
        Cow::Owned(sums.into_vec())
    }
}

impl Deref for Panels<'_> {
    type Target = PanelShape;

    #[inline]
    fn deref(&self) -> &PanelShape {
        self.shape
    }
}

impl core::fmt::Debug for Panels<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.shape.fmt(f)
    }
}

/// Columns, padded to whole panels.
pub(super) fn padded(columns: usize) -> usize {
    columns.div_ceil(PANEL) * PANEL
}

/// Bytes of packed panels; `None` if they or the depth, padded to whole groups, overflow. Without columns there are no
/// bytes, but there is a depth.
pub(super) fn panels_len(
    layout: &Layout,
    columns: usize,
    segments: usize,
    segment_len: usize,
) -> Option<usize> {
    let padded_len = segment_len.checked_next_multiple_of(layout.k_group)?;
    segments.checked_mul(padded_len)?;
    let groups = segments * (padded_len / layout.k_group);
    columns.div_ceil(layout.columns).checked_mul(layout.group_bytes())?.checked_mul(groups)
}
