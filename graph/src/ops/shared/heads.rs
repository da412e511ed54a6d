//! The heads of attention: a tensor `(batch, heads, length, size)`, or `(batch, length, heads · size)`.

use crate::{Error, Node};

/// The sizes of a tensor of heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) batch: usize,
    pub(crate) count: usize,
    pub(crate) length: usize,
    pub(crate) size: usize,
    /// Whether the heads of a token lie side by side.
    flat: bool,
}

impl Heads {
    /// The heads of a tensor of `shape`, whose number is the attribute `count` if it has three axes.
    pub(crate) fn new(node: &Node, shape: &[usize], count: &str) -> Result<Self, Error> {
        match *shape {
            [batch, heads, length, size] => Ok(Self { batch, count: heads, length, size, flat: false }),
            [batch, length, width] => {
                let heads = usize::try_from(node.int(count, 0)?).ok();
                let heads = heads.filter(|&heads| heads > 0 && width.is_multiple_of(heads));
                let heads = heads.ok_or_else(|| {
                    Error::attribute(node, count, format!("does not divide a tensor of shape {shape:?}"))
                })?;
                Ok(Self { batch, count: heads, length, size: width / heads, flat: true })
            }
            _ => Err(Error::node(node, format!("a tensor of shape {shape:?} has no heads"))),
        }
    }

    /// Where the numbers of a token begin.
    pub(crate) fn offset(&self, batch: usize, head: usize, token: usize) -> usize {
        let index = if self.flat {
            (batch * self.length + token) * self.count + head
        } else {
            (batch * self.count + head) * self.length + token
        };
        index * self.size
    }

    /// The shape of a tensor of such heads, of another size.
    pub(crate) fn shape(&self, size: usize) -> Vec<usize> {
        if self.flat {
            vec![self.batch, self.length, self.count * size]
        } else {
            vec![self.batch, self.count, self.length, size]
        }
    }

    /// The same heads, of another size.
    pub(crate) fn sized(self, size: usize) -> Self {
        Self { size, ..self }
    }
}
