//! The windows of convolutions and pools: attributes to sizes, output positions to input positions.

use std::ops::Range;

use super::window_sizes::{WindowSizes, kernel_shape};
use crate::{Error, Node};

/// The most spatial axes supported.
const MAX_AXES: usize = 8;

/// A window that slides over an input of known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The input's size along each spatial axis.
    pub(crate) input: Vec<usize>,
    /// The window's sizes and steps, and the number of windows.
    pub(crate) sizes: WindowSizes,
}

/// The longest side of a window that kernels accept however small the image is, in taps.
const MAX_SIDE: usize = 32;

impl Window {
    /// Whether most taps lie outside the image, wherever the window is. Kernels visit all taps; plain loops visit only those
    /// inside.
    pub(crate) fn is_huge(&self) -> bool {
        self.sizes
            .kernel
            .iter()
            .zip(&self.input)
            .any(|(&taps, &size)| taps > MAX_SIDE.max(size.saturating_mul(4)))
    }

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

    /// The input position of the tap `tap` of the window `window` on `axis`; `None` in the padding.
    pub(crate) fn position(&self, axis: usize, window: usize, tap: usize) -> Option<usize> {
        (window * self.sizes.strides[axis] + tap * self.sizes.dilations[axis])
            .checked_sub(self.sizes.pads_begin[axis])
            .filter(|&position| position < self.input[axis])
    }

    /// The taps of the window `window` on `axis` that lie before `end`, which counts from the first element of the
    /// padding.
    fn taps_before(&self, axis: usize, window: usize, end: usize) -> usize {
        let reach = end.saturating_sub(window * self.sizes.strides[axis]);
        reach.div_ceil(self.sizes.dilations[axis]).min(self.sizes.kernel[axis])
    }

    /// The taps of the window `window` on `axis` that lie inside the input. A window may be far larger than the input, and loops over these
    /// taps alone do not depend on its size.
    pub(crate) fn taps_inside(&self, axis: usize, window: usize) -> Range<usize> {
        let begin = self.sizes.pads_begin[axis];
        self.taps_before(axis, window, begin)..self.taps_before(axis, window, begin + self.input[axis])
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
                for tap in self.taps_inside(axis, window) {
                    if let Some(position) = self.position(axis, window, tap) {
                        let in_kernel = in_kernel * self.sizes.kernel[axis] + tap;
                        next.push((in_kernel, in_input * self.input[axis] + position));
                    }
                }
            }
            std::mem::swap(taps, &mut next);
        }
    }

    /// The number of taps of the window at `window` inside the input or its padding.
    pub(crate) fn padded_taps(&self, window: &[usize]) -> usize {
        let along = |axis: usize, window: usize| {
            let end = self.sizes.pads_begin[axis] + self.input[axis] + self.sizes.pads_end[axis];
            self.taps_before(axis, window, end)
        };
        let axes = window.iter().enumerate();
        axes.fold(1, |taps, (axis, &window)| taps.saturating_mul(along(axis, window)))
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
    fn huge_windows_cost_what_lies_inside() {
        let huge = 1i64 << 40;
        for dilation in [1, 3] {
            let node = pool()
                .with("kernel_shape", vec![huge, 3])
                .with("pads", vec![dilation * (huge - 1), 1, dilation * (huge - 1), 1])
                .with("strides", vec![1i64 << 39, 1])
                .with("dilations", vec![dilation, 1]);
            let huge = window(node, &[4, 4]);
            let mut taps = Vec::new();
            huge.taps(&[1, 0], &mut taps);
            assert!(taps.len() <= 8 && taps.iter().all(|&(_, at)| at < 16), "{taps:?}");
            assert_eq!(huge.taps_inside(1, 0), 1..3);
            assert_eq!(huge.padded_taps(&[0, 0]), 3 << 40);
        }
    }

    #[test]
    fn taps_are_those_that_have_a_position() {
        for (stride, dilation, kernel, pads) in [(1, 1, 3, [1, 1]), (2, 3, 4, [5, 2]), (3, 2, 5, [9, 9])] {
            let node = pool()
                .with("kernel_shape", vec![kernel])
                .with("strides", vec![stride])
                .with("dilations", vec![dilation])
                .with("pads", pads.to_vec())
                .with("ceil_mode", 1);
            let window = window(node, &[7]);
            for at in 0..window.sizes.output[0] {
                let inside: Vec<usize> =
                    (0..kernel as usize).filter(|&tap| window.position(0, at, tap).is_some()).collect();
                assert_eq!(window.taps_inside(0, at).collect::<Vec<_>>(), inside, "window {at}");
            }
        }
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
