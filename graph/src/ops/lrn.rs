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
    let plane: usize = input.shape()[2..].iter().product();
    let x = input.as_f32()?;
    let mut normalized = vec![0.0; x.len()];
    let mut squares = vec![0.0; channels];
    let (before, after) = ((size - 1) / 2, size / 2);
    for image in (0..x.len()).step_by((channels * plane).max(1)) {
        for pixel in image..image + plane {
            let at = |channel: usize| pixel + channel * plane;
            for (channel, square) in squares.iter_mut().enumerate() {
                *square = f64::from(x[at(channel)]).powi(2);
            }
            for (channel, sum) in window_sums(&squares, before, after).enumerate() {
                let scale = (bias + alpha / size as f64 * sum).powf(beta);
                normalized[at(channel)] = (f64::from(x[at(channel)]) / scale) as f32;
            }
        }
    }
    Ok(vec![Tensor::new(input.shape(), normalized)?])
}

/// Windows of more elements are summed in blocks.
const WIDE: usize = 64;

/// For each element, the sum of itself, of `before` elements before it and of `after` elements after it, as far as they exist.
/// The time is linear for windows of any size.
fn window_sums(values: &[f64], before: usize, after: usize) -> impl Iterator<Item = f64> {
    let last = values.len().saturating_sub(1);
    let (before, after) = (before.min(last), after.min(last));
    let block = before + after + 1;
    // The sums within each block up to an element and from it on (van Herk, 1992): a window lies in at most two blocks.
    let (mut up_to, mut from) = (Vec::new(), Vec::new());
    if block > WIDE {
        for values in values.chunks(block) {
            let running = |value: &f64, sum: &mut f64| {
                *sum += value;
                *sum
            };
            let mut sum = 0.0;
            up_to.extend(values.iter().map(|value| running(value, &mut sum)));
            let (start, mut sum) = (from.len(), 0.0);
            from.extend(values.iter().rev().map(|value| running(value, &mut sum)));
            from[start..].reverse();
        }
    }
    (0..values.len()).map(move |at| {
        let (low, high) = (at.saturating_sub(before), (at + after).min(last));
        if block <= WIDE {
            values[low..=high].iter().sum()
        } else if low / block != high / block {
            from[low] + up_to[high]
        } else if low % block == 0 {
            up_to[high]
        } else {
            from[low]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_windows_of_any_size() {
        let values: Vec<f64> = (0..300).map(|at| f64::from(at * at % 17)).collect();
        for len in [1, 2, 63, 64, 65, 128, 129, 300] {
            for (before, after) in
                [(0, 0), (2, 2), (31, 32), (32, 32), (0, 70), (64, 0), (50, 90), (200, 9), (1 << 62, 1 << 62)]
            {
                let values = &values[..len];
                let expected = (0..len).map(|at| {
                    let high = at.saturating_add(after).min(len - 1);
                    values[at.saturating_sub(before)..=high].iter().sum::<f64>()
                });
                // Sums of small integers are exact in any order.
                assert!(window_sums(values, before, after).eq(expected), "{len}: {before}, {after}");
            }
        }
    }
}
