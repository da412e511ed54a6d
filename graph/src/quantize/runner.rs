//! Runs a graph for its intermediate values.

use crate::exec::Observer;
use crate::limits::constants_of;
use crate::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Tensor, ValueInfo};

/// A graph that runs for chosen float values.
#[derive(Debug)]
pub(super) struct Runner {
    executor: Executor,
    limits: Limits,
    /// Bytes of the graph's constants.
    constants: u64,
}

impl Runner {
    /// Prepares to run `graph` for `values`, which must be distinct; the caller keeps copies of the first `copied`. `held`
    /// bytes of the limits are taken, the constants of `graph` among them.
    pub(super) fn new(
        graph: Graph,
        values: &[String],
        copied: usize,
        held: u64,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let output =
            |name: &String| ValueInfo { name: name.clone(), data_type: DataType::F32, shape: Vec::new() };
        let graph = Graph { outputs: values.iter().map(output).collect(), ..graph };
        let mut options = ExecutorOptions::default();
        options.shapes.limits = limits.clone();
        let constants = constants_of([&graph]);
        let beside = held.saturating_sub(constants);
        let executor = Executor::observed(graph, &options, beside, Observer { copied })?;
        Ok(Self { executor, limits: limits.clone(), constants })
    }

    /// Changes the number of bytes that are taken, the constants of the graph among them.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the runner does not fit beside them.
    pub(super) fn hold(&mut self, held: u64) -> Result<(), Error> {
        self.executor.hold(held.saturating_sub(self.constants), &self.limits)
    }

    /// The bytes that it takes beside the constants of its graph.
    pub(super) fn bytes(&self) -> u64 {
        self.executor.bytes().saturating_sub(self.constants)
    }

    /// Calls `see` with the position and the elements of each chosen value for `inputs`, in the order of execution.
    pub(super) fn run(
        &mut self,
        inputs: &[(&str, &Tensor)],
        see: impl FnMut(usize, &[f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.executor.observe(inputs, see)
    }
}
