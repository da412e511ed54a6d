//! The execution plan: steps and the values between them.

use std::collections::HashMap;

use super::source::Observer;
use super::step::Step;
use super::value::{Storage, Value};
use crate::{DataType, Tensor, ValueInfo};

/// The steps and the values between them.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) inputs: Vec<ValueInfo>,
    pub(crate) outputs: Vec<ValueInfo>,
    pub(crate) values: Vec<Value>,
    pub(crate) constants: Vec<Tensor>,
    /// Types and lengths of the buffers that hold values.
    pub(crate) buffers: Vec<(DataType, usize)>,
    pub(crate) steps: Vec<Step>,
    /// The values that are the graph's outputs.
    pub(crate) results: Vec<usize>,
    /// Bytes of the graph's constants and of what is made of them.
    pub(crate) constant_bytes: u64,
    /// The most bytes that a step takes for a while beside the values, and all that steps keep.
    pub(crate) passing_bytes: u64,
    /// Set if the results are read as soon as they are complete, not at the end.
    pub(crate) observer: Option<Observer>,
}

impl Lowered {
    /// The number of steps after which each result is complete.
    pub(crate) fn completions(&self) -> Vec<usize> {
        let mut written = HashMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            for &output in &step.links.outputs {
                written.insert(self.values[output].storage, index + 1);
            }
        }
        let complete = |&id: &usize| written.get(&self.values[id].storage).copied().unwrap_or(0);
        self.results.iter().map(complete).collect()
    }

    /// Bytes of the graph's inputs and of the copies of its results.
    fn outer_bytes(&self) -> u64 {
        let inputs = self.values.iter().filter(|value| matches!(value.storage, Storage::Input(_)));
        let copied = self.observer.map_or(usize::MAX, |observer| observer.copied);
        let results = self.results.iter().take(copied).map(|&id| &self.values[id]);
        inputs.chain(results).map(|value| value.len as u64 * value.data_type.size() as u64).sum()
    }

    /// Bytes that a run takes beside the memory of the values between steps.
    pub(crate) fn run_bytes(&self) -> u64 {
        self.passing_bytes.saturating_add(self.outer_bytes())
    }

    /// Bytes taken beside the memory of the values between steps, by one run at a time.
    pub(crate) fn bytes(&self) -> u64 {
        self.constant_bytes.saturating_add(self.run_bytes())
    }
}
