//! What is known of a graph's values while its transpositions move.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::permutation::Permutation;
use super::rewrite::Constant;
use crate::limits::bytes_of_tensor;
use crate::ops::evaluate::MAX_WORK;
use crate::shapes::open_types;
use crate::{Error, Graph, Tensor};

/// What all transposed constants together may cost: many nodes may transpose large ones.
const MAX_COST: u64 = MAX_WORK * COST_OF_ELEMENT;
/// The least cost of an element, whatever its bytes: moving it takes time.
const COST_OF_ELEMENT: u64 = 4;

/// Constants and shapes by name.
pub(super) struct Values {
    constants: BTreeMap<String, Tensor>,
    /// The constants that are others, transposed.
    transposed: HashMap<(String, Permutation), String>,
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
        let constants = std::mem::take(&mut graph.constants);
        Self { constants, transposed: HashMap::new(), shapes, left: MAX_COST }
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

    /// Whether the constants `names` may be transposed by `order`.
    pub(super) fn has_room<'n>(&self, names: impl Iterator<Item = &'n str>, order: &Permutation) -> bool {
        let mut seen = HashSet::new();
        let is_made = |name: &str| self.transposed.contains_key(&(name.to_owned(), order.clone()));
        let new = names.filter(|name| seen.insert(*name) && !is_made(name));
        let costs = new.filter_map(|name| self.constant(name)).map(cost);
        costs.fold(0, u64::saturating_add) <= self.left
    }

    /// The name of the constant that is the constant `name`, broadcast to the rank of `order` and transposed by it: a `fresh` one the
    /// first time.
    pub(super) fn transposed(
        &mut self,
        name: &str,
        order: &Permutation,
        fresh: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        let key = (name.to_owned(), order.clone());
        if let Some(made) = self.transposed.get(&key) {
            return Ok(made.clone());
        }
        let tensor = self.constant(name).ok_or_else(|| Error::value(name, "is no constant"))?;
        let (cost, tensor) = (cost(tensor), order.operand(tensor)?);
        self.left = self.left.saturating_sub(cost);
        let made = fresh();
        self.constants.insert(made.clone(), tensor);
        self.transposed.insert(key, made.clone());
        Ok(made)
    }

    /// The name of what replaces the input `name` of a node: itself, transposed by `order`, or another constant.
    pub(super) fn replacement(
        &mut self,
        name: &str,
        constant: Constant,
        order: &Permutation,
        fresh: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        match constant {
            Constant::Transposed => self.transposed(name, order, fresh),
            Constant::Other(tensor) => {
                let made = fresh();
                self.add_constant(made.clone(), tensor);
                Ok(made)
            }
        }
    }

    /// Adds a constant.
    pub(super) fn add_constant(&mut self, name: String, tensor: Tensor) {
        self.constants.insert(name, tensor);
    }
}

fn cost(tensor: &Tensor) -> u64 {
    bytes_of_tensor(tensor).max(COST_OF_ELEMENT * tensor.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Node};

    #[test]
    fn a_constant_is_transposed_once_and_within_what_is_left() {
        let mut graph = Graph::default();
        for (name, shape) in [("a", [4, 8]), ("b", [8, 4]), ("bytes", [6, 4])] {
            let data_type = if name == "bytes" { DataType::U8 } else { DataType::F32 };
            graph.constants.insert(name.to_owned(), Tensor::zeros(shape, data_type).expect("small"));
        }
        let mut values = Values::of(&mut graph);
        // As much as one of the two.
        values.left = 4 * 32;
        let node = Node::new("t", "Transpose", &["a"], &["y"]);
        let order = Permutation::of(&node, Some(2)).expect("an order");
        assert!(values.has_room(["a"].into_iter(), &order) && values.has_room(["b"].into_iter(), &order));
        assert!(values.has_room(["a", "a"].into_iter(), &order), "one constant");
        assert!(!values.has_room(["a", "b"].into_iter(), &order), "two constants");
        let mut transposed =
            |name: &str| values.transposed(name, &order, || format!("{name}/transposed")).expect("two axes");
        assert_eq!([transposed("a"), transposed("a")], ["a/transposed", "a/transposed"]);
        assert_eq!(values.constant("a/transposed").expect("made").shape(), [8, 4]);
        assert!(values.has_room(["a"].into_iter(), &order), "it exists");
        // Bytes count as much as floats: moving one takes as long.
        assert!(!values.has_room(["bytes"].into_iter(), &order));
    }
}
