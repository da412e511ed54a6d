//! A run under way: a plan, memory, and the arguments of the call.

use std::sync::Arc;

use super::options::RunOptions;
use super::plan::Lowered;
use super::prepared::Prepared;
use super::state::{Plan, State};
use super::step::{Elements, Given, RunInputs, StepContext};
use super::value::Storage;
use crate::shapes::open_shape;
use crate::{AsTensorMut, DataType, Error, Tensor, TensorViewMut, ValueInfo};

/// What a run writes to: outputs in the graph's order.
pub(super) trait Results {
    /// How many there are.
    fn count(&self) -> usize;
    /// One of them.
    fn tensor(&mut self, at: usize) -> TensorViewMut<'_>;
}

impl<O: AsTensorMut> Results for &mut [O] {
    fn count(&self) -> usize {
        self.len()
    }

    fn tensor(&mut self, at: usize) -> TensorViewMut<'_> {
        self[at].as_tensor_mut()
    }
}

/// A run. Its memory is kept for later ones when it ends.
pub(super) struct Run<'a> {
    prepared: &'a Prepared,
    given: &'a dyn Given,
    /// For each input of the graph, its position among the arguments.
    order: Vec<usize>,
    plan: Arc<Plan>,
    state: State,
}

impl<'a> Run<'a> {
    /// Finds the inputs, a plan for their shapes, and memory.
    pub(super) fn new(prepared: &'a Prepared, given: &'a dyn Given) -> Result<Self, Error> {
        let (order, plan) = prepared.plan(given)?;
        let state = prepared.plans.state(&plan)?;
        Ok(Self { prepared, given, order, plan, state })
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs all steps, and calls `after` with the index of each when it ends.
    pub(super) fn walk(
        &mut self,
        options: &RunOptions<'_>,
        mut after: impl FnMut(usize),
    ) -> Result<(), Error> {
        for index in 0..self.plan.lowered.steps.len() {
            options.check()?;
            self.step(index)?;
            after(index);
        }
        Ok(())
    }

    /// Runs one step.
    pub(super) fn step(&mut self, index: usize) -> Result<(), Error> {
        let Lowered { values, constants, steps, .. } = &self.plan.lowered;
        let (step, State { slots, scratch, taken, .. }) = (&steps[index], &mut self.state);
        // Takes the memory of the outputs out of the slots while the step runs, because the step reads other slots.
        taken.clear();
        for &output in &step.links.outputs {
            if let Storage::Slot(slot) = values[output].storage {
                taken.push(std::mem::take(&mut slots[slot]));
            }
        }
        let inputs = RunInputs { given: self.given, order: &self.order };
        let mut context = StepContext {
            links: &step.links,
            values,
            elements: Elements { constants, inputs, slots },
            outputs: taken,
        };
        let result = step.kernel.run(&mut context, &mut scratch[index]);
        for (&output, data) in step.links.outputs.iter().zip(taken.drain(..)) {
            if let Storage::Slot(slot) = values[output].storage {
                slots[slot] = data;
            }
        }
        result
    }

    /// The elements of the values that are complete.
    pub(super) fn elements(&self) -> Elements<'_> {
        Elements {
            constants: &self.plan.lowered.constants,
            inputs: RunInputs { given: self.given, order: &self.order },
            slots: &self.state.slots,
        }
    }

    /// Copies of what the plan has computed.
    pub(super) fn outputs(&self) -> Result<Vec<Tensor>, Error> {
        let Lowered { values, results, .. } = &self.plan.lowered;
        results.iter().map(|&id| self.elements().tensor(&values[id])).collect()
    }

    /// Copies what the plan has computed.
    pub(super) fn copy_outputs(&self, outputs: &mut dyn Results) -> Result<(), Error> {
        let Lowered { values, results, .. } = &self.plan.lowered;
        let mut each = results.iter().enumerate();
        each.try_for_each(|(at, &id)| self.elements().copy(&values[id], &mut outputs.tensor(at)))
    }

    /// An error unless the outputs of the plan fit `outputs`.
    pub(super) fn check_outputs(&self, outputs: &mut dyn Results) -> Result<(), Error> {
        let infos = &self.plan.lowered.outputs;
        if outputs.count() != infos.len() {
            let reason = format!("must be {}, are {}", infos.len(), outputs.count());
            return Err(Error::argument("outputs", reason));
        }
        let mut each = infos.iter().enumerate();
        each.try_for_each(|(at, info)| {
            let output = outputs.tensor(at);
            check_type(info, output.data_type(), output.shape())
        })
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        // A step that panicked has not given back its slots.
        if !std::thread::panicking() {
            self.plan.idle.put(std::mem::take(&mut self.state));
            self.prepared.orders.put(std::mem::take(&mut self.order));
        }
    }
}

/// An error unless a tensor of `data_type` and `shape` is as `info` declares.
pub(super) fn check_type(info: &ValueInfo, data_type: DataType, shape: &[usize]) -> Result<(), Error> {
    if data_type == info.data_type && has_shape(info, shape) {
        return Ok(());
    }
    Err(Error::value(
        &info.name,
        format!(
            "must be {} of shape {}, is {data_type} of shape {shape:?}",
            info.data_type,
            open_shape(&info.shape)
        ),
    ))
}

/// Whether `shape` has the fixed dimensions of `info`.
pub(super) fn has_shape(info: &ValueInfo, shape: &[usize]) -> bool {
    let dims = &info.shape;
    dims.len() == shape.len() && dims.iter().zip(shape).all(|(dim, size)| dim.is_none_or(|dim| dim == *size))
}
