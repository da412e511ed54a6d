//! Flat examples, which say nothing about a network's real inputs: a black picture, say.

use crate::Tensor;

/// Values that depend on their channel alone count as flat only with at least this number of elements per channel.
const MIN_ELEMENTS: usize = 16;

/// Whether `tensor` holds one number, or is an image or sequence with one number for each channel.
pub(super) fn is_flat(tensor: &Tensor) -> bool {
    let Ok(values) = tensor.as_f32() else { return false };
    let shape = tensor.shape();
    if values.len() < MIN_ELEMENTS {
        return false;
    }
    let by_channel = |axis: usize| {
        let size = shape[axis];
        let inner: usize = shape[axis + 1..].iter().product();
        values.len() / size >= MIN_ELEMENTS
            && values.iter().enumerate().all(|(at, value)| *value == values[at / inner % size * inner])
    };
    values.iter().all(|value| *value == values[0])
        || shape.len() >= 3 && (by_channel(1) || by_channel(shape.len() - 1))
}
