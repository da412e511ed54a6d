//! Runs for intermediate values: each is shown as soon as it is complete, so that its memory is free again soon.

use std::borrow::Cow;
use std::sync::Arc;

use super::prepared::Prepared;
use super::run::Run;
use super::source::Observer;
use super::{Executor, ExecutorOptions};
use crate::{DataType, Error, Graph, Limits, Tensor};

/// The elements of an output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    Floats(&'a [f32]),
    Bytes(&'a [u8]),
}

impl<'a> Seen<'a> {
    /// The elements of an output that is declared as floats.
    pub(crate) fn floats(self) -> Result<&'a [f32], Error> {
        match self {
            Self::Floats(values) => Ok(values),
            Self::Bytes(_) => Err(Error::WrongType { expected: DataType::F32, found: DataType::U8 }),
        }
    }
}

impl Executor {
    /// As [`new`](Self::new), for [`observe`](Self::observe) alone, while `held` bytes of the limits are taken by others. The
    /// graph's constants are dropped as soon as nothing needs them.
    pub(crate) fn observed(
        graph: Graph,
        options: &ExecutorOptions,
        held: u64,
        observer: Observer,
    ) -> Result<Self, Error> {
        Ok(Self(Arc::new(Prepared::new(Cow::Owned(graph), options, held, Some(observer))?)))
    }

    /// Runs the graph, and calls `see` with the position, the shape and the elements of each output, `f32` or `u8`, as soon as they are
    /// complete.
    pub(crate) fn observe(
        &self,
        inputs: &[(&str, &Tensor)],
        mut see: impl FnMut(usize, &[usize], Seen<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut run = Run::new(&self.0, &inputs)?;
        let mut order: Vec<(usize, usize)> = run.plan().completions.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let mut order = order.into_iter().peekable();
        for done in 0..=run.plan().lowered.steps.len() {
            if done > 0 {
                run.step(done - 1)?;
            }
            let (elements, plan) = (run.elements(), &run.plan().lowered);
            while let Some((_, output)) = order.next_if(|&(complete, _)| complete == done) {
                let value = &plan.values[plan.results[output]];
                let found = match value.data_type {
                    DataType::U8 => elements.of(value).map(Seen::Bytes),
                    _ => elements.of(value).map(Seen::Floats),
                };
                let found = found.map_err(|error| error.in_value(&plan.outputs[output].name))?;
                see(output, &value.shape, found)?;
            }
        }
        Ok(())
    }

    /// Changes the number of bytes that others take.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if these and the executor's own exceed the limits.
    pub(crate) fn hold(&self, held: u64, limits: &Limits) -> Result<(), Error> {
        self.0.plans.hold(held);
        limits.check_bytes(held.saturating_add(self.bytes()), || "the model with its examples".to_owned())
    }

    /// The bytes that the executor takes, with the constants of its graph.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.plans.plan_bytes() + self.0.plans.memory_bytes()
    }
}
