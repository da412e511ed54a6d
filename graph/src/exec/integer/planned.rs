//! Steps that run a plan of the crate `eightbit`.

use std::fmt;

use crate::Error;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};

/// Evaluates `$result` where `$T` is the type that belongs to the first pattern that `$value` matches.
macro_rules! with_type {
    ($T:ident, $value:expr, [$($pattern:pat => $type:ty),*], $result:expr) => {
        match $value {
            $($pattern => {
                type $T = $type;
                $result
            })*
        }
    };
}

/// Evaluates `$result` where `$T` is the type that an [`ElementType`](eightbit::ElementType) names.
macro_rules! by_byte {
    ($T:ident, $element:expr, $result:expr) => {
        $crate::exec::integer::planned::with_type!($T, $element, [eightbit::ElementType::I8 => i8, _ => u8], $result)
    };
}

/// As [`by_byte`], for the type `$I` of an input and the type `$O` of an output.
macro_rules! by_bytes {
    ([$I:ident, $O:ident], [$input:expr, $output:expr], $result:expr) => {
        $crate::exec::integer::planned::by_byte!(
            $I,
            $input,
            $crate::exec::integer::planned::by_byte!($O, $output, $result)
        )
    };
}

pub(super) use {by_byte, by_bytes, with_type};

/// Why a step failed.
pub(super) enum Failure {
    /// A value is not as it was planned.
    Value(Error),
    /// The values do not fit the plan.
    Plan(eightbit::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Value(error)
    }
}

impl From<eightbit::Error> for Failure {
    fn from(error: eightbit::Error) -> Self {
        Self::Plan(error)
    }
}

/// A function that calls a plan with the values of a step and its memory.
struct Planned<M, F> {
    kind: StepKind,
    description: String,
    /// As it is before the first run.
    memory: M,
    call: F,
}

/// A step that runs `call` with its memory, which is `memory` before the first run: the workspaces of its threads, say.
pub(super) fn planned<M, F>(description: impl Into<String>, memory: M, call: F) -> Box<dyn StepKernel>
where
    M: Clone + Send + Sync + 'static,
    F: Fn(&mut StepContext<'_>, &mut M) -> Result<(), Failure> + Send + Sync + 'static,
{
    planned_as(StepKind::EightBit, description, memory, call)
}

/// As [`planned`], for a step of another kind.
pub(super) fn planned_as<M, F>(
    kind: StepKind,
    description: impl Into<String>,
    memory: M,
    call: F,
) -> Box<dyn StepKernel>
where
    M: Clone + Send + Sync + 'static,
    F: Fn(&mut StepContext<'_>, &mut M) -> Result<(), Failure> + Send + Sync + 'static,
{
    Box::new(Planned { kind, description: description.into(), memory, call })
}

impl<M, F> StepKernel for Planned<M, F>
where
    M: Clone + Send + Sync + 'static,
    F: Fn(&mut StepContext<'_>, &mut M) -> Result<(), Failure> + Send + Sync,
{
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        scratch.with(|| self.memory.clone(), |memory| (self.call)(context, memory)).map_err(|failure| {
            match failure {
                Failure::Value(error) => error,
                Failure::Plan(error) => context.error(error.to_string()),
            }
        })
    }

    fn kind(&self) -> StepKind {
        self.kind
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}

impl<M, F> fmt::Debug for Planned<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}
