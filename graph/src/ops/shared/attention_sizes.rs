//! The sizes of attention.

use super::arguments::Arguments;
use super::doubles::doubles;
use super::heads::Heads;
use super::inputs::Inputs;
use crate::{Error, Node, Tensor};

/// The sizes of queries, keys and values.
pub(crate) struct Sizes {
    pub(crate) q: Heads,
    pub(crate) k: Heads,
    pub(crate) v: Heads,
    /// Tokens that were there before.
    pub(crate) past: usize,
    /// All tokens that are attended to.
    pub(crate) total: usize,
}

impl Sizes {
    pub(crate) fn of(inputs: &Inputs<'_>) -> Result<Self, Error> {
        let past = [4, 5].map(|index| inputs.optional(index).map(|of| of.shape.as_slice()));
        Self::new(inputs.node, [inputs.shape(0)?, inputs.shape(1)?, inputs.shape(2)?], past)
    }

    pub(crate) fn of_tensors(args: &Arguments<'_>) -> Result<Self, Error> {
        let past = [4, 5].map(|index| args.optional(index).map(Tensor::shape));
        let shapes = [args.tensor(0)?.shape(), args.tensor(1)?.shape(), args.tensor(2)?.shape()];
        Self::new(args.node(), shapes, past)
    }

    fn new(node: &Node, [q, k, v]: [&[usize]; 3], past: [Option<&[usize]>; 2]) -> Result<Self, Error> {
        let wrong = || {
            Error::node(node, format!("queries of shape {q:?}, keys {k:?}, values {v:?} and past {past:?}"))
        };
        let ranks = q.len() == k.len() && k.len() == v.len();
        let q = Heads::new(node, q, "q_num_heads")?;
        let (k, v) = (Heads::new(node, k, "kv_num_heads")?, Heads::new(node, v, "kv_num_heads")?);
        let fit = ranks
            && [k.batch, v.batch] == [q.batch; 2]
            && [k.count, k.length] == [v.count, v.length]
            && k.size == q.size
            && k.count > 0
            && q.count.is_multiple_of(k.count);
        let past = match past {
            _ if !fit => return Err(wrong()),
            [None, None] => 0,
            [Some(&[k_batch, k_count, length, k_size]), Some(other)]
                if [k_batch, k_count, k_size] == [q.batch, k.count, k.size]
                    && *other == [q.batch, v.count, length, v.size] =>
            {
                length
            }
            _ => return Err(wrong()),
        };
        let total = past.checked_add(k.length).ok_or_else(wrong)?;
        Ok(Self { q, k, v, past, total })
    }

    /// The number of heads of queries for each head of keys.
    pub(crate) fn group(&self) -> usize {
        self.q.count / self.k.count
    }

    /// The shapes of the results, the present keys and values, and, if the node has them, the products.
    pub(crate) fn outputs(&self, node: &Node) -> Vec<Vec<usize>> {
        let present = |heads: &Heads| vec![heads.batch, heads.count, self.total, heads.size];
        let mut shapes = vec![self.q.shape(self.v.size), present(&self.k), present(&self.v)];
        if node.output(3).is_some() {
            shapes.push(vec![self.q.batch, self.q.count, self.q.length, self.total]);
        }
        shapes
    }

    /// Keys (input 1) or values (input 2), after those of the past: by batch, head and token.
    pub(crate) fn present(&self, args: &Arguments<'_>, index: usize) -> Result<Vec<f64>, Error> {
        let heads = if index == 1 { self.k } else { self.v };
        let new = doubles(args, index)?;
        let past = if args.optional(index + 3).is_some() { doubles(args, index + 3)? } else { Vec::new() };
        let mut present = Vec::with_capacity(new.len() + past.len());
        for batch in 0..heads.batch {
            for head in 0..heads.count {
                let before = self.past * heads.size;
                present.extend_from_slice(&past[(batch * heads.count + head) * before..][..before]);
                for token in 0..heads.length {
                    present.extend_from_slice(&new[heads.offset(batch, head, token)..][..heads.size]);
                }
            }
        }
        Ok(present)
    }
}
