//! Functions of each element that are an instruction or two.

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::{Error, Node};

/// A function of a float whose result is rounded once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mapped {
    /// x²
    Square,
    /// √x
    Root,
    /// 1 / x
    Reciprocal,
}

/// Adds the step of a node whose first input is mapped.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node, mapped: Mapped) -> Result<bool, Error> {
    if !is_float(builder, node)? {
        return Ok(false);
    }
    builder.push_elementwise(node, Box::new(mapped))
}

impl StepKernel for Mapped {
    fn run(&self, context: &mut StepContext<'_>, _: &mut Scratch) -> Result<(), Error> {
        let pairs = context.input::<f32>(0)?.iter();
        let pairs = context.output::<f32>(0)?.iter_mut().zip(pairs);
        match self {
            Self::Square => pairs.for_each(|(y, x)| *y = x * x),
            Self::Root => pairs.for_each(|(y, x)| *y = x.sqrt()),
            Self::Reciprocal => pairs.for_each(|(y, x)| *y = 1.0 / x),
        }
        Ok(())
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        format!("f32 {self:?}")
    }
}
