//! Curves of floats: functions of each element that a kernel computes.

use eightbit::Backend;
pub(crate) use eightbit_kernels::float::Curve;
use eightbit_kernels::float::curve_of;

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::workers::Workers;
use crate::{Error, Node};

/// Adds the step of a node whose first input a curve maps.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node, curve: Curve) -> Result<bool, Error> {
    if !is_float(builder, node)? {
        return Ok(false);
    }
    let kernel = Curved { backend: builder.backend, curve, workers: builder.workers.clone() };
    builder.push_elementwise(node, Box::new(kernel))
}

/// A curve of each element.
#[derive(Debug)]
struct Curved {
    backend: Backend,
    curve: Curve,
    workers: Workers,
}

impl StepKernel for Curved {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?;
        let (backend, curve) = (self.backend, self.curve);
        self.workers.by_rows(context.output(0)?, 1, |first, y| {
            curve_of(backend, curve, &x[first..][..y.len()], y);
        });
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 {:?}", self.curve)
    }
}
