//! The second factor of products of two activations whose depth grows: the values of an attention.

use alloc::format;
use alloc::vec::Vec;

use eightbit_kernels::gemm::{self, PackedPanels};

use super::Rows;
use super::product::{ColumnVectors, Products};
use crate::check::{check_size, check_type};
use crate::packed::MAX_REPEATED;
use crate::{Backend, Call, Element, ElementType, Error, Fill, MatMut, PackedError};

/// A packed matrix that grows by rows, of which the depth of a product consists: the values of an attention, to which every token adds
/// one, while their columns (the channels of a head) stay. Adding rows takes time in proportion to them; nothing is packed again.
///
/// # Scales
///
/// A product adds up over the rows, so a scale by row cannot be applied to its sums, and one by column would have to be known before all rows
/// have come. Each row brings a scale of its own, which [`fold_scales`](Self::fold_scales) multiplies into what the rows are weighted
/// with, before that is quantized: `Σ_t p[t] · (s[t] · v[t][n]) = Σ_t (p[t] · s[t]) · v[t][n]`. The zero point is the same for all
/// rows: quantize them with [`Spread::Magnitude`](super::Spread::Magnitude), or with one type for all
/// ([`Quantize`](crate::elementwise::Quantize), whose scale then is that of every row).
///
/// ```
/// use eightbit::{Backend, MatMut, MatRef, Workspace};
/// use eightbit::dynamic::{GrowingRows, QuantizeRows, QuantizedRows, Spread};
/// let backend = Backend::best()?;
/// let plan = QuantizeRows::new(backend, Spread::Magnitude);
/// let (mut values, mut quantized) = (GrowingRows::new::<i8>(backend, 2, 64)?, QuantizedRows::<i8>::new());
/// for value in [[1.0f32, 2.0], [0.0, -1.0], [30.0, 5.0]] {
///     quantized.quantize(&plan, MatRef::new(&value, 1, 2)?)?;
///     values.push(quantized.rows())?;
/// }
/// let (mut weights, mut out) = ([0.5f32, 0.25, 0.25], [0.0; 2]);
/// values.fold_scales(MatMut::new(&mut weights, 1, 3)?)?;
/// let mut rows = QuantizedRows::new();
/// rows.quantize(&QuantizeRows::new(backend, Spread::Range), MatRef::new(&weights, 1, 3)?)?;
/// values.call(rows.rows(), MatMut::new(&mut out, 1, 2)?)?.run(&mut Workspace::new());
/// for (found, exact) in out.iter().zip([8.0, 2.0]) {
///     assert!((found - exact).abs() < 0.05);
/// }
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GrowingRows {
    backend: Backend,
    element: ElementType,
    panels: PackedPanels,
    scales: Vec<f32>,
    zero_point: i32,
    vectors: ColumnVectors,
}

impl GrowingRows {
    /// No rows, of elements of type `T` and of `columns` columns, with memory for `capacity` of them: as long as there are no more,
    /// [`push`](Self::push) allocates nothing. If there are, everything moves to memory for twice as many. A clone shares the memory until one
    /// of the two changes: then all of it is copied, once, with the room that it has.
    ///
    /// # Errors
    ///
    /// If no address space holds so many rows: more than 2²⁴ of them, if they have no columns; or if there are more than 2²⁴ columns.
    pub fn new<T: Element>(backend: Backend, columns: usize, capacity: usize) -> Result<GrowingRows, Error> {
        let fits = columns <= MAX_REPEATED && (columns > 0 || capacity <= MAX_REPEATED);
        let panels =
            fits.then(|| PackedPanels::growing_depth(backend, columns, T::SIGNED, capacity)).flatten();
        let Some(panels) = panels else {
            let why = format!("{capacity} rows of {columns} columns fit into no memory");
            return Err(Error::Shape { what: "rows", why });
        };
        let mut vectors = ColumnVectors::with_capacity(columns);
        vectors.resize(panels.padded_columns());
        let (element, scales) = (T::TYPE, Vec::with_capacity(capacity));
        Ok(GrowingRows { backend, element, panels, scales, zero_point: 0, vectors })
    }

    /// Adds rows, each with its scale.
    ///
    /// # Errors
    ///
    /// If the rows are of another type, have another number of columns, are in more than one block, or do not all have the zero point of the
    /// rows that are there.
    pub fn push<T: Element>(&mut self, rows: Rows<'_, T>) -> Result<(), Error> {
        check_type("the rows to add", self.element, T::TYPE)?;
        check_size("blocks of a row", 1, rows.blocks())?;
        check_size("columns of a row", self.columns(), rows.columns())?;
        let Some(&first) = rows.zero_points().first() else { return Ok(()) };
        let zero_point = if self.is_empty() { first } else { self.zero_point };
        if let Some(row) = rows.zero_points().iter().position(|&zero| zero != zero_point) {
            let why = format!(
                "row {row} has the zero point {} and those before it {zero_point}: quantize all by magnitude, or with one type",
                rows.zero_points()[row]
            );
            return Err(Error::Shape { what: "rows to add", why });
        }
        self.zero_point = zero_point;
        self.panels.push_depths(rows.bytes(), rows.scales().len());
        self.scales.extend_from_slice(rows.scales());
        self.update();
        Ok(())
    }

    /// Takes away all rows but the first `rows`. Their memory is kept.
    pub fn truncate(&mut self, rows: usize) {
        self.panels.truncate_depth(rows);
        self.scales.truncate(rows);
        self.update();
    }

    /// Computes anew what kernels add by column, which depends on all rows.
    fn update(&mut self) {
        let terms = self.panels.terms(self.backend, ColumnVectors::ACTIVATIONS);
        self.vectors.set_all(self.panels.sums(), self.zero_point, terms);
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.panels.depth()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.panels.columns()
    }

    /// The scale of each row.
    #[must_use]
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Multiplies each row of `weights`, which has an element for each row that was added, with the scales of these rows: `weights[m][t] ·
    /// scale[t]`, rounded. What comes out is to be quantized for [`call`](Self::call).
    ///
    /// # Errors
    ///
    /// If `weights` has not one column for each row.
    pub fn fold_scales(&self, weights: MatMut<'_, f32>) -> Result<(), Error> {
        check_size("columns of the weights", self.len(), weights.columns())?;
        let mut weights = weights.block();
        // Without columns there may be any number of rows.
        let rows = if self.is_empty() { 0 } else { weights.rows() };
        for row in 0..rows {
            for (weight, scale) in weights.row_mut(row).iter_mut().zip(&self.scales) {
                *weight *= scale;
            }
        }
        Ok(())
    }

    /// Bytes of workspace that a call needs to allocate nothing, with as many rows as there are.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        gemm::scratch_bytes(self.backend, &self.panels).unwrap_or(usize::MAX)
    }

    /// The products of rows, into which the scales were [folded](Self::fold_scales), with all columns:
    /// `out[m][n] = f32(Σ_t (p[m][t] − zero[m]) · (v[t][n] − v_zero)) · row_scale[m]`.
    ///
    /// # Errors
    ///
    /// If the rows have not one element for each row that was added, or are in more than one block, or `out` has another shape.
    pub fn call<'a>(
        &'a self,
        rows: Rows<'a, u8>,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        let panels = self.panels.get().map_err(|_| PackedError::Shrunk)?;
        Products::call(self.backend, panels, self.vectors.columns(), rows, out)
    }
}
