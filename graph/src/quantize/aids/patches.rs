//! The numbers that an output element of a layer is computed from, at some of its positions.

use crate::Error;
use crate::ops::shared::convolution::Geometry;
use crate::quantize::ChannelAxis;
use crate::quantize::layer::Layer;

/// Calls `see` with a group and its patch, the factors of one output row in the order of the weights, for at most `count` positions of the
/// layer's input `values` of shape `shape`. `turn` changes which ones.
pub(super) fn for_each(
    layer: &Layer<'_>,
    shape: &[usize],
    values: &[f32],
    (count, turn): (usize, usize),
    mut see: impl FnMut(usize, &[f32]),
) -> Result<(), Error> {
    let depth = layer.depth();
    if layer.channels == ChannelAxis::Last {
        let rows = values.len() / depth.max(1);
        for row in positions(rows, count, turn) {
            see(0, &values[row * depth..][..depth]);
        }
        return Ok(());
    }
    let geometry = Geometry::new(layer.node, shape, layer.weights.shape())?;
    let window = &geometry.window;
    let (of_group, _) = geometry.group_channels();
    let [inputs, taps]: [usize; 2] =
        [&window.input, &window.sizes.kernel].map(|sizes| sizes.iter().product());
    let pixels: usize = window.sizes.output.iter().product();
    let mut patch = vec![0.0f32; depth];
    let mut inside = Vec::new();
    for position in positions(geometry.batch * pixels, count, turn) {
        window.taps(&index_of(position % pixels, &window.sizes.output), &mut inside);
        let image = position / pixels * geometry.channels[0];
        for group in 0..geometry.groups {
            patch.fill(0.0);
            for channel in 0..of_group {
                let of_channel = &values[(image + group * of_group + channel) * inputs..][..inputs];
                let of_patch = &mut patch[channel * taps..][..taps];
                for &(in_kernel, in_input) in &inside {
                    of_patch[in_kernel] = of_channel[in_input];
                }
            }
            see(group, &patch);
        }
    }
    Ok(())
}

/// At most `count` of `all` positions, about as far from each other.
fn positions(all: usize, count: usize, turn: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all);
    let first = turn.wrapping_mul(7919) % (all / count.max(1)).max(1);
    (0..count).map(move |at| at * all / count + first).filter(move |&position| position < all)
}

/// The index of element number `at` of a tensor of this shape.
fn index_of(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (index, &size) in index.iter_mut().zip(shape).rev() {
        *index = at % size.max(1);
        at /= size.max(1);
    }
    index
}
