//! Pooling.

use super::average_elements;
use crate::pool::Pool2dShape;
use crate::{Element, QuantizedType};
use alloc::vec::Vec;

/// The maxima of the windows of `input`, NHWC, in the same order.
///
/// # Panics
///
/// If `input` is shorter than a checked `shape` says.
#[must_use]
pub fn max_pool2d<T: Element>(shape: &Pool2dShape, input: &[T]) -> Vec<i32> {
    windows(shape, input).map(|window| window.elements.into_iter().max().unwrap_or_default()).collect()
}

/// The averages of the windows of `input`, NHWC, in the same order, clamped to `clamp`. If `count_padding`, the padding
/// counts as zeros.
///
/// # Panics
///
/// If `input` is shorter than a checked `shape` says.
#[must_use]
pub fn average_pool2d<T: Element>(
    shape: &Pool2dShape,
    input: &[T],
    input_type: &QuantizedType,
    output: &QuantizedType,
    count_padding: bool,
    clamp: (i32, i32),
) -> Vec<i32> {
    windows(shape, input)
        .map(|window| {
            let count = if count_padding { window.padded } else { window.elements.len() };
            let sum = window.elements.iter().map(|x| x - input_type.zero_point()).sum();
            average_elements(sum, count, input_type, output, clamp)
        })
        .collect()
}

/// The part of the input that one output depends on.
struct Window {
    /// The elements on the image.
    elements: Vec<i32>,
    /// Taps on the image or its padding.
    padded: usize,
}

fn windows<T: Element>(shape: &Pool2dShape, input: &[T]) -> impl Iterator<Item = Window> {
    let [height, width] = shape.output();
    (0..shape.batch * height * width * shape.channels).map(move |index| {
        let (channel, pixel) = (index % shape.channels, index / shape.channels);
        let (x, y, image) = (pixel % width, pixel / width % height, pixel / width / height);
        let mut window = Window { elements: Vec::new(), padded: 0 };
        for ky in 0..shape.kernel[0] {
            for kx in 0..shape.kernel[1] {
                // Counted from the padding's first row and column.
                let row = y * shape.stride[0] + ky * shape.dilation[0];
                let column = x * shape.stride[1] + kx * shape.dilation[1];
                let (top, left) = (shape.pad.top, shape.pad.left);
                let inside = |at: usize, before: usize, size: usize| (before..before + size).contains(&at);
                if row < top + shape.input[0] + shape.pad.bottom
                    && column < left + shape.input[1] + shape.pad.right
                {
                    window.padded += 1;
                }
                if inside(row, top, shape.input[0]) && inside(column, left, shape.input[1]) {
                    let at = (image * shape.input[0] + row - top) * shape.input[1] + column - left;
                    window.elements.push(input[at * shape.channels + channel].into());
                }
            }
        }
        window
    })
}
