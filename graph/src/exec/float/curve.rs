//! Curves of floats: functions of each element that a kernel computes.

use eightbit::Backend;
pub(crate) use eightbit_kernels::float::Curve;
use eightbit_kernels::float::curve_of;

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::parallel::by_rows;
use crate::exec::step::{StepContext, StepKernel};
use crate::{Error, Node};

/// Adds the step of a node whose first input a curve maps.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node, curve: Curve) -> Result<bool, Error> {
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
            curve_of(backend, curve, &x[first..][..y.len()], y);
        });
        Ok(())
    }

    fn describe(&self) -> String {
        format!("f32 {:?}", self.curve)
    }
}
