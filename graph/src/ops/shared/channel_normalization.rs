//! Shared by normalizations of channels, or groups of them, of each image.

use super::arguments::Arguments;
use super::doubles::{doubles, rounded};
use super::inputs::Inputs;
use super::normalization::{Kind, epsilon, rows};
use crate::{Error, Node, Tensor, TensorType};

/// The number of channels of an input of `shape`.
pub(crate) fn channels(node: &Node, shape: &[usize]) -> Result<usize, Error> {
    let channels = shape.get(1).copied();
    channels.ok_or_else(|| Error::node(node, format!("an input of shape {shape:?} has no channels")))
}

/// The output has the type of input 0; scale and bias, the inputs 1 and 2, are vectors.
pub(crate) fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let channels = channels(inputs.node, &x.shape)?;
    for index in 1..3 {
        let shape = inputs.shape(index)?;
        // The others are one for each group.
        if shape.len() != 1 || shape[0] > channels {
            return Err(inputs.error(format!("input {index} of shape {shape:?} for {channels} channels")));
        }
    }
    Ok(vec![x.clone()])
}

/// Normalizes `groups` groups of channels of each image. Scale and bias have one number for each channel, or for each group.
pub(crate) fn evaluate(args: &Arguments<'_>, groups: usize) -> Result<Vec<Tensor>, Error> {
    let shape = args.tensor(0)?.shape();
    let channels = channels(args.node(), shape)?;
    if groups == 0 || !channels.is_multiple_of(groups) {
        return Err(args.error(format!("{groups} groups of {channels} channels")));
    }
    let (scale, bias) = (doubles(args, 1)?, doubles(args, 2)?);
    let plane: usize = shape[2..].iter().product();
    let in_group = channels / groups;
    let per_number = match (scale.len(), bias.len()) {
        (a, b) if a == channels && b == channels => plane,
        (a, b) if a == groups && b == groups => plane * in_group,
        (a, b) => {
            return Err(args.error(format!("{a} scales and {b} biases for {channels} channels")));
        }
    };
    let mut x = doubles(args, 0)?;
    rows(&mut x, in_group * plane, Kind::Centered, epsilon(args.node(), 1e-5)?);
    for (index, row) in x.chunks_exact_mut(per_number.max(1)).enumerate() {
        let (scale, bias) = (scale[index % scale.len()], bias[index % bias.len()]);
        row.iter_mut().for_each(|x| *x = scale * *x + bias);
    }
    Ok(vec![rounded(args, shape, x)?])
}
