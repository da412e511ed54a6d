//! Shared by the evaluation and the kernel of `ConvTranspose`: activations NCHW, weights IOHW, any number of spatial axes.

use std::ops::Range;

use super::convolution::check_bias_shape;
use super::indexing::for_each_index;
use super::inputs::Inputs;
use super::window_sizes::{kernel_shape, sizes};
use crate::{Error, Node, quoted};

/// The most spatial axes supported.
const MAX_AXES: usize = 8;

/// The largest size of an axis.
const MAX_SIZE: usize = usize::MAX / 8;

/// A spatial axis of a transposed convolution: the tap `k` of the input element `i` adds to the output element
/// `i · stride + k · dilation − pad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// The elements cut before the first one.
    pub(crate) pad: usize,
}

impl Axis {
    /// The taps of the input element `at` that lie inside the output.
    pub(crate) fn taps(&self, at: usize) -> Range<usize> {
        let before = |end: usize| {
            let reach = (end + self.pad).saturating_sub(at * self.stride);
            reach.div_ceil(self.dilation).min(self.kernel)
        };
        before(0)..before(self.output)
    }

    /// The output element of a tap of [`taps`](Self::taps).
    pub(crate) fn position(&self, at: usize, tap: usize) -> usize {
        at * self.stride + tap * self.dilation - self.pad
    }

    /// The input elements with a tap inside the range `outputs` of the output.
    pub(crate) fn inputs(&self, outputs: Range<usize>) -> Range<usize> {
        let reach = (self.kernel - 1) * self.dilation;
        let first = (outputs.start + self.pad).saturating_sub(reach).div_ceil(self.stride);
        let end = (outputs.end + self.pad).div_ceil(self.stride);
        first.min(self.input)..end.min(self.input).max(first.min(self.input))
    }
}

/// The sizes of a transposed convolution.
#[derive(Clone, Debug)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    pub(crate) groups: usize,
    /// Input and output channels of a group.
    pub(crate) group_channels: [usize; 2],
    pub(crate) axes: Vec<Axis>,
}

impl Geometry {
    /// The sizes of `node` for activations of shape `x` and weights of shape `w`.
    pub(crate) fn new(node: &Node, x: &[usize], w: &[usize]) -> Result<Self, Error> {
        let misfit =
            || Error::node(node, format!("activations of shape {x:?} and weights of shape {w:?} do not fit"));
        let (&[batch, channels, ref input @ ..], &[in_channels, outputs, ref kernel @ ..]) = (x, w) else {
            return Err(misfit());
        };
        let rank = input.len();
        if rank == 0 || rank != kernel.len() || channels != in_channels {
            return Err(misfit());
        }
        if rank > MAX_AXES {
            return Err(Error::unsupported(node, format!("{rank} spatial dimensions")));
        }
        let groups = node.int("group", 1)?;
        let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
        let groups = groups.ok_or_else(|| Error::attribute(node, "group", "must be at least 1"))?;
        if !channels.is_multiple_of(groups) || outputs.checked_mul(groups).is_none() {
            return Err(Error::node(node, format!("{channels} channels in {groups} groups")));
        }
        if kernel_shape(node)?.is_some_and(|attribute| attribute != kernel) {
            return Err(Error::attribute(node, "kernel_shape", "is not the size of the weights"));
        }
        let axes = axes(node, input, kernel)?;
        Ok(Self { batch, groups, group_channels: [channels / groups, outputs], axes })
    }

    /// The number of output channels.
    pub(crate) fn out_channels(&self) -> usize {
        self.groups * self.group_channels[1]
    }

    /// The output's shape.
    pub(crate) fn output(&self) -> Vec<usize> {
        [self.batch, self.out_channels()]
            .into_iter()
            .chain(self.axes.iter().map(|axis| axis.output))
            .collect()
    }
}

impl Geometry {
    /// Calls `visit(output channel, offsets of the output, of the activation and of the weight)` for each product.
    pub(crate) fn visit(&self, mut visit: impl FnMut(usize, [usize; 3])) {
        let size = |of: fn(&Axis) -> usize| self.axes.iter().map(of).product::<usize>();
        let [inputs, outputs, kernel] = [size(|a| a.input), size(|a| a.output), size(|a| a.kernel)];
        let (channels, [group_in, group_out]) = (self.out_channels(), self.group_channels);
        let input: Vec<usize> = self.axes.iter().map(|axis| axis.input).collect();
        let (mut pixel, mut taps) = (0, Vec::new());
        for_each_index(&input, |index| {
            self.find_taps(index, &mut taps);
            for image in 0..self.batch {
                for from in 0..self.groups * group_in {
                    let x = (image * self.groups * group_in + from) * inputs + pixel;
                    for out in 0..group_out {
                        let channel = from / group_in * group_out + out;
                        let (y, w) =
                            ((image * channels + channel) * outputs, (from * group_out + out) * kernel);
                        taps.iter().for_each(|&(to, tap)| visit(channel, [y + to, x, w + tap]));
                    }
                }
            }
            pixel += 1;
        });
    }

    /// The taps of the input element at `index` that lie inside the output: offsets in the output and in the kernel.
    fn find_taps(&self, index: &[usize], taps: &mut Vec<(usize, usize)>) {
        taps.clear();
        taps.push((0, 0));
        for (axis, &at) in self.axes.iter().zip(index) {
            let along = |&(to, in_kernel): &(usize, usize)| {
                axis.taps(at).map(move |tap| {
                    (to * axis.output + axis.position(at, tap), in_kernel * axis.kernel + tap)
                })
            };
            *taps = taps.iter().flat_map(along).collect();
        }
    }
}

/// The shape of the output of a transposed convolution of input `x` with the weights in input `w`; checks input `bias` if present.
pub(crate) fn infer(inputs: &Inputs<'_>, x: usize, w: usize, bias: usize) -> Result<Vec<usize>, Error> {
    let geometry = Geometry::new(inputs.node, inputs.shape(x)?, inputs.shape(w)?)?;
    check_bias_shape(inputs, bias, geometry.out_channels())?;
    Ok(geometry.output())
}

/// The most products that one activation takes part in; `weights` is the index of their input.
pub(crate) fn reads(inputs: &Inputs<'_>, weights: usize) -> usize {
    let weights = inputs.optional(weights).map_or(&[][..], |weights| &weights.shape);
    weights.iter().fold(1, |depth, &size| depth.saturating_mul(size))
}

/// The attributes of `node` by axis.
fn axes(node: &Node, input: &[usize], kernel: &[usize]) -> Result<Vec<Axis>, Error> {
    let rank = input.len();
    let (strides, dilations) = (sizes(node, "strides", rank, 1)?, sizes(node, "dilations", rank, 1)?);
    let (pads, added) = (sizes(node, "pads", 2 * rank, 0)?, sizes(node, "output_padding", rank, 0)?);
    // Some exporters write the whole shape.
    let wanted = match node.ints("output_shape")?.map(<[i64]>::len) {
        None | Some(0) => None,
        Some(length) if length == rank + 2 => Some(sizes(node, "output_shape", rank + 2, 0)?.split_off(2)),
        Some(_) => Some(sizes(node, "output_shape", rank, 0)?),
    };
    let auto_pad = node.string("auto_pad", "NOTSET")?;
    let mut axes = Vec::with_capacity(rank);
    for at in 0..rank {
        let (input, kernel, stride, dilation) = (input[at], kernel[at], strides[at], dilations[at]);
        if kernel == 0 {
            return Err(Error::node(node, "a kernel of size 0"));
        }
        let spread = input.saturating_sub(1).checked_mul(stride);
        let extent = (kernel - 1).checked_mul(dilation);
        let whole = spread.zip(extent).and_then(|(spread, extent)| {
            spread
                .checked_add(extent)?
                .checked_add(added[at])?
                .checked_add(1)
                .filter(|&whole| whole <= MAX_SIZE)
        });
        let whole = whole.ok_or_else(|| Error::node(node, "kernel, stride or dilation too large"))?;
        let wanted = match (&wanted, auto_pad) {
            (Some(wanted), _) => Some(wanted[at]),
            (None, "SAME_UPPER" | "SAME_LOWER") => Some(input.saturating_mul(stride)),
            (None, "NOTSET" | "VALID") => None,
            (None, other) => {
                let reason = format!("{} is not NOTSET, VALID, SAME_UPPER or SAME_LOWER", quoted(other));
                return Err(Error::attribute(node, "auto_pad", reason));
            }
        };
        let (pad, output) = match wanted {
            Some(output) => {
                let total = whole.saturating_sub(output);
                let pad = if auto_pad == "SAME_UPPER" { total / 2 } else { total - total / 2 };
                (pad, output)
            }
            None if auto_pad == "VALID" => (0, whole),
            None => {
                let output = pads[at].checked_add(pads[at + rank]).and_then(|cut| whole.checked_sub(cut));
                let cut_off = || Error::node(node, format!("pads {pads:?} cut off an output of {whole}"));
                (pads[at], output.ok_or_else(cut_off)?)
            }
        };
        if output > MAX_SIZE {
            return Err(Error::node(node, format!("an output of {output} elements along an axis")));
        }
        let output = if input == 0 { 0 } else { output };
        axes.push(Axis { input, output, kernel, stride, dilation, pad });
    }
    Ok(axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_and_inputs_are_those_with_a_position_inside() {
        for (stride, dilation, kernel, pad) in [(1, 1, 3, 1), (2, 1, 2, 0), (3, 2, 4, 5), (2, 3, 3, 1)] {
            let node = Node::new("n", "ConvTranspose", &["x", "w"], &["y"])
                .with("strides", vec![stride])
                .with("dilations", vec![dilation])
                .with("pads", vec![pad; 2]);
            let axis = axes(&node, &[6], &[kernel]).expect("sizes that fit")[0];
            let position = |at: usize, tap: usize| {
                (at * axis.stride + tap * axis.dilation).checked_sub(axis.pad).filter(|&to| to < axis.output)
            };
            for at in 0..axis.input {
                let inside: Vec<usize> = (0..kernel).filter(|&tap| position(at, tap).is_some()).collect();
                assert_eq!(axis.taps(at).collect::<Vec<_>>(), inside, "{axis:?}, {at}");
                assert!(inside.into_iter().all(|tap| position(at, tap) == Some(axis.position(at, tap))));
            }
            for (start, end) in [(0, 1), (2, 5), (1, axis.output)] {
                let reaches = |at: usize| {
                    (0..kernel).any(|tap| position(at, tap).is_some_and(|to| (start..end).contains(&to)))
                };
                let inputs = axis.inputs(start..end);
                assert!(
                    (0..axis.input).all(|at| !reaches(at) || inputs.contains(&at)),
                    "{axis:?}, {start}..{end}"
                );
            }
        }
    }
}
