//! Floats as numbers with a fixed point.

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::ops::fixed_point::format;
use crate::precision::FixedPoint;
use crate::{Error, Node};

/// `FixedPoint`.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let format = format(node)?;
    if !is_float(builder, node)? {
        return Ok(false);
    }
    builder.push_elementwise(node, Box::new(format))
}

impl StepKernel for FixedPoint {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let x = context.input::<f32>(0)?.iter();
        let pairs = context.output::<f32>(0)?.iter_mut().zip(x);
        pairs.for_each(|(y, &x)| *y = self.apply(x));
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 {self}")
    }
}
