//! The second factor of products of two activations, which grows: the keys of an attention.

use alloc::format;
use alloc::vec::Vec;

use eightbit_kernels::gemm::{
    self, Activations, Border, ColumnTerms, Lhs, MatrixRows, OutputBlock, PANEL, PackedPanels, Panels,
    RowZeros, StageRef,
};

use super::Rows;
use crate::check::{check_size, check_type};
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::packed::MAX_REPEATED;
use crate::{Backend, Call, Element, ElementType, Error, MatMut, PackedError, Workspace};

/// A packed matrix that grows by columns, each quantized on its own: the keys of an attention, which a product with queries reads, and
/// to which every token adds one. Adding columns takes time in proportion to them; nothing is packed again.
///
/// ```
/// use eightbit::{Backend, MatMut, MatRef, Workspace};
/// use eightbit::dynamic::{GrowingColumns, QuantizeRows, QuantizedRows, Spread};
/// let backend = Backend::best()?;
/// let plan = QuantizeRows::new(backend, Spread::Magnitude);
/// let (mut keys, mut quantized) = (GrowingColumns::new::<i8>(backend, 2, 64)?, QuantizedRows::<i8>::new());
/// for key in [[1.0f32, 2.0], [0.0, -1.0], [3.0, 0.5]] {
///     quantized.quantize(&plan, MatRef::new(&key, 1, 2)?)?;
///     keys.push(quantized.rows())?;
/// }
/// let mut queries = QuantizedRows::new();
/// queries.quantize(&plan, MatRef::new(&[1.0f32, 1.0], 1, 2)?)?;
/// let mut scores = [0.0; 3];
/// keys.call(queries.rows(), MatMut::new(&mut scores, 1, 3)?)?.run(&mut Workspace::new());
/// for (found, exact) in scores.iter().zip([3.0, -1.0, 3.5]) {
///     assert!((found - exact).abs() < 0.05);
/// }
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GrowingColumns {
    backend: Backend,
    element: ElementType,
    panels: PackedPanels,
    scales: Vec<f32>,
    // What kernels add by column, padded to whole panels as the scales are.
    init: Vec<i32>,
    zero_factors: Vec<i32>,
    sums: Vec<i32>,
    any_zero: bool,
}

impl GrowingColumns {
    /// No columns, of elements of type `T` and this depth, with memory for `capacity` of them: as long as there are no more,
    /// [`push`](Self::push) allocates nothing. A clone has no memory for more columns than there are.
    ///
    /// # Errors
    ///
    /// If no address space holds so many columns: more than 2²⁴ of them, if their depth is 0.
    pub fn new<T: Element>(backend: Backend, depth: usize, capacity: usize) -> Result<GrowingColumns, Error> {
        let panels = PackedPanels::growing(backend, depth, T::SIGNED, capacity);
        let Some(panels) = panels.filter(|_| depth > 0 || capacity <= MAX_REPEATED) else {
            let why = format!("{capacity} columns of depth {depth} fit into no memory");
            return Err(Error::Shape { what: "columns", why });
        };
        let padded = capacity.next_multiple_of(PANEL);
        Ok(GrowingColumns {
            backend,
            element: T::TYPE,
            panels,
            scales: Vec::with_capacity(padded),
            init: Vec::with_capacity(padded),
            zero_factors: Vec::with_capacity(padded),
            sums: Vec::with_capacity(padded),
            any_zero: false,
        })
    }

    /// Adds each of the rows as a column, with its scale and zero point.
    ///
    /// # Errors
    ///
    /// If the rows are of another type, have another length than the depth, or are in more than one block.
    pub fn push<T: Element>(&mut self, rows: Rows<'_, T>) -> Result<(), Error> {
        check_type("the columns to add", self.element, T::TYPE)?;
        check_size("blocks of a row", 1, rows.blocks())?;
        check_size("length of a column", self.depth(), rows.columns())?;
        let (first, codes) = (self.len(), rows.bytes());
        self.panels.push(codes, rows.scales().len());
        let padded = self.panels.padded_columns();
        self.scales.resize(padded, 1.0);
        for terms in [&mut self.init, &mut self.zero_factors, &mut self.sums] {
            terms.resize(padded, 0);
        }
        let terms = self.panels.column_terms(self.backend, Activations { signed: false, zero_point: 0 });
        for (column, (&scale, &zero_point)) in (first..).zip(rows.scales().iter().zip(rows.zero_points())) {
            let ColumnTerms { initial, zero_factor, zero, sum } = terms(column, zero_point);
            self.any_zero |= zero != 0;
            self.scales[column] = scale;
            (self.init[column], self.zero_factors[column], self.sums[column]) = (initial, zero_factor, sum);
        }
        Ok(())
    }

    /// Takes away all columns but the first `columns`. Their memory is kept.
    pub fn truncate(&mut self, columns: usize) {
        self.panels.truncate(columns);
        let padded = self.panels.padded_columns();
        self.scales.truncate(padded);
        [&mut self.init, &mut self.zero_factors, &mut self.sums].into_iter().for_each(|x| x.truncate(padded));
    }

    /// The number of columns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.panels.columns()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The length of a column.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.panels.depth()
    }

    /// Bytes of workspace that a call needs to allocate nothing, with as many columns as there are.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        gemm::scratch_bytes(self.backend, &self.panels).unwrap_or(usize::MAX)
    }

    /// The products of rows with all columns, `rows × len` of them:
    /// `out[m][n] = (f32(Σ_k (q[m][k] − zero[m]) · (c[k][n] − c_zero[n])) · scale[n]) · row_scale[m]`.
    ///
    /// # Errors
    ///
    /// If the rows have another length than the columns, or are in more than one block, or `out` has another shape.
    pub fn call<'a>(
        &'a self,
        rows: Rows<'a, u8>,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        check_size("blocks of a row", 1, rows.blocks())?;
        check_size("columns of the activations", self.depth(), rows.columns())?;
        let lhs = rows.codes()?;
        check_size("rows of the output", lhs.rows(), out.rows())?;
        check_size("columns of the output", self.len(), out.columns())?;
        let panels = self.panels.get().map_err(|_| PackedError::Shrunk)?;
        Ok(Call::new(Products { columns: self, panels, lhs: lhs.lhs()?, rows }, out.block()))
    }
}

/// Columns with the rows that they are multiplied with.
#[derive(Clone, Copy, Debug)]
struct Products<'a> {
    columns: &'a GrowingColumns,
    panels: Panels<'a>,
    lhs: MatrixRows<'a>,
    rows: Rows<'a, u8>,
}

impl Fill<f32> for Products<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: TILE_ROWS, columns: Some(PANEL) }
    }

    fn fill(&self, out: OutputBlock<'_, f32>, workspace: &mut Workspace) {
        let GrowingColumns { backend, scales, init, zero_factors, sums, any_zero, .. } = self.columns;
        let call = gemm::Call {
            backend: *backend,
            lhs: Lhs::Matrix(self.lhs),
            lhs_signed: false,
            panels: self.panels,
            init,
            weight_zeros: any_zero.then_some(zero_factors),
            row_zeros: Some(RowZeros { zero_points: self.rows.zero_points(), of_init: 0, sums }),
            border: Border::COMPUTED,
            stage: StageRef::Dequantize {
                scale: scales,
                row_scale: Some(self.rows.scales()),
                bias: None,
                low: f32::NEG_INFINITY,
                high: f32::INFINITY,
            },
            memo: None,
        };
        gemm::run(&call, out, &mut workspace.0);
    }
}
