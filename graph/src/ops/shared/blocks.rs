//! Shared by `DepthToSpace` and `SpaceToDepth`: blocks of pixels and groups of channels.

use super::arguments::Arguments;
use super::by_element::by_element;
use super::indexing::{Offsets, strides};
use crate::{Element, Error, Node, Tensor};

/// The size of a block along each side.
pub(crate) fn size(node: &Node) -> Result<usize, Error> {
    let size =
        node.optional_int("blocksize")?.ok_or_else(|| Error::attribute(node, "blocksize", "is missing"))?;
    // The square of the size divides a number of channels or of pixels.
    usize::try_from(size)
        .ok()
        .filter(|&size| size > 0 && size.checked_mul(size).is_some())
        .ok_or_else(|| Error::attribute(node, "blocksize", format!("{size} is not a size of blocks")))
}

/// Batch, channels, height and width.
pub(crate) fn image(node: &Node, shape: &[usize]) -> Result<[usize; 4], Error> {
    shape.try_into().map_err(|_| Error::node(node, format!("an input of shape {shape:?} is no image")))
}

/// An order of the elements of an image.
pub(crate) struct Order {
    /// The shape of the input with blocks on axes of their own.
    pub(crate) split: [usize; 6],
    /// The axes of `split`, outermost first.
    pub(crate) axes: [usize; 6],
    /// The shape of the output.
    pub(crate) shape: [usize; 4],
}

impl Order {
    /// The elements of the first input in this order.
    pub(crate) fn apply(&self, args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        fn apply<T: Element>(order: &Order, x: &[T]) -> Result<Vec<Tensor>, Error> {
            let Order { split, axes, shape } = order;
            let own = strides(split);
            let at = Offsets::new(&axes.map(|axis| split[axis]), &axes.map(|axis| own[axis]));
            Ok(vec![Tensor::new(*shape, T::wrap(at.map(|at| x[at]).collect()))?])
        }
        args.count(&self.shape)?;
        by_element!(self, args.tensor(0)?, apply)
    }
}
