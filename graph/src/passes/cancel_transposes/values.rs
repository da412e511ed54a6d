//! What is known of a graph's values while its transpositions move.

use std::collections::BTreeMap;

use crate::limits::bytes_of_tensor;
use crate::shapes::open_types;
use crate::{Graph, Tensor};

/// The most bytes of transposed constants: many nodes may transpose the same constant.
const MAX_BYTES: u64 = 1 << 30;

/// Constants and shapes by name.
pub(super) struct Values {
    constants: BTreeMap<String, Tensor>,
    /// The shapes of the values that the graph had at first.
    shapes: BTreeMap<String, Vec<Option<usize>>>,
    left: u64,
}

impl Values {
    /// Takes the constants from `graph`.
    pub(super) fn of(graph: &mut Graph) -> Self {
        // A graph with operators that are not implemented has no shapes.
        let shapes = open_types(graph).unwrap_or_default();
        let shapes = shapes.into_iter().map(|(name, found)| (name, found.shape)).collect();
        Self { constants: std::mem::take(&mut graph.constants), shapes, left: MAX_BYTES }
    }

    pub(super) fn into_constants(self) -> BTreeMap<String, Tensor> {
        self.constants
    }

    pub(super) fn constant(&self, name: &str) -> Option<&Tensor> {
        self.constants.get(name)
    }

    /// The elements of a constant of integers.
    pub(super) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(name)?;
        tensor.as_i64().map(<[i64]>::to_vec).ok()
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[Option<usize>]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    pub(super) fn rank(&self, name: &str) -> Option<usize> {
        self.shape(name).map(<[_]>::len)
    }

    /// Whether a constant as large as `tensor` may be added.
    pub(super) fn has_room(&self, tensor: &Tensor) -> bool {
        bytes_of_tensor(tensor) <= self.left
    }

    /// Adds a constant.
    pub(super) fn add_constant(&mut self, name: String, tensor: Tensor) {
        self.left = self.left.saturating_sub(bytes_of_tensor(&tensor));
        self.constants.insert(name, tensor);
    }
}
