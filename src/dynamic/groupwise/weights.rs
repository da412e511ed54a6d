//! Packed weights and what they have by group.

use alloc::format;

use eightbit_kernels::gemm::{GROUP_STEP, GroupTerms, PackedPanels, Panels};

use crate::check::{check_size, in_range};
use crate::packed::Packed;
use crate::{Backend, Element, Error, MatRef, PackedError, PackedWeights, Precision};

/// The scales and zero points of weights by group: consecutive depths of one column. Weight `w` of column `n` means the real number
/// `(w − zero_point[n][g]) · scale[n][g]`, where `g = k / depths`.
#[derive(Clone, Copy, Debug)]
pub struct WeightGroups<'a> {
    /// Depths of a group: a multiple of 32, as many as the weights have at most. The last group has the rest.
    pub depths: usize,
    /// `[n][group]`: any finite numbers. Some formats make a scale negative, or 0 for a group of zeros.
    pub scales: &'a [f32],
    /// `[n][group]` in the weights' own type, or one for all: `&[0]` for weights without.
    pub zero_points: &'a [i32],
}

impl WeightGroups<'_> {
    /// Groups of a column of this depth.
    #[must_use]
    pub fn count(&self, depth: usize) -> usize {
        depth.div_ceil(self.depths.max(1))
    }

    /// The scale of column `n` in group `g` of `groups`.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn scale(&self, groups: usize, n: usize, g: usize) -> f32 {
        self.scales[n * groups + g]
    }

    /// The zero point, likewise.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(crate) fn zero_point(&self, groups: usize, n: usize, g: usize) -> i32 {
        self.zero_points[if self.zero_points.len() == 1 { 0 } else { n * groups + g }]
    }

    /// Checks them for weights of `depth × columns`.
    fn check(&self, depth: usize, columns: usize, (low, high): (i32, i32)) -> Result<(), Error> {
        if self.depths == 0 || !self.depths.is_multiple_of(GROUP_STEP) || self.depths > depth {
            let why = format!(
                "groups of {} depths where the weights have {depth}: a group has a multiple of {GROUP_STEP}, and no more than the weights",
                self.depths
            );
            return Err(Error::Shape { what: "groups of weights", why });
        }
        // Does not wrap where there are weights: there are fewer groups than these.
        let count = self.count(depth).saturating_mul(columns);
        check_size("number of group scales", count, self.scales.len())?;
        if self.zero_points.len() != 1 {
            check_size("number of group zero points", count, self.zero_points.len())?;
        }
        if let Some(index) = self.scales.iter().position(|scale| !scale.is_finite()) {
            let (what, found) = ("group scale", self.scales[index]);
            return Err(Error::NotFinite { what, found, index: Some(index / self.count(depth)) });
        }
        self.zero_points.iter().try_for_each(|&zero| in_range("group zero point", zero, low, high))
    }
}

/// Packed weights with a scale, and maybe a zero point, for each group of depths of each column: what MatMulNBits of ONNX Runtime, ggml and
/// torchao call blocks or groups, in eight bits.
///
/// ```
/// use eightbit::{Backend, MatRef, dynamic::{GroupwiseWeights, WeightGroups}};
/// let (codes, scales) = ([3i8; 2 * 64], [0.5, 0.25, 1.0, 2.0]); // `[n][k]`, `[n][group]`
/// let groups = WeightGroups { depths: 32, scales: &scales, zero_points: &[0] };
/// let weights = MatRef::new(&codes, 2, 64)?.transposed();
/// let packed = GroupwiseWeights::pack(Backend::best()?, &weights, &groups)?;
/// assert_eq!((packed.depth(), packed.columns(), packed.group_depths()), (64, 2, 32));
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupwiseWeights {
    packed: PackedWeights,
    terms: GroupTerms,
}

impl GroupwiseWeights {
    /// Packs a `k × n` matrix for a backend. A matrix kept as `n × k` is packed as its [`transposed`](MatRef::transposed) view, without
    /// copying.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and as [`PackedWeights::pack`].
    pub fn pack<W: Element>(
        backend: Backend,
        weights: &MatRef<'_, W>,
        groups: &WeightGroups<'_>,
    ) -> Result<GroupwiseWeights, Error> {
        Self::pack_as(backend, weights, Precision::EIGHT, groups)
    }

    /// As [`pack`](Self::pack), weights of a precision: see [`PackedWeights::pack_as`].
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and as [`PackedWeights::pack_as`].
    ///
    /// ```
    /// use eightbit::{Backend, MatRef, Precision, dynamic::{GroupwiseWeights, WeightGroups}};
    /// // As ONNX's `int4` and MatMulNBits have them: `[n][k]`, two weights in a byte.
    /// let codes: Vec<u8> = Precision::Bits(4).unpack(&[0x97; 64], 128)?;
    /// let groups = WeightGroups { depths: 32, scales: &[0.5, 0.25, 1.0, 2.0], zero_points: &[8] };
    /// let weights = MatRef::new(&codes, 2, 64)?.transposed();
    /// let packed = GroupwiseWeights::pack_as(Backend::best()?, &weights, Precision::Bits(4), &groups)?;
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn pack_as<W: Element>(
        backend: Backend,
        weights: &MatRef<'_, W>,
        precision: Precision,
        groups: &WeightGroups<'_>,
    ) -> Result<GroupwiseWeights, Error> {
        let (low, high) = precision.range(W::TYPE)?;
        groups.check(weights.rows(), weights.columns(), (low, high))?;
        let middle = (low + high + 1) / 2;
        GroupwiseWeights::new(PackedWeights::pack_as(backend, weights, precision, middle)?, groups)
    }

    /// Weights that are packed already, for instance [loaded](PackedWeights::from_bytes) or [mapped](PackedWeights::from_shared): the
    /// packed form of a matrix does not depend on groups. The groups' zero points take the place of theirs.
    ///
    /// # Errors
    ///
    /// If the weights are those of a convolution that is no product of one matrix (a depthwise or grouped one, or one whose depth is in several
    /// parts), the depths of a group are not a multiple of 32 or more than the weights', there are other
    /// numbers of scales or zero points, a scale is not finite, a zero point lies outside the weights' type, or shared weights have become
    /// shorter.
    pub fn new(packed: PackedWeights, groups: &WeightGroups<'_>) -> Result<GroupwiseWeights, Error> {
        let Packed::Panels(matrices) = packed.packed() else {
            let why = "weights of a depthwise convolution cannot multiply a matrix".into();
            return Err(Error::Shape { what: "groups of weights", why });
        };
        check_size("channel groups of a matrix", 1, matrices.len())?;
        check_size("parts of the depth, which only convolutions have,", 1, matrices[0].segments())?;
        let numbers = packed.precision().range(packed.element())?;
        groups.check(packed.depth(), packed.columns(), numbers)?;
        let count = groups.count(packed.depth());
        let panels = panels_of(&matrices[0])?;
        let terms = GroupTerms::new(
            &panels,
            groups.depths,
            |n, g| groups.scale(count, n, g),
            |n, g| groups.zero_point(count, n, g),
        );
        Ok(GroupwiseWeights { packed, terms })
    }

    /// The packed weights: what [`PackedWeights::to_bytes`] saves, and [`new`](Self::new) takes.
    #[must_use]
    pub fn packed(&self) -> &PackedWeights {
        &self.packed
    }

    /// The backend for which the weights were packed.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.packed.backend()
    }

    /// The depth `k`.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.packed.depth()
    }

    /// The columns `n`.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.packed.columns()
    }

    /// Depths of a group, the last one excepted.
    #[must_use]
    pub fn group_depths(&self) -> usize {
        self.terms.group()
    }

    pub(super) fn terms(&self) -> &GroupTerms {
        &self.terms
    }

    /// The packed matrix.
    pub(super) fn matrix(&self) -> &PackedPanels {
        match self.packed.packed() {
            Packed::Panels(matrices) => &matrices[0],
            Packed::Taps(_) => unreachable!("refused when the groups were given"),
        }
    }

    /// Its panels, for a call.
    pub(super) fn panels(&self) -> Result<Panels<'_>, Error> {
        panels_of(self.matrix())
    }
}

fn panels_of(matrix: &PackedPanels) -> Result<Panels<'_>, Error> {
    Ok(matrix.get().map_err(|_| PackedError::Shrunk)?)
}
