//! The second factor of products of two activations, which grows: the keys of an attention.

use alloc::format;

use eightbit_kernels::gemm::{self, PackedPanels};

use super::Rows;
use super::product::{ColumnVectors, Products};
use crate::check::{check_size, check_type};
use crate::packed::MAX_REPEATED;
use crate::{Backend, Call, Element, ElementType, Error, Fill, MatMut, PackedError};

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
    vectors: ColumnVectors,
}

impl GrowingColumns {
    /// No columns, of elements of type `T` and this depth, with memory for `capacity` of them: as long as there are no more,
    /// [`push`](Self::push) allocates nothing. A clone shares the memory until columns are added to one of the two: then what is there is
    /// copied, to memory for twice as much if another panel begins.
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
        Ok(GrowingColumns {
            backend,
            element: T::TYPE,
            panels,
            vectors: ColumnVectors::with_capacity(capacity),
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
        self.vectors.resize(self.panels.padded_columns());
        let terms = self.panels.column_terms(self.backend, ColumnVectors::ACTIVATIONS);
        for (column, (&scale, &zero_point)) in (first..).zip(rows.scales().iter().zip(rows.zero_points())) {
            self.vectors.set(column, scale, terms(column, zero_point));
        }
        Ok(())
    }

    /// Takes away all columns but the first `columns`. Their memory is kept.
    pub fn truncate(&mut self, columns: usize) {
        self.panels.truncate(columns);
        self.vectors.resize(self.panels.padded_columns());
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
        let panels = self.panels.get().map_err(|_| PackedError::Shrunk)?;
        Products::call(self.backend, panels, self.vectors.columns(), rows, out)
    }
}
