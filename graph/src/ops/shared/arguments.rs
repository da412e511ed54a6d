//! A node and the tensors that it reads, with the checks that every operator needs.

use crate::{DataType, Element, Error, Node, Tensor, TensorData, element_count};

use super::indexing::{self, axis_of};
use crate::tensor::extent;

/// The most elements of a tensor that an operator returns: hostile shapes are an error, not an allocation.
const MAX_ELEMENTS: usize = 1 << 28;

/// The arguments of an evaluation.
pub(crate) struct Arguments<'a> {
    node: &'a Node,
    inputs: &'a [Option<&'a Tensor>],
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(node: &'a Node, inputs: &'a [Option<&'a Tensor>]) -> Self {
        Self { node, inputs }
    }

    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    /// Input `index`, if present.
    pub(crate) fn optional(&self, index: usize) -> Option<&'a Tensor> {
        self.inputs.get(index).copied().flatten()
    }

    /// Input `index`.
    pub(crate) fn tensor(&self, index: usize) -> Result<&'a Tensor, Error> {
        self.optional(index).ok_or_else(|| self.error(format!("input {index} is missing")))
    }

    /// The elements of input `index` as `T`.
    pub(crate) fn values<T: Element>(&self, index: usize) -> Result<&'a [T], Error> {
        self.tensor(index)?.values()
    }

    /// The elements of input `index`, integers of 32 or 64 bits.
    pub(crate) fn integers(&self, index: usize) -> Result<Vec<i64>, Error> {
        match self.tensor(index)?.data() {
            TensorData::I64(values) => Ok(values.clone()),
            TensorData::I32(values) => Ok(values.iter().map(|&value| value.into()).collect()),
            other => Err(self.error(format!("input {index} holds {}, not i32 or i64", other.data_type()))),
        }
    }

    /// `index` among `size` elements, counted from the end if negative.
    pub(crate) fn index(&self, index: i64, size: usize) -> Result<usize, Error> {
        indexing::axis(index, size)
            .ok_or_else(|| self.error(format!("index {index} is out of range for {size}")))
    }

    /// All inputs, none of which may be left out.
    pub(crate) fn all(&self) -> Result<Vec<&'a Tensor>, Error> {
        if self.inputs.is_empty() {
            return Err(self.error("has no inputs"));
        }
        (0..self.inputs.len()).map(|index| self.tensor(index)).collect()
    }

    /// The scalar in input `index`, if present. A vector of one element is accepted as a scalar, too.
    pub(crate) fn optional_scalar<T: Element>(&self, index: usize) -> Result<Option<T>, Error> {
        match self.optional(index) {
            None => Ok(None),
            Some(tensor) => match tensor.values::<T>()? {
                [value] => Ok(Some(*value)),
                _ => Err(self.error(format!("input {index} must be a single number"))),
            },
        }
    }

    /// `axes`, which is an input in newer operator sets and an attribute in older ones.
    pub(crate) fn axes(&self, index: usize) -> Result<Option<Vec<i64>>, Error> {
        match self.optional(index) {
            Some(axes) => axes.as_i64().map(|axes| Some(axes.to_vec())),
            None => Ok(self.node.ints("axes")?.map(<[i64]>::to_vec)),
        }
    }

    /// `axis` counted from 0; negative ones count from the end.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        axis_of(self.node, axis, rank)
    }

    /// An error about the node.
    pub(crate) fn error(&self, reason: impl Into<String>) -> Error {
        Error::node(self.node, reason)
    }

    /// An error that the node's variant is not implemented.
    pub(crate) fn unsupported(&self, reason: impl Into<String>) -> Error {
        Error::unsupported(self.node, reason)
    }

    /// An error that the operator is undefined, or not implemented, for elements of `data_type`.
    pub(crate) fn wrong_type(&self, data_type: DataType) -> Error {
        self.unsupported(format!("elements of type {data_type} are not supported"))
    }

    /// The number of elements of an output of `shape`; an error above the limit.
    pub(crate) fn count(&self, shape: &[usize]) -> Result<usize, Error> {
        match extent(shape) {
            Some(extent) if extent <= MAX_ELEMENTS => element_count(shape),
            _ => Err(self.error(format!("an output of shape {shape:?} is too large"))),
        }
    }
}
