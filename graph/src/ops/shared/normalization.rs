//! Shared by normalizations of rows, sets of consecutive elements.

use super::arguments::Arguments;
use super::doubles::{optional_doubles, rounded};
use super::indexing::{Offsets, broadcast, broadcast_strides};
use super::inputs::Inputs;
use crate::{Error, Node, Tensor};

/// How rows are normalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `(x − mean) / √(variance + epsilon)`.
    Centered,
    /// `x / √(mean square + epsilon)`.
    Rms,
}

/// What a row is normalized by.
#[derive(Clone, Copy)]
pub(crate) struct Moments {
    /// The mean, or 0 where the row is not centered.
    pub(crate) mean: f64,
    /// `1 / √(variance + epsilon)`.
    pub(crate) inverse: f64,
}

/// Normalizes rows of `len` elements in place.
pub(crate) fn rows(x: &mut [f64], len: usize, kind: Kind, epsilon: f64) -> Vec<Moments> {
    let normalize = |row: &mut [f64]| {
        let count = row.len() as f64;
        let mean = if kind == Kind::Centered { row.iter().sum::<f64>() / count } else { 0.0 };
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        row.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
        Moments { mean, inverse }
    };
    // No elements are in no row.
    x.chunks_exact_mut(len.max(1)).map(normalize).collect()
}

/// The attribute `epsilon`.
pub(crate) fn epsilon(node: &Node, default: f32) -> Result<f64, Error> {
    Ok(f64::from(node.float("epsilon", default)?))
}

/// Checks that the input `index`, if present, broadcasts to the shape of input 0.
pub(crate) fn check_broadcast(inputs: &Inputs<'_>, index: usize) -> Result<(), Error> {
    inputs.optional(index).map_or(Ok(()), |of| fits(inputs.node, inputs.shape(0)?, index, &of.shape))
}

fn fits(node: &Node, shape: &[usize], index: usize, own: &[usize]) -> Result<(), Error> {
    if broadcast(shape, own).as_deref() == Some(shape) {
        return Ok(());
    }
    Err(Error::node(node, format!("input {index} of shape {own:?} for elements of shape {shape:?}")))
}

/// `scale · x + bias` for elements `x` of the shape of input 0. Both are inputs that broadcast to it, and may be left out.
pub(crate) fn scaled(
    args: &Arguments<'_>,
    mut x: Vec<f64>,
    scale: usize,
    bias: Option<usize>,
) -> Result<Tensor, Error> {
    let shape = args.tensor(0)?.shape();
    let mut apply = |index: usize, function: fn(&mut f64, f64)| -> Result<(), Error> {
        let Some(values) = optional_doubles(args, index)? else { return Ok(()) };
        let own = args.tensor(index)?.shape();
        fits(args.node(), shape, index, own)?;
        let offsets = Offsets::new(shape, &broadcast_strides(own, shape));
        x.iter_mut().zip(offsets).for_each(|(x, at)| function(x, values[at]));
        Ok(())
    };
    apply(scale, |x, scale| *x *= scale)?;
    if let Some(bias) = bias {
        apply(bias, |x, bias| *x += bias)?;
    }
    rounded(args, shape, x)
}
