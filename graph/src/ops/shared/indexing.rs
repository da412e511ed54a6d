//! Indexing of tensors of any rank.

use crate::{Error, Node};

/// The strides in elements of a row-major tensor.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// `axis` counted from 0, where negative ones count from the end; `None` if there is no such axis.
pub(crate) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let signed = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis.checked_add(signed)? } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// As [`axis`]; an error that names `node` if there is no such axis.
pub(crate) fn axis_of(node: &Node, of: i64, rank: usize) -> Result<usize, Error> {
    axis(of, rank).ok_or_else(|| Error::node(node, format!("axis {of} of a tensor of rank {rank}")))
}

/// The common shape of two broadcast shapes (ONNX's multidirectional broadcasting, as in NumPy).
pub(crate) fn broadcast(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let rank = left.len().max(right.len());
    let dim = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |position| shape[position])
    };
    (0..rank)
        .map(|axis| match (dim(left, axis), dim(right, axis)) {
            (a, b) if a == b => Some(a),
            (1, b) => Some(b),
            (a, 1) => Some(a),
            _ => None,
        })
        .collect()
}

/// The strides that read a tensor of `shape` as one of the broadcast shape `target`: 0 along repeated axes.
pub(crate) fn broadcast_strides(shape: &[usize], target: &[usize]) -> Vec<usize> {
    let own = strides(shape);
    let missing = target.len() - shape.len();
    (0..target.len())
        .map(|axis| match axis.checked_sub(missing) {
            Some(position) if shape[position] != 1 => own[position],
            _ => 0,
        })
        .collect()
}

/// Iterates over all offsets of a strided tensor, last axis fastest.
pub(crate) struct Offsets {
    shape: Vec<usize>,
    strides: Vec<usize>,
    index: Vec<usize>,
    offset: usize,
    left: usize,
}

impl Offsets {
    /// The offsets of the elements of `shape`, `strides` apart.
    pub(crate) fn new(shape: &[usize], strides: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            strides: strides.to_vec(),
            index: vec![0; shape.len()],
            offset: 0,
            left: shape.iter().product(),
        }
    }
}

impl Iterator for Offsets {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let offset = self.offset;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.offset += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.offset -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
        Some(offset)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// All indices of a tensor of `shape`, last axis fastest.
pub(crate) fn for_each_index(shape: &[usize], mut visit: impl FnMut(&[usize])) {
    let mut index = vec![0; shape.len()];
    for _ in 0..shape.iter().product::<usize>() {
        visit(&index);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_numpy_does() {
        assert_eq!(broadcast(&[3, 1], &[2, 1, 4]), Some(vec![2, 3, 4]));
        assert_eq!(broadcast(&[], &[2]), Some(vec![2]));
        assert_eq!(broadcast(&[3], &[2]), None);
        assert_eq!(broadcast(&[0], &[1]), Some(vec![0]));
        assert_eq!(broadcast_strides(&[3, 1], &[2, 3, 4]), [0, 1, 0]);
    }

    #[test]
    fn offsets_walk_any_strides() {
        assert_eq!(Offsets::new(&[2, 3], &[1, 2]).collect::<Vec<_>>(), [0, 2, 4, 1, 3, 5]);
        assert_eq!(Offsets::new(&[], &[]).collect::<Vec<_>>(), [0]);
        assert_eq!(Offsets::new(&[0, 3], &[3, 1]).count(), 0);
    }

    #[test]
    fn axes_count_from_both_ends() {
        assert_eq!((axis(-1, 3), axis(2, 3), axis(3, 3), axis(-4, 3)), (Some(2), Some(2), None, None));
    }
}
