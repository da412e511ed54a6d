//! `LRN`: `x / (bias + alpha / size · Σ x²)^beta`, the sum over `size` channels around the element's own.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Floats(&[1, 5, 2, 3])], &[("size", Value::Int(3))])],
    ..Operator::new("LRN", "local response normalization across channels", unary::same, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
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
    Ok(vec![Tensor::new(input.shape(), normalized.collect::<Vec<_>>())?])
}
