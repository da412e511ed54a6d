//! Softmax along an axis, and its logarithm.

use eightbit::Backend;
use eightbit_kernels::float::softmax;

use super::extreme::best;
use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::shuffle::transpose;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::shared::indexing;
use crate::{Error, Node};

/// `Softmax` of floats, or its logarithm.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node, is_logarithm: bool) -> Result<bool, Error> {
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
    let kernel = Softmax {
        backend: builder.backend,
        is_logarithm,
        size: shape[axis],
        inner,
        workers: builder.workers.clone(),
    };
    builder.push_unary(node, layout, |builder, name| builder.define(name, layout), Box::new(kernel))
}

/// Softmax of lines of `size` elements, `inner` elements apart.
#[derive(Debug)]
struct Softmax {
    backend: Backend,
    is_logarithm: bool,
    size: usize,
    inner: usize,
    workers: Workers,
}

impl StepKernel for Softmax {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let y = context.output::<f32>(0)?;
        let &Self { backend, is_logarithm, size, inner, .. } = self;
        let rows = |x: &[f32], y: &mut [f32]| {
            softmax(backend, x, size, y);
            if is_logarithm {
                logarithms(x, size, y);
            }
        };
        if inner == 1 {
            self.workers.by_rows(y, size, |first, y| {
                rows(&x[first * size..][..y.len()], y);
            });
            return Ok(());
        }
        let block = (size * inner).max(1);
        // The lines of a block, and their results.
        let blank = || [vec![0.0; block], vec![0.0; block]];
        scratch.with(blank, |[lines, results]| {
            for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)) {
                transpose(x, lines, size, inner);
                rows(lines, results);
                transpose(results, y, inner, size);
            }
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let apart = if self.inner == 1 { "" } else { ", transposed" };
        let logarithm = if self.is_logarithm { "logarithm of " } else { "" };
        format!("f32 {logarithm}softmax of {} elements{apart}", self.size)
    }
}

/// Makes logarithms of the softmax `y` of rows `x`. The greatest element's is the logarithm of its share, and the others' are less by their
/// distances from it, however small their shares are.
fn logarithms(x: &[f32], size: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(size)) {
        let [greatest, share] = [x, y].map(|all| best(all, f32::NEG_INFINITY, |x, best| x > best));
        let logarithm = share.ln();
        y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - greatest) + logarithm);
    }
}
