//! Softmax along an axis, and curves of elements.

use eightbit::Backend;
pub(crate) use eightbit_kernels::float::Curve;
use eightbit_kernels::float::{apply_curve, softmax};

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::parallel::by_rows;
use crate::exec::shuffle::transpose;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::value::Layout;
use crate::ops::shared::indexing;
use crate::{Error, Node};

/// `Softmax` of floats.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(axis) = indexing::axis(node.int("axis", -1)?, shape.len()) else { return Ok(false) };
    if !is_float(builder, node)? {
        return Ok(false);
    }
    // The channels of an image may be its last axis in memory.
    let output = node.required_output(0)?;
    let of_pixels = axis == 1 && builder.is_image(output);
    let layout = if of_pixels { Layout::ChannelsLast } else { Layout::Plain };
    let inner: usize = if of_pixels { 1 } else { shape[axis + 1..].iter().product() };
    if inner > 1 {
        let block = (shape[axis] as u64).saturating_mul(inner as u64);
        builder.count_scratch(block.saturating_mul(2 * size_of::<f32>() as u64));
    }
    let threads = vec![(); builder.threads];
    let kernel =
        Softmax { backend: builder.backend, size: shape[axis], inner, scratch: Default::default(), threads };
    builder.push_unary(node, layout, |builder, name| builder.define(name, layout), Box::new(kernel))
}

/// Softmax of lines of `size` elements, `inner` elements apart.
#[derive(Debug)]
struct Softmax {
    backend: Backend,
    size: usize,
    inner: usize,
    /// The lines of a block, and their results, where elements are apart.
    scratch: [Vec<f32>; 2],
    /// One for each thread; a thread needs no memory.
    threads: Vec<()>,
}

impl StepKernel for Softmax {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let y = context.output::<f32>(0)?;
        let &mut Self { backend, size, inner, .. } = self;
        if inner == 1 {
            by_rows(y, size, &mut self.threads, |first, y, ()| {
                softmax(backend, &x[first * size..][..y.len()], size, y);
            });
            return Ok(());
        }
        let block = (size * inner).max(1);
        let [lines, results] = &mut self.scratch;
        lines.resize(block, 0.0);
        results.resize(block, 0.0);
        for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)) {
            transpose(x, lines, size, inner);
            softmax(backend, lines, size, results);
            transpose(results, y, inner, size);
        }
        Ok(())
    }

    fn describe(&self) -> String {
        let apart = if self.inner == 1 { "" } else { ", transposed" };
        format!("f32 softmax of {} elements{apart}", self.size)
    }
}

/// `Sigmoid` and `Tanh` of floats.
pub(crate) fn curve(builder: &mut Builder<'_>, node: &Node, curve: Curve) -> Result<bool, Error> {
    if !is_float(builder, node)? {
        return Ok(false);
    }
    let kernel = Curved { backend: builder.backend, curve, threads: vec![(); builder.threads] };
    builder.push_elementwise(node, Box::new(kernel))
}

/// A curve of each element.
#[derive(Debug)]
struct Curved {
    backend: Backend,
    curve: Curve,
    /// One for each thread; a thread needs no memory.
    threads: Vec<()>,
}

impl StepKernel for Curved {
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let (backend, curve) = (self.backend, self.curve);
        by_rows(context.output(0)?, 1, &mut self.threads, |first, y, ()| {
            y.copy_from_slice(&x[first..][..y.len()]);
            apply_curve(backend, curve, y);
        });
        Ok(())
    }

    fn describe(&self) -> String {
        format!("f32 {:?}", self.curve)
    }
}
