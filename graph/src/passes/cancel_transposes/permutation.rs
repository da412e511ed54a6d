//! Orders of axes.

use crate::{Error, Node, Tensor, ops};

/// An order of axes: axis `i` of a transposed tensor is axis `order[i]` of the tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Permutation(Vec<usize>);

impl Permutation {
    /// The order that a `Transpose` of a tensor of `rank` axes says; `None` if it is none, or depends on an unknown rank.
    pub(super) fn of(node: &Node, rank: Option<usize>) -> Option<Self> {
        let order: Vec<usize> = match node.ints("perm").ok()? {
            Some(order) => order.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<_>>()?,
            None => (0..rank?).rev().collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        (sorted.iter().copied().eq(0..order.len()) && rank.is_none_or(|rank| rank == order.len()))
            .then_some(Self(order))
    }

    pub(super) fn rank(&self) -> usize {
        self.0.len()
    }

    /// The order as an attribute.
    pub(super) fn attribute(&self) -> Vec<i64> {
        self.0.iter().map(|&axis| axis as i64).collect()
    }

    pub(super) fn is_identity(&self) -> bool {
        self.0.iter().enumerate().all(|(index, &axis)| index == axis)
    }

    /// Whether it moves the channels of an image from the end to the front.
    pub(super) fn is_to_channels_first(&self) -> bool {
        let rank = self.rank();
        rank > 2
            && (0..rank)
                .all(|at| self.0[at] == [0, rank - 1].get(at).copied().unwrap_or(at.saturating_sub(1)))
    }

    /// The order of a transposition by `self`, then by `next`.
    pub(super) fn then(&self, next: &Self) -> Self {
        Self(next.0.iter().map(|&axis| self.0[axis]).collect())
    }

    pub(super) fn inverse(&self) -> Self {
        let mut inverse = vec![0; self.rank()];
        for (index, &axis) in self.0.iter().enumerate() {
            inverse[axis] = index;
        }
        Self(inverse)
    }

    /// Where the axis `axis` of the tensor is in the transposed one; negative axes count from the end.
    pub(super) fn place(&self, axis: i64) -> Option<usize> {
        let rank = self.rank() as i64;
        let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).ok()?;
        self.0.iter().position(|&from| from == axis)
    }

    /// The order of the axes that are left without those for which `gone` is true, which are axes of the tensor.
    pub(super) fn without(&self, gone: &[bool]) -> Self {
        let is_left = |axis: &usize| gone.get(*axis) == Some(&false);
        let left: Vec<usize> = (0..self.rank()).filter(is_left).collect();
        let place = |axis: usize| left.binary_search(&axis).unwrap_or_default();
        Self(self.0.iter().copied().filter(is_left).map(place).collect())
    }

    /// `list`, which has an element for each axis of the tensor, for the axes of the transposed one.
    pub(super) fn apply<T: Copy>(&self, list: &[T]) -> Option<Vec<T>> {
        if list.len() != self.rank() {
            return None;
        }
        Some(self.0.iter().map(|&axis| list[axis]).collect())
    }

    /// Whether a transposition of a tensor of `shape` moves only axes of size 1: the order of the elements stays.
    pub(super) fn keeps_elements(&self, shape: &[Option<usize>]) -> bool {
        let moved = self.0.iter().filter(|&&axis| shape.get(axis) != Some(&Some(1)));
        shape.len() == self.rank() && moved.is_sorted()
    }

    /// A constant of at most this rank, broadcast to it and transposed.
    pub(super) fn operand(&self, tensor: &Tensor) -> Result<Tensor, Error> {
        if tensor.len() == 1 {
            return Ok(tensor.clone());
        }
        let mut shape = vec![1; self.rank().saturating_sub(tensor.rank())];
        shape.extend(tensor.shape());
        let tensor = &tensor.clone().reshape(shape)?;
        let node = Node::of(&ops::transpose::OP, "constant", &["x"], &["y"]).with("perm", self.attribute());
        let transposed = ops::evaluate(&node, &[Some(tensor)])?.pop();
        transposed.ok_or_else(|| Error::node(&node, "has no output"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(axes: &[usize]) -> Permutation {
        Permutation(axes.to_vec())
    }

    #[test]
    fn orders_are_composed() {
        let first = order(&[0, 3, 1, 2]);
        let last = order(&[0, 2, 3, 1]);
        assert!(first.then(&last).is_identity());
        assert_eq!(first.inverse(), last);
        assert_eq!(order(&[1, 2, 0]).then(&order(&[1, 0, 2])), order(&[2, 1, 0]));
        assert!(first.is_to_channels_first() && !last.is_to_channels_first());
        assert_eq!(first.place(-1), Some(1));
        assert_eq!(first.place(4), None);
        assert_eq!(first.apply(&[1, 2, 3, 4]), Some(vec![1, 4, 2, 3]));
        assert_eq!(first.without(&[false, true, true, false]), order(&[0, 1]));
        assert_eq!(last.without(&[false, true, false, false]), order(&[0, 1, 2]).inverse());
    }

    #[test]
    fn axes_of_size_one_move_freely() {
        let last = order(&[0, 2, 3, 1]);
        assert!(last.keeps_elements(&[None, Some(7), Some(1), Some(1)]));
        assert!(!last.keeps_elements(&[None, Some(7), None, Some(1)]));
        assert!(!last.keeps_elements(&[None, Some(7), Some(1)]));
    }
}
