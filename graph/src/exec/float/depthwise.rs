//! Depthwise convolutions of NHWC images.

use std::ops::Range;
use std::sync::Arc;

use eightbit::Backend;
use eightbit_kernels::float::{DepthwiseCall, Rounding, depthwise};

use super::elementwise::Clamp;
use crate::Error;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::workers::Workers;
use crate::ops::shared::convolution::Geometry;

/// A convolution of each channel by itself.
#[derive(Debug)]
pub(crate) struct Depthwise {
    filter: Filter,
    workers: Workers,
}

#[derive(Debug)]
struct Filter {
    backend: Backend,
    geometry: Geometry,
    /// `[kh · kw][channels]`
    weights: Arc<Vec<f32>>,
    /// One for each channel.
    bias: Vec<f32>,
    rounding: Rounding,
    clamp: Clamp,
    /// Columns of the output side by side, all of them in order, and the columns of taps that lie inside the image there.
    runs: Vec<(Range<usize>, Range<usize>)>,
}

impl Depthwise {
    /// Converts weights from ONNX's order, OIHW, to `[kh · kw][channels]`.
    pub(crate) fn pack(geometry: &Geometry, oihw: &[f32]) -> Vec<f32> {
        let taps: usize = geometry.window.sizes.kernel.iter().product();
        (0..taps)
            .flat_map(|tap| (0..geometry.out_channels()).map(move |channel| oihw[channel * taps + tap]))
            .collect()
    }

    /// With weights that are [packed](Self::pack), and no bias or one for each channel.
    pub(crate) fn new(
        backend: Backend,
        geometry: Geometry,
        weights: Arc<Vec<f32>>,
        mut bias: Vec<f32>,
        clamp: Clamp,
        workers: Workers,
    ) -> Self {
        bias.resize(geometry.out_channels(), 0.0);
        let mut runs: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for column in 0..geometry.window.sizes.output[1] {
            let taps = geometry.window.taps_inside(1, column);
            match runs.last_mut() {
                Some((columns, same)) if *same == taps => columns.end = column + 1,
                _ => runs.push((column..column + 1, taps)),
            }
        }
        let rounding = Rounding::Once;
        let filter = Filter { backend, geometry, weights, bias, rounding, clamp, runs };
        Self { filter, workers }
    }

    /// The same, with products that are rounded before they are added.
    pub(crate) fn rounding_twice(mut self) -> Self {
        self.filter.rounding = Rounding::Twice;
        self
    }
}

impl StepKernel for Depthwise {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let (x, filter) = (context.input::<f32>(0)?, &self.filter);
        let row = filter.geometry.out_channels() * filter.geometry.window.sizes.output[1];
        self.workers.by_rows(context.output(0)?, row, |first, out| filter.rows(x, first, out));
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let Filter { geometry, clamp, .. } = &self.filter;
        let kernel = &geometry.window.sizes.kernel;
        format!("f32 depthwise convolution {}×{}{}", kernel[0], kernel[1], clamp.describe())
    }
}

impl Filter {
    /// Computes the rows of the output starting at `first` that fit `out`.
    fn rows(&self, x: &[f32], first: usize, out: &mut [f32]) {
        let window = &self.geometry.window;
        let sizes = &window.sizes;
        let channels = self.geometry.out_channels();
        let of_row = window.input[1] * channels;
        for (index, out) in out.chunks_exact_mut((channels * sizes.output[1]).max(1)).enumerate() {
            let (image, y) = ((first + index) / sizes.output[0], (first + index) % sizes.output[0]);
            let rows = window.taps_inside(0, y);
            let top = window.position(0, y, rows.start).unwrap_or(0);
            for (columns, taps) in &self.runs {
                let left = window.position(1, columns.start, taps.start).unwrap_or(0);
                let call = DepthwiseCall {
                    backend: self.backend,
                    channels,
                    image: x,
                    first: (image * window.input[0] + top) * of_row + left * channels,
                    pixel_step: sizes.strides[1] * channels,
                    taps: [rows.len(), taps.len()],
                    tap_steps: [sizes.dilations[0] * of_row, sizes.dilations[1] * channels],
                    weights: self
                        .weights
                        .get((rows.start * sizes.kernel[1] + taps.start) * channels..)
                        .unwrap_or_default(),
                    weights_step: sizes.kernel[1] * channels,
                    bias: &self.bias,
                    rounding: self.rounding,
                    bounds: self.clamp.bounds(),
                };
                depthwise(&call, &mut out[columns.start * channels..columns.end * channels]);
            }
        }
    }
}
