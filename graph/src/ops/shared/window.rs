//! The windows of convolutions and pools: attributes to sizes, output positions to input positions.

use super::window_sizes::{WindowSizes, kernel_shape};
use crate::{Error, Node};

/// More spatial axes than any real operator has.
const MAX_AXES: usize = 8;

/// A window that slides over an input of known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The input's size along each spatial axis.
    pub(crate) input: Vec<usize>,
    /// The window's sizes and steps, and how many windows there are.
    pub(crate) sizes: WindowSizes,
}

impl Window {
    /// The window that the attributes of `node` describe on an input of spatial size `input`; `kernel` is the
    /// weights' size for convolutions and `None` for pools, where the attribute `kernel_shape` gives it.
    pub(crate) fn new(node: &Node, input: &[usize], kernel: Option<&[usize]>) -> Result<Self, Error> {
        let axes = input.len();
        if axes == 0 || axes > MAX_AXES {
            return Err(Error::unsupported(node, format!("{axes} spatial dimensions")));
        }
        let kernel = match (kernel_shape(node)?, kernel) {
            (Some(attribute), Some(weights)) if attribute != weights => {
                return Err(Error::attribute(node, "kernel_shape", "is not the size of the weights"));
            }
            (_, Some(weights)) => weights.to_vec(),
            (Some(attribute), None) => attribute,
            (None, None) => return Err(Error::attribute(node, "kernel_shape", "is missing")),
        };
        Ok(Self { input: input.to_vec(), sizes: WindowSizes::resolve(node, input, &kernel)? })
    }

    /// Where the tap `tap` of the window `window` lies on `axis`; `None` in the padding.
    pub(crate) fn position(&self, axis: usize, window: usize, tap: usize) -> Option<usize> {
        (window * self.sizes.strides[axis] + tap * self.sizes.dilations[axis])
            .checked_sub(self.sizes.pads_begin[axis])
            .filter(|&position| position < self.input[axis])
    }

    /// The taps of the window at `window` that lie inside the input: offsets in the kernel and in the input's
    /// spatial axes, both row-major.
    pub(crate) fn taps(&self, window: &[usize], taps: &mut Vec<(usize, usize)>) {
        taps.clear();
        taps.push((0, 0));
        let mut next = Vec::new();
        for (axis, &window) in window.iter().enumerate() {
            next.clear();
            for &(in_kernel, in_input) in taps.iter() {
                for tap in 0..self.sizes.kernel[axis] {
                    if let Some(position) = self.position(axis, window, tap) {
                        let in_kernel = in_kernel * self.sizes.kernel[axis] + tap;
                        next.push((in_kernel, in_input * self.input[axis] + position));
                    }
                }
            }
            std::mem::swap(taps, &mut next);
        }
    }

    /// How many taps of the window at `window` lie inside the input or its padding.
    pub(crate) fn padded_taps(&self, window: &[usize]) -> usize {
        let along = |axis: usize, window: usize| {
            let end = self.sizes.pads_begin[axis] + self.input[axis] + self.sizes.pads_end[axis];
            (0..self.sizes.kernel[axis])
                .filter(|tap| window * self.sizes.strides[axis] + tap * self.sizes.dilations[axis] < end)
                .count()
        };
        window.iter().enumerate().map(|(axis, &window)| along(axis, window)).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(node: Node, input: &[usize]) -> Window {
        Window::new(&node, input, None).expect("a window that fits")
    }

    fn pool() -> Node {
        Node::new("pool", "MaxPool", &["x"], &["y"])
    }

    #[test]
    fn outputs_are_counted() {
        let pooled = window(pool().with("kernel_shape", vec![3, 3]).with("strides", vec![2, 2]), &[7, 8]);
        assert_eq!(pooled.sizes.output, [3, 3]);
        let same = pool().with("kernel_shape", vec![2]).with("auto_pad", "SAME_LOWER");
        let same = window(same, &[5]).sizes;
        assert_eq!((same.output, same.pads_begin, same.pads_end), (vec![5], vec![1], vec![0]));
    }

    #[test]
    fn taps_in_the_padding_are_left_out() {
        let padded = pool().with("kernel_shape", vec![3, 3]).with("pads", vec![1, 1, 1, 1]);
        let padded = window(padded, &[2, 2]);
        let mut taps = Vec::new();
        padded.taps(&[0, 0], &mut taps);
        assert_eq!(taps, [(4, 0), (5, 1), (7, 2), (8, 3)]);
        assert_eq!(padded.padded_taps(&[0, 0]), 9);
    }

    #[test]
    fn nonsense_is_refused() {
        for node in [
            pool(),
            pool().with("kernel_shape", vec![0]),
            pool().with("kernel_shape", vec![-1]),
            pool().with("kernel_shape", vec![9]),
            pool().with("kernel_shape", vec![1]).with("strides", vec![0]),
            pool().with("kernel_shape", vec![1]).with("pads", vec![1]),
            pool().with("kernel_shape", vec![1]).with("auto_pad", "SOMEHOW"),
        ] {
            assert!(Window::new(&node, &[5], None).is_err(), "{node:?}");
        }
    }
}
