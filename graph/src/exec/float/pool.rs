//! Pools of NHWC images.

use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::ops::shared::window::Window;
use crate::{DataType, Element, Error};

/// Calls `visit(output pixel, input pixel)` for every tap inside the image; pixels are numbered across all images.
fn for_each_tap(window: &Window, images: usize, mut visit: impl FnMut(usize, usize)) {
    let sizes = &window.sizes;
    let mut pixel = 0;
    for image in 0..images {
        for y in 0..sizes.output[0] {
            for x in 0..sizes.output[1] {
                let columns = window.taps_inside(1, x);
                for row in window.taps_inside(0, y).filter_map(|ky| window.position(0, y, ky)) {
                    for column in columns.clone().filter_map(|kx| window.position(1, x, kx)) {
                        visit(pixel, (image * window.input[0] + row) * window.input[1] + column);
                    }
                }
                pixel += 1;
            }
        }
    }
}

/// The maximum of each window; it is the same for floats and for their quantized values. NaN is never the maximum.
#[derive(Debug)]
pub(crate) struct MaxPool {
    pub(crate) window: Window,
    pub(crate) images: usize,
    pub(crate) channels: usize,
}

impl StepKernel for MaxPool {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        match context.output_type(0) {
            DataType::F32 => self.pool(context, f32::NEG_INFINITY),
            DataType::U8 => self.pool(context, u8::MIN),
            DataType::I8 => self.pool(context, i8::MIN),
            other => Err(context.error(format!("elements of type {other} are not supported"))),
        }
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        "maximum of each window".to_owned()
    }
}

impl MaxPool {
    fn pool<T: Element + PartialOrd>(&self, context: &mut StepContext<'_>, lowest: T) -> Result<(), Error> {
        let x = context.input::<T>(0)?;
        let out = context.output::<T>(0)?;
        out.fill(lowest);
        let channels = self.channels;
        for_each_tap(&self.window, self.images, |to, from| {
            for (y, &x) in out[to * channels..][..channels].iter_mut().zip(&x[from * channels..][..channels])
            {
                *y = if x > *y { x } else { *y };
            }
        });
        Ok(())
    }
}

/// The mean of each window.
#[derive(Debug)]
pub(crate) struct AveragePool {
    pub(crate) window: Window,
    pub(crate) images: usize,
    pub(crate) channels: usize,
    /// The number of elements that each window of an image averages.
    counts: Vec<f32>,
}

impl AveragePool {
    pub(crate) fn new(window: Window, images: usize, channels: usize, count_padding: bool) -> Self {
        let mut counts = Vec::new();
        let mut taps = Vec::new();
        crate::ops::shared::indexing::for_each_index(&window.sizes.output, |index| {
            window.taps(index, &mut taps);
            let count = if count_padding { window.padded_taps(index) } else { taps.len() };
            counts.push(count.max(1) as f32);
        });
        Self { window, images, channels, counts }
    }
}

impl StepKernel for AveragePool {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let out = context.output::<f32>(0)?;
        out.fill(0.0);
        let channels = self.channels;
        for_each_tap(&self.window, self.images, |to, from| {
            for (y, &x) in out[to * channels..][..channels].iter_mut().zip(&x[from * channels..][..channels])
            {
                *y += x;
            }
        });
        for (out, count) in out.chunks_exact_mut(channels.max(1)).zip(self.counts.iter().cycle()) {
            out.iter_mut().for_each(|y| *y /= count);
        }
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        "f32 mean of each window".to_owned()
    }
}

/// The mean of each channel of an image.
#[derive(Debug)]
pub(crate) struct GlobalAverage {
    pixels: usize,
    channels: usize,
}

impl GlobalAverage {
    /// Pixels that are added in `f32`. The errors of a sum grow with its number of terms.
    const BLOCK: usize = 16;

    pub(crate) fn new(pixels: usize, channels: usize) -> Self {
        Self { pixels, channels }
    }
}

impl StepKernel for GlobalAverage {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let out = context.output::<f32>(0)?;
        let channels = self.channels.max(1);
        let images = x.chunks_exact((self.pixels * channels).max(1));
        // The sum of a block of pixels, and of all blocks.
        let blank = || (vec![0f32; channels], vec![0f64; channels]);
        scratch.with(blank, |(block, total)| {
            for (out, image) in out.chunks_exact_mut(channels).zip(images) {
                total.fill(0.0);
                for pixels in image.chunks(Self::BLOCK * channels) {
                    block.fill(0.0);
                    for pixel in pixels.chunks_exact(channels) {
                        block.iter_mut().zip(pixel).for_each(|(y, x)| *y += x);
                    }
                    total.iter_mut().zip(&*block).for_each(|(total, &sum)| *total += f64::from(sum));
                }
                for (y, total) in out.iter_mut().zip(&*total) {
                    *y = (total / self.pixels as f64) as f32;
                }
            }
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 mean of {} pixels", self.pixels)
    }
}
