//! Means of windows of bytes, their fraction cut off.

use super::{has_outputs, push, range, step, store, worth};
use crate::exec::builder::Builder;
use crate::ops::quantized_avg_pool::window;
use crate::ops::shared::window::Window;
use crate::{DataType, Error, Node};

/// The most bytes whose sum 16 bits hold.
const MAX_TAPS: usize = 257;

pub(crate) fn average(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?;
    if x.data_type != DataType::U8 || !has_outputs(node, 3) {
        return Ok(false);
    }
    let (window, shape) = window(node, &x.shape)?;
    let taps = window.sizes.kernel.iter().try_fold(1usize, |taps, &side| taps.checked_mul(side));
    let channels = shape[3];
    if taps.is_none_or(|taps| taps > MAX_TAPS) || channels == 0 {
        return Ok(false);
    }
    let parts = builder.workers.parts();
    // The memory of a run is a copy of that of the step.
    let bytes = (channels as u64).saturating_mul((size_of::<u16>() * parts) as u64);
    builder.count_constants(bytes)?;
    builder.take_scratch(bytes)?;
    // For each part, the sums of a pixel, and the place of the taps of its window.
    let states = vec![(vec![0u16; channels], Vec::new()); parts];
    let kernel = step(builder, "mean of each window's bytes", states, move |context, workers, states| {
        let x = context.input::<u8>(0)?;
        let out = context.output::<u8>(0)?;
        let workers = worth(workers, x.len());
        let states = states.get_mut(..workers.parts()).unwrap_or_default();
        workers.by_rows_with(out, channels, states, |first, part, (sums, taps)| {
            for (index, out) in part.chunks_exact_mut(channels).enumerate() {
                find(&window, first + index, taps);
                mean(x, taps, channels, sums, out);
            }
        });
        let range = range(context, 1, 2)?;
        store(context, 1, range)
    });
    push(builder, node, kernel)
}

/// The pixels of the input in the window that output pixel `pixel` is the mean of.
fn find(window: &Window, pixel: usize, taps: &mut Vec<usize>) {
    let (&[height, width], &[rows, columns]) = (&window.input[..], &window.sizes.output[..]) else { return };
    let (image, row, column) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
    taps.clear();
    for y in window.taps_inside(0, row).filter_map(|tap| window.position(0, row, tap)) {
        for x in window.taps_inside(1, column).filter_map(|tap| window.position(1, column, tap)) {
            taps.push((image * height + y) * width + x);
        }
    }
}

fn mean(x: &[u8], taps: &[usize], channels: usize, sums: &mut [u16], out: &mut [u8]) {
    sums.fill(0);
    for &tap in taps {
        let pixel = x.get(tap * channels..(tap + 1) * channels).unwrap_or_default();
        for (sum, &byte) in sums.iter_mut().zip(pixel) {
            *sum += u16::from(byte);
        }
    }
    // Quotients that are no integers are further from one than a float's rounding.
    let count = taps.len().max(1) as f32;
    for (&sum, out) in sums.iter().zip(out) {
        *out = (f32::from(sum) / count) as u8;
    }
}
