//! Memory for quantized rows, reused from call to call.

use alloc::format;
use alloc::vec::Vec;

use super::quantize::{QuantizeRows, RowsCall};
use super::rows::{Rows, RowsMut, Shape};
use crate::packed::MAX_REPEATED;
use crate::{Element, Error, MatRef};

/// Quantized rows in memory of their own, which grows to the largest matrix that was quantized into it and is reused for others.
///
/// Several layers that read the same activations share one: they are quantized once.
///
/// ```
/// use eightbit::{Backend, MatRef, dynamic::{QuantizeRows, QuantizedRows, Spread}};
/// let mut rows = QuantizedRows::<i8>::new();
/// let plan = QuantizeRows::new(Backend::best()?, Spread::Magnitude);
/// rows.quantize(&plan, MatRef::new(&[1.0f32, -2.54], 1, 2)?)?;
/// assert_eq!((rows.rows().scales(), rows.rows().zero_points()), (&[0.02][..], &[0][..]));
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct QuantizedRows<T> {
    codes: Vec<T>,
    scales: Vec<f32>,
    zero_points: Vec<i32>,
    shape: Shape,
}

impl<T: Element> QuantizedRows<T> {
    /// No rows; allocates nothing yet.
    #[must_use]
    pub const fn new() -> QuantizedRows<T> {
        let shape = Shape { rows: 0, columns: 0, block: 1 };
        QuantizedRows { codes: Vec::new(), scales: Vec::new(), zero_points: Vec::new(), shape }
    }

    /// No rows, with room for `rows` rows of `columns` columns in one block each: as long as there are no more, nothing is allocated.
    #[must_use]
    pub fn with_capacity(rows: usize, columns: usize) -> QuantizedRows<T> {
        QuantizedRows {
            codes: Vec::with_capacity(rows.saturating_mul(columns)),
            scales: Vec::with_capacity(rows),
            zero_points: Vec::with_capacity(rows),
            ..QuantizedRows::new()
        }
    }

    /// The quantization of `x` into this memory, for tasks on several threads. Until it has run, and if it fails, the rows may hold anything.
    ///
    /// # Errors
    ///
    /// As [`QuantizeRows::call`], and if the memory for the rows is not to be had: a matrix that repeats elements may be larger than its
    /// slice, but has 2²⁴ elements at most.
    pub fn call<'a>(&'a mut self, plan: &QuantizeRows, x: MatRef<'a, f32>) -> Result<RowsCall<'a, T>, Error> {
        plan.check(&x)?;
        let shape = plan.shape(&x);
        let (codes, blocks) = (shape.rows * shape.columns, shape.rows.saturating_mul(shape.blocks()));
        if (x.repeats() || codes == 0) && codes.max(blocks) > MAX_REPEATED {
            return Err(too_many(shape));
        }
        self.shape = Shape { rows: 0, ..shape };
        grow(&mut self.codes, codes, T::default()).ok_or_else(|| too_many(shape))?;
        grow(&mut self.scales, blocks, 1.0).ok_or_else(|| too_many(shape))?;
        grow(&mut self.zero_points, blocks, 0).ok_or_else(|| too_many(shape))?;
        self.shape = shape;
        let Self { codes, scales, zero_points, .. } = self;
        plan.call(x, RowsMut { codes, scales, zero_points })
    }

    /// Quantizes `x` on this thread. After an error there are no rows.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call) and [`RowsCall::run`].
    pub fn quantize(&mut self, plan: &QuantizeRows, x: MatRef<'_, f32>) -> Result<(), Error> {
        let done = self.call(plan, x).and_then(RowsCall::run);
        if done.is_err() {
            self.clear();
        }
        done
    }

    /// Takes away all rows; their memory is kept.
    fn clear(&mut self) {
        self.shape.rows = 0;
        self.codes.clear();
        self.scales.clear();
        self.zero_points.clear();
    }

    /// The rows of the last quantization.
    #[must_use]
    pub fn rows(&self) -> Rows<'_, T> {
        Rows::trusted(&self.codes, self.shape, &self.scales, &self.zero_points)
    }
}

/// Makes `memory` `len` elements; `None` if there is not so much.
fn grow<T: Clone>(memory: &mut Vec<T>, len: usize, new: T) -> Option<()> {
    memory.try_reserve(len.saturating_sub(memory.len())).ok()?;
    memory.resize(len, new);
    Some(())
}

fn too_many(shape: Shape) -> Error {
    let why = format!("{} rows of {} columns do not fit into memory", shape.rows, shape.columns);
    Error::Shape { what: "rows to quantize", why }
}
