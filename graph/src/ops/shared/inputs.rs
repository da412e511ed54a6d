//! The information about a node that a rule for types and shapes can use.

use super::indexing;
use crate::{Error, Node, Tensor, TensorType, quoted};

/// A node, the types of its inputs, and the values of those that are known before the graph runs.
pub(crate) struct Inputs<'a> {
    pub(crate) node: &'a Node,
    types: Vec<Option<&'a TensorType>>,
    values: Vec<Option<&'a Tensor>>,
}

impl<'a> Inputs<'a> {
    /// The inputs of `node`, by functions that return a value's type, and its elements if known.
    ///
    /// # Errors
    ///
    /// An input without a type, which is an output that its node's operator does not have.
    pub(crate) fn new(
        node: &'a Node,
        type_of: impl Fn(&str) -> Option<&'a TensorType>,
        value_of: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Result<Self, Error> {
        let find = |index: usize| -> Result<Option<&'a TensorType>, Error> {
            let Some(name) = node.input(index) else { return Ok(None) };
            type_of(name).map(Some).ok_or_else(|| {
                Error::node(
                    node,
                    format!("reads {}, an output that its node's operator does not have", quoted(name)),
                )
            })
        };
        let types = (0..node.inputs.len()).map(find).collect::<Result<_, _>>()?;
        let values = (0..node.inputs.len()).map(|index| node.input(index).and_then(&value_of)).collect();
        Ok(Self { node, types, values })
    }

    /// The number of inputs, including those left out.
    pub(crate) fn len(&self) -> usize {
        self.types.len()
    }

    /// The type of input `index`, if present.
    pub(crate) fn optional(&self, index: usize) -> Option<&'a TensorType> {
        self.types.get(index).copied().flatten()
    }

    /// The type of input `index`.
    pub(crate) fn get(&self, index: usize) -> Result<&'a TensorType, Error> {
        self.optional(index).ok_or_else(|| self.error(format!("input {index} is missing")))
    }

    /// The shape of input `index`.
    pub(crate) fn shape(&self, index: usize) -> Result<&'a [usize], Error> {
        Ok(&self.get(index)?.shape)
    }

    /// The type of a node's only output: of `shape`, with the element type of input `index`.
    pub(crate) fn like(&self, index: usize, shape: impl Into<Vec<usize>>) -> Result<Vec<TensorType>, Error> {
        Ok(vec![TensorType::new(self.get(index)?.data_type, shape)])
    }

    /// The elements of all inputs, `None` for inputs left out; `None` if those of one are not known.
    pub(crate) fn known(&self) -> Option<&[Option<&'a Tensor>]> {
        let known =
            self.types.iter().zip(&self.values).all(|(given, value)| given.is_none() || value.is_some());
        known.then_some(&self.values)
    }

    /// The elements of input `index`, if present and known.
    pub(crate) fn value_of(&self, index: usize) -> Option<&'a Tensor> {
        self.values.get(index).copied().flatten()
    }

    /// The elements of input `index`, which must not depend on the graph's inputs; `None` if it is left out.
    pub(crate) fn value(&self, index: usize) -> Result<Option<&'a Tensor>, Error> {
        let Some(name) = self.node.input(index) else { return Ok(None) };
        self.value_of(index).map(Some).ok_or_else(|| {
            Error::unsupported(
                self.node,
                format!("input {index} ({}) decides a shape and is not a constant", quoted(name)),
            )
        })
    }

    /// As [`value`](Self::value), for 64-bit integers.
    pub(crate) fn integers(&self, index: usize) -> Result<Option<&'a [i64]>, Error> {
        let Some(tensor) = self.value(index)? else { return Ok(None) };
        let name = self.node.input(index).unwrap_or_default();
        tensor.as_i64().map(Some).map_err(|error| error.in_value(name))
    }

    /// An error about the node.
    pub(crate) fn error(&self, reason: impl Into<String>) -> Error {
        Error::node(self.node, reason)
    }

    /// `axis`, counted from the end if negative, as an index below `rank`.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        indexing::axis_of(self.node, axis, rank)
    }
}
