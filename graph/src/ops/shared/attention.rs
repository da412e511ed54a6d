//! What is added to the products of attention, and the stages at which they can be seen.

use super::arguments::Arguments;
use super::attention_sizes::Sizes;
use super::doubles::doubles;
use super::indexing::{broadcast, broadcast_strides};
use crate::{Error, Node, TensorData};

/// A stage of the products.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Products,
    Biased,
    Capped,
    Weights,
}

impl Stage {
    pub(crate) fn new(node: &Node) -> Result<Self, Error> {
        match node.int("qk_matmul_output_mode", 0)? {
            0 => Ok(Self::Products),
            1 => Ok(Self::Biased),
            2 => Ok(Self::Capped),
            3 => Ok(Self::Weights),
            other => Err(Error::attribute(node, "qk_matmul_output_mode", format!("{other} is not 0 to 3"))),
        }
    }
}

/// What is added to the products: the mask, and −∞ for tokens that come later, or are padding.
pub(crate) struct Bias {
    mask: Option<Mask>,
    /// The number of past tokens, if later tokens are masked.
    causal: Option<usize>,
    /// For each entry of the batch, the number of tokens that are not padding.
    valid: Option<Vec<usize>>,
}

/// Numbers that broadcast to the products, but for the last axis, which may be shorter.
struct Mask {
    values: Vec<f64>,
    strides: [usize; 3],
    len: usize,
}

impl Bias {
    pub(crate) fn new(args: &Arguments<'_>, sizes: &Sizes) -> Result<Self, Error> {
        let mask = args.optional(3).map(|_| Mask::new(args, sizes)).transpose()?;
        let causal = args.node().flag("is_causal", false)?.then_some(sizes.past);
        let valid = match args.optional(6) {
            None => None,
            Some(valid) => {
                let valid: Vec<usize> =
                    valid.as_i64()?.iter().map(|&valid| usize::try_from(valid).unwrap_or(0)).collect();
                if valid.len() != sizes.q.batch {
                    return Err(args.error("input 6 needs one number for each entry of the batch"));
                }
                Some(valid)
            }
        };
        Ok(Self { mask, causal, valid })
    }

    /// Adds to the scores of the query `row` of a head.
    pub(crate) fn add(&self, [batch, head, row]: [usize; 3], scores: &mut [f64]) {
        if let Some(mask) = &self.mask {
            let first = batch * mask.strides[0] + head * mask.strides[1] + row * mask.strides[2];
            let given = &mask.values[first..][..mask.len];
            scores.iter_mut().zip(given).for_each(|(score, mask)| *score += mask);
            scores[mask.len..].fill(f64::NEG_INFINITY);
        }
        let ends = [self.causal.map(|past| past + row + 1), self.valid.as_ref().map(|valid| valid[batch])];
        for end in ends.into_iter().flatten() {
            scores.iter_mut().skip(end).for_each(|score| *score = f64::NEG_INFINITY);
        }
    }
}

impl Mask {
    fn new(args: &Arguments<'_>, sizes: &Sizes) -> Result<Self, Error> {
        let tensor = args.tensor(3)?;
        let values = match tensor.data() {
            TensorData::Bool(mask) => {
                mask.iter().map(|&takes_part| if takes_part { 0.0 } else { f64::NEG_INFINITY }).collect()
            }
            _ => doubles(args, 3)?,
        };
        let wanted = [sizes.q.batch, sizes.q.count, sizes.q.length];
        let (&len, outer) = tensor.shape().split_last().ok_or_else(|| args.error("a mask without axes"))?;
        if outer.len() > 3 || broadcast(outer, &wanted).as_deref() != Some(&wanted) || len > sizes.total {
            return Err(args.error(format!(
                "a mask of shape {:?} for products of shape {wanted:?} by {}",
                tensor.shape(),
                sizes.total
            )));
        }
        let strides = broadcast_strides(outer, &wanted);
        Ok(Self { values, strides: [0, 1, 2].map(|axis| strides[axis] * len), len })
    }
}
