//! Operators that scale elements by statistics.

use super::arguments::Arguments;
use crate::{Error, Tensor};

/// `scale · (x − mean) / √(variance + epsilon) + bias`, each channel with numbers of its own, which are constants.
pub(super) fn batch_normalization(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let node = args.node();
    if node.flag("training_mode", false)? {
        return Err(args.unsupported("training mode"));
    }
    let Some(&channels) = input.shape().get(1) else {
        return Err(args.error(format!("an input of shape {:?} has no channels", input.shape())));
    };
    let epsilon = f64::from(node.float("epsilon", 1e-5)?);
    let parameters: Vec<&[f32]> = (1..5).map(|index| args.values::<f32>(index)).collect::<Result<_, _>>()?;
    if parameters.iter().any(|values| values.len() != channels) {
        return Err(args.error(format!("scale, bias, mean and variance must have {channels} elements")));
    }
    let plane: usize = input.shape()[2..].iter().product::<usize>().max(1);
    let normalized = input.as_f32()?.iter().enumerate().map(|(at, &x)| {
        let [scale, bias, mean, variance] =
            [0, 1, 2, 3].map(|i| f64::from(parameters[i][at / plane % channels]));
        (scale * (f64::from(x) - mean) / (variance + epsilon).sqrt() + bias) as f32
    });
    Tensor::new(input.shape(), normalized.collect::<Vec<_>>())
}

/// `x / (bias + alpha / size · Σ x²)^beta`, the sum over `size` channels around the element's own.
pub(super) fn local_response_normalization(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let node = args.node();
    let Some(&channels) = input.shape().get(1) else {
        return Err(args.error(format!("an input of shape {:?} has no channels", input.shape())));
    };
    let size = node.optional_int("size")?.and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|&size| size > 0);
    let size = size.ok_or_else(|| Error::attribute(node, "size", "must be at least 1"))?;
    let alpha = f64::from(node.float("alpha", 1e-4)?);
    let (beta, bias) = (f64::from(node.float("beta", 0.75)?), f64::from(node.float("bias", 1.0)?));
    let plane: usize = input.shape()[2..].iter().product::<usize>().max(1);
    let x = input.as_f32()?;
    let normalized = x.iter().enumerate().map(|(at, &value)| {
        let channel = at / plane % channels;
        let low = channel.saturating_sub((size - 1) / 2);
        let high = channel.saturating_add(size / 2).min(channels - 1);
        let squares: f64 =
            (low..=high).map(|other| f64::from(x[at - channel * plane + other * plane]).powi(2)).sum();
        (f64::from(value) / (bias + alpha / size as f64 * squares).powf(beta)) as f32
    });
    Tensor::new(input.shape(), normalized.collect::<Vec<_>>())
}

/// `exp(x) / Σ exp(x)` along an axis, the greatest element subtracted first, so that nothing overflows.
pub(super) fn softmax(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let axis = args.axis(args.node().int("axis", -1)?, input.rank())?;
    let size = input.shape()[axis];
    let inner: usize = input.shape()[axis + 1..].iter().product();
    let x = input.as_f32()?;
    let mut y = vec![0.0f32; x.len()];
    for first in (0..x.len()).filter(|at| (at / inner).is_multiple_of(size)) {
        let line = || (0..size).map(|i| first + i * inner);
        let greatest = line().map(|at| x[at]).fold(f32::NEG_INFINITY, f32::max);
        let exponential = |at: usize| f64::from(x[at] - greatest).exp();
        let sum: f64 = line().map(exponential).sum();
        for at in line() {
            y[at] = (exponential(at) / sum) as f32;
        }
    }
    Tensor::new(input.shape(), y)
}
