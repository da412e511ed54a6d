//! Panels in memory that the caller lends: packing allocates nothing.

use super::pack::WeightView;
use super::panels::{PanelShape, Panels, padded, panels_len};
use crate::Backend;
use crate::gemm::PANEL;
use crate::memory::Lent;

/// Packed weights in memory that is lent for them.
pub struct LentPanels<'m> {
    shape: PanelShape,
    bytes: &'m [u8],
    sums: &'m [i32],
}

/// Room for vectors by column, padding included, in the same memory, of any values.
#[derive(Debug)]
pub struct LentColumns<'m> {
    /// For the sums of weights, each less its zero point.
    pub sums: &'m mut [i32],
    /// For the initial accumulators.
    pub init: &'m mut [i32],
    /// For the zero points in the form of the kernels.
    pub zero_factors: &'m mut [i32],
    /// For factors.
    pub scales: &'m mut [f32],
}

impl<'m> LentPanels<'m> {
    /// Bytes that [`pack`](Self::pack) needs for weights of this size, wherever they begin; `None` if that overflows.
    #[must_use]
    pub fn bytes(backend: Backend, depth: usize, columns: usize) -> Option<usize> {
        let panels = panels_len(&backend.entry().variant(|_| false).layout, columns, 1, depth)?;
        let vector = Lent::part(columns.checked_next_multiple_of(PANEL)?.checked_mul(size_of::<i32>())?)?;
        Lent::part(panels)?.checked_add(vector.checked_mul(5)?)?.checked_add(Lent::SLACK)
    }

    /// Packs weights of one segment, in the layout of the variant that takes all weights; `None` if there is too little memory:
    /// [`bytes`](Self::bytes) are always enough.
    ///
    /// # Panics
    ///
    /// If the view reaches past its data or has several segments.
    pub fn pack(
        backend: Backend,
        weights: &WeightView<'_>,
        memory: &'m mut [u8],
    ) -> Option<(LentPanels<'m>, LentColumns<'m>)> {
        weights.check();
        let &WeightView { signed, columns, segments, segment_len, .. } = weights;
        assert_eq!(segments, 1, "weights of one segment");
        assert_eq!(weights.bits, 8, "weights of eight bits");
        // Its length is known before the weights are.
        let variant = backend.entry().variant(|_| false);
        let layout = &variant.layout;
        let mut lent = Lent::new(memory);
        let panels = lent.take::<u8>(panels_len(layout, columns, 1, segment_len)?)?;
        let padded = padded(columns);
        let all_sums = lent.take::<i32>(padded)?;
        let columns = LentColumns {
            sums: lent.take(padded)?,
            init: lent.take(padded)?,
            zero_factors: lent.take(padded)?,
            scales: lent.take(padded)?,
        };
        let shape = PanelShape::new(variant, signed, weights.columns, [1, segment_len]);
        all_sums.fill(0);
        layout.arrange_all(weights, shape.panel_bytes(), panels, all_sums);
        Some((LentPanels { shape, bytes: panels, sums: all_sums }, columns))
    }

    /// The sizes of weights that would be packed so; `None` if their bytes cannot be counted.
    #[must_use]
    pub fn shape_of(backend: Backend, signed: bool, [depth, columns]: [usize; 2]) -> Option<PanelShape> {
        Self::bytes(backend, depth, columns)?;
        Some(PanelShape::new(backend.entry().variant(|_| false), signed, columns, [1, depth]))
    }

    /// Their sizes.
    #[must_use]
    pub fn shape(&self) -> &PanelShape {
        &self.shape
    }

    /// The sum of each column's canonical weights, mod 2³², padding included.
    #[must_use]
    pub fn sums(&self) -> &[i32] {
        self.sums
    }

    /// The panels with their bytes, for a call.
    #[must_use]
    pub fn get(&self) -> Panels<'_> {
        Panels { shape: &self.shape, first: 0, bytes: self.bytes, sums: self.sums, tap_sums: None }
    }
}

impl core::fmt::Debug for LentPanels<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.shape.fmt(f)
    }
}
