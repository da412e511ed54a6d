//! Resizing of NHWC images.

use crate::exec::builder::Builder;
use crate::exec::by_type::by_type;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::shared::resize::{Axis, Coordinates, Given, Mode, Settings, Taps};
use crate::{DataType, Element, Error, Node, Tensor};

/// Resizes the pixels of images by the nearest ones, whatever their type, or linearly if they are floats.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let settings = Settings::of(node)?;
    let has_kernel = match settings.mode {
        Mode::Nearest(_) => true,
        Mode::Linear => builder.type_of(node.required_input(0)?)?.data_type == DataType::F32,
        Mode::Cubic(_) => false,
    };
    if !has_kernel || settings.antialias || settings.coordinates == Coordinates::CropAndResize {
        return Ok(false);
    }
    let given = |index: usize| builder.constant_input(node, index).filter(|tensor| !tensor.is_empty());
    let given = Given {
        regions: None,
        scales: given(2).map(Tensor::as_f32).transpose()?,
        sizes: given(3).map(Tensor::as_i64).transpose()?,
    };
    let axes = Axis::all(node, &shape, given)?;
    let [images, channels, rows, columns] = axes[..] else { return Ok(false) };
    let keeps_others = images.is_unchanged() && channels.is_unchanged();
    if !keeps_others || [rows, columns].iter().any(|axis| axis.from == 0 || axis.from > u32::MAX as usize) {
        return Ok(false);
    }
    // They may outnumber the elements by far.
    let coordinates = rows.to.saturating_add(columns.to) as u64;
    builder.count_constants(coordinates.saturating_mul(size_of::<Blend>() as u64))?;
    let blends =
        [rows, columns].map(|axis| (0..axis.to).map(|at| Blend::new(&settings, &axis, at)).collect());
    let kernel = Resize {
        blends,
        from: [rows.from, columns.from],
        channels: channels.from,
        linear: settings.mode == Mode::Linear,
        workers: builder.workers.clone(),
    };
    let define = |builder: &mut Builder<'_>, name: &str| builder.define(name, Layout::ChannelsLast);
    builder.push_unary(node, Layout::ChannelsLast, define, Box::new(kernel))
}

/// The one or two elements along an axis that an element of the output is made of, and the weight of the second one.
#[derive(Clone, Copy, Debug)]
struct Blend {
    first: u32,
    second: u32,
    weight: f32,
}

impl Blend {
    fn new(settings: &Settings, axis: &Axis, at: usize) -> Self {
        if settings.mode != Mode::Linear {
            let nearest = settings.nearest(axis, at) as u32;
            return Self { first: nearest, second: nearest, weight: 0.0 };
        }
        let mut taps = Taps::default();
        settings.taps(axis, at, &mut taps);
        let heavy: Vec<(usize, f64)> =
            taps.weights.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0).collect();
        let at = |tap: Option<&(usize, f64)>| tap.map_or(0, |tap| tap.0) + taps.first;
        let second = heavy.get(1).or(heavy.first());
        let weight = heavy.get(1).map_or(0.0, |tap| tap.1 as f32);
        Self { first: at(heavy.first()) as u32, second: at(second) as u32, weight }
    }
}

#[derive(Debug)]
struct Resize {
    /// For each row and each column of an image of the output.
    blends: [Vec<Blend>; 2],
    /// Rows and columns of an image of the input.
    from: [usize; 2],
    channels: usize,
    linear: bool,
    workers: Workers,
}

impl StepKernel for Resize {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        if self.linear {
            return self.each_row(context, |out, x, vertical| self.blend(out, x, vertical));
        }
        fn copy<T: Element + Send + Sync>(
            resize: &Resize,
            context: &mut StepContext<'_>,
        ) -> Result<(), Error> {
            resize.each_row::<T>(context, |out, x, vertical| resize.copy(out, x, vertical))
        }
        by_type!(context.output_type(0), copy(self, context))
    }

    fn kind(&self) -> StepKind {
        if self.linear { StepKind::Float } else { StepKind::Copy }
    }

    fn describe(&self) -> String {
        let [rows, columns] = [self.blends[0].len(), self.blends[1].len()];
        let how = if self.linear { "f32 linear resizing" } else { "copy of the nearest pixels" };
        format!("{how} to {rows}×{columns}")
    }
}

impl Resize {
    /// Calls `fill(row of the output, the image, the row's blend)`.
    fn each_row<T: Element + Send + Sync>(
        &self,
        context: &mut StepContext<'_>,
        fill: impl Fn(&mut [T], &[T], Blend) + Sync,
    ) -> Result<(), Error> {
        let x = context.input::<T>(0)?;
        let [rows, columns] = &self.blends;
        let (row, image) = (columns.len() * self.channels, self.from[0] * self.from[1] * self.channels);
        self.workers.by_rows(context.output(0)?, row, |first, out| {
            for (index, out) in out.chunks_exact_mut(row.max(1)).enumerate() {
                let (number, at) = ((first + index) / rows.len(), (first + index) % rows.len());
                fill(out, &x[number * image..][..image], rows[at]);
            }
        });
        Ok(())
    }

    fn row<'x, T>(&self, image: &'x [T], row: u32) -> &'x [T] {
        let length = self.from[1] * self.channels;
        &image[row as usize * length..][..length]
    }

    fn copy<T: Element>(&self, out: &mut [T], image: &[T], vertical: Blend) {
        let row = self.row(image, vertical.first);
        let channels = self.channels;
        for (out, blend) in out.chunks_exact_mut(channels.max(1)).zip(&self.blends[1]) {
            out.copy_from_slice(&row[blend.first as usize * channels..][..channels]);
        }
    }

    fn blend(&self, out: &mut [f32], image: &[f32], vertical: Blend) {
        let (upper, lower) = (self.row(image, vertical.first), self.row(image, vertical.second));
        let channels = self.channels;
        for (out, blend) in out.chunks_exact_mut(channels.max(1)).zip(&self.blends[1]) {
            let [left, right] = [blend.first, blend.second].map(|at| at as usize * channels);
            let corners = [&upper[left..], &upper[right..], &lower[left..], &lower[right..]];
            let [a, b, c, d] = corners.map(|corner| &corner[..channels]);
            for (index, out) in out.iter_mut().enumerate() {
                let above = a[index] + (b[index] - a[index]) * blend.weight;
                let below = c[index] + (d[index] - c[index]) * blend.weight;
                *out = above + (below - above) * vertical.weight;
            }
        }
    }
}
