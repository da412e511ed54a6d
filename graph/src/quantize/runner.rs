//! Runs a graph for its intermediate values.

use crate::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Tensor, ValueInfo};

/// A graph that runs for chosen float values.
#[derive(Debug)]
pub(super) struct Runner {
    executor: Executor,
}

impl Runner {
    /// Prepares to run `graph` for `values`, which must be distinct.
    pub(super) fn new(graph: &Graph, values: &[String], limits: &Limits) -> Result<Self, Error> {
        let output =
            |name: &String| ValueInfo { name: name.clone(), data_type: DataType::F32, shape: Vec::new() };
        let graph = Graph { outputs: values.iter().map(output).collect(), ..graph.clone() };
        let mut options = ExecutorOptions::default();
        options.shapes.limits = limits.clone();
        Ok(Self { executor: Executor::new(&graph, &options)? })
    }

    /// The chosen values for `inputs`, in the order in which they were chosen.
    pub(super) fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
        self.executor.run(inputs)
    }
}
