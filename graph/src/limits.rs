//! Limits of the memory that a model may take.

use std::collections::HashSet;

use crate::tensor::extent;
use crate::{Error, Graph, Tensor, TensorType};

/// Limits of a model. A small file can describe huge tensors: it is refused with [`Error::OverLimit`] before memory is
/// allocated or time is spent.
///
/// ```
/// # use eightbit_graph::{ExecutorOptions, Limits};
/// let mut options = ExecutorOptions::default();
/// options.shapes.limits = Limits { max_bytes: 64 << 20, ..Limits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most elements of one value. Dimensions of 0 count as 1, so that a tensor without elements cannot have huge
    /// dimensions either.
    pub max_elements: usize,
    /// The most bytes that a model takes in total: its constants, what is computed from constants alone, and the values that
    /// are live at the same time in a run. While a file is read, the decoded structure without the elements of tensors may
    /// take a quarter of this.
    pub max_bytes: u64,
}

/// Values of up to 2²⁸ elements (1 GiB of floats), 4 GiB in total.
impl Default for Limits {
    fn default() -> Self {
        Self { max_elements: 1 << 28, max_bytes: 4 << 30 }
    }
}

impl Limits {
    /// The default limits, with more bytes for a model whose weights need it: three times what its constants take, which had limits when
    /// they were read, and 1 GiB. Packed weights lie beside them.
    #[must_use]
    pub fn for_model(graph: &Graph) -> Self {
        let limits = Self::default();
        let needed = constants_of([graph]).saturating_mul(3).saturating_add(1 << 30);
        Self { max_bytes: limits.max_bytes.max(needed), ..limits }
    }

    /// An error if a tensor of `shape` has too many elements; `what` names it.
    pub(crate) fn check_elements(&self, shape: &[usize], what: impl FnOnce() -> String) -> Result<(), Error> {
        match extent(shape) {
            Some(extent) if extent <= self.max_elements => Ok(()),
            extent => Err(Error::OverLimit {
                what: what(),
                needs: extent.map_or(u64::MAX, |extent| extent as u64),
                limit: self.max_elements as u64,
                unit: "elements",
            }),
        }
    }

    /// An error if `bytes` exceed the limit; `what` names what takes them.
    pub(crate) fn check_bytes(&self, bytes: u64, what: impl FnOnce() -> String) -> Result<(), Error> {
        if bytes <= self.max_bytes {
            return Ok(());
        }
        Err(Error::OverLimit { what: what(), needs: bytes, limit: self.max_bytes, unit: "bytes" })
    }
}

/// The bytes of a tensor of this type, whose number of elements must not overflow.
pub(crate) fn bytes_of(of: &TensorType) -> u64 {
    of.shape.iter().product::<usize>() as u64 * of.data_type.size() as u64
}

/// The bytes of a tensor.
pub(crate) fn bytes_of_tensor(tensor: &Tensor) -> u64 {
    tensor.len() as u64 * tensor.data_type().size() as u64
}

/// The bytes of the constants of these graphs together; elements that several share count once.
pub(crate) fn constants_of<'g>(graphs: impl IntoIterator<Item = &'g Graph>) -> u64 {
    let mut seen = HashSet::new();
    let all = graphs.into_iter().flat_map(|graph| graph.constants.values());
    all.filter(|tensor| seen.insert(tensor.address())).map(bytes_of_tensor).sum()
}
