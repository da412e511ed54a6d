//! Steps that take elements from places that are equally far apart along each axis.

use super::builder::Builder;
use super::by_type::by_type;
use super::scratch::Scratch;
use super::step::{StepContext, StepKernel, StepKind};
use super::value::Layout;
use crate::ops::shared::indexing::Offsets;
use crate::{Element, Error, Node};

/// The elements of a tensor in another order, or some of them.
#[derive(Debug)]
struct Strided {
    first: usize,
    /// Sizes and distances of the axes outside of a run, and of those along it.
    outer: [Vec<usize>; 2],
    run: [usize; 2],
}

impl Strided {
    /// Elements of the shape `shape`, which along each axis lie `strides` apart.
    fn new(first: usize, shape: &[usize], strides: &[usize]) -> Self {
        // Axes that are one axis in the tensor are joined.
        let mut axes: Vec<(usize, usize)> = Vec::new();
        for (&size, &stride) in shape.iter().zip(strides).filter(|&(&size, _)| size != 1) {
            match axes.last_mut() {
                Some((last, of_last)) if stride.checked_mul(size) == Some(*of_last) => {
                    (*last, *of_last) = (*last * size, stride);
                }
                _ => axes.push((size, stride)),
            }
        }
        let (size, stride) = axes.pop().unwrap_or((1, 1));
        Self { first, outer: axes.into_iter().unzip().into(), run: [size, stride] }
    }

    fn copy<T: Element>(&self, context: &mut StepContext<'_>) -> Result<(), Error> {
        let Self { first, outer: [sizes, strides], run: [size, stride] } = self;
        let x = context.input::<T>(0)?;
        let runs = context.output::<T>(0)?.chunks_exact_mut((*size).max(1));
        for (y, offset) in runs.zip(Offsets::new(sizes, strides)) {
            let x = &x[first + offset..];
            match stride {
                1 => y.copy_from_slice(&x[..*size]),
                _ => y.iter_mut().zip(x.iter().step_by((*stride).max(1))).for_each(|(y, &x)| *y = x),
            }
        }
        Ok(())
    }
}

impl StepKernel for Strided {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        fn run<T: Element>(strided: &Strided, context: &mut StepContext<'_>) -> Result<(), Error> {
            strided.copy::<T>(context)
        }
        by_type!(context.output_type(0), run(self, context))
    }

    fn kind(&self) -> StepKind {
        StepKind::Copy
    }

    fn describe(&self) -> String {
        let [size, stride] = self.run;
        match stride {
            1 => format!("copy runs of {size} elements"),
            _ => format!("copy runs of {size} elements {stride} apart"),
        }
    }
}

/// Adds the step of a node whose output, of shape `shape`, is the elements of its first input from `first` on that along each axis lie
/// `strides` apart. All of them exist.
pub(crate) fn lower(
    builder: &mut Builder<'_>,
    node: &Node,
    first: usize,
    shape: &[usize],
    strides: &[usize],
) -> Result<bool, Error> {
    let kernel = Box::new(Strided::new(first, shape, strides));
    builder.push_unary(node, Layout::Plain, |builder, name| builder.define(name, Layout::Plain), kernel)
}
