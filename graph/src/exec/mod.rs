//! The executor: a graph made ready once, then run often.
//!
//! [`Executor::new`] infers all shapes, folds what is constant, lays 4-D tensors out as NHWC, fuses activations
//! into the operators before them, packs weights, and gives every intermediate value a place in memory. Running
//! then walks through the steps and allocates nothing but the outputs, as long as no step falls back on
//! [`ops::evaluate`](crate::ops::evaluate).
//!
//! Where to start reading: `lower` turns nodes into steps, `memory` places values, `step` says what a step sees;
//! every kind of step has a file of its own.

mod float;
mod integer;
mod lower;
mod memory;
mod select;
mod shuffle;
mod step;

use std::fmt::Write as _;

use crate::shapes::ShapeOptions;
use crate::{Error, Graph, Tensor, TensorData, ValueInfo, passes};
use lower::Lowered;
use memory::{Memory, Place};
use step::Io;

/// How an [`Executor`] is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// The backend of the eight-bit operators; the best one of this CPU if not given.
    pub backend: Option<eightbit::Backend>,
    /// Into how many parts eight-bit convolutions and matrix products are split, for as many threads of the current
    /// rayon pool. More than 1 needs the feature `rayon`. The answers do not depend on it.
    pub threads: usize,
    /// Sizes that the graph leaves open; by default a batch of 1.
    pub shapes: ShapeOptions,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { backend: None, threads: 1, shapes: ShapeOptions::with_batch(1) }
    }
}

/// More threads than any machine has that this runs on; each takes scratch memory.
const MAX_THREADS: usize = 1024;

/// A graph that is ready to run, float or eight-bit.
///
/// ```
/// use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo};
/// let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![Some(3)] };
/// let graph = Graph {
///     inputs: vec![value("x")],
///     outputs: vec![value("y")],
///     nodes: vec![Node::new("relu", "Relu", &["x"], &["y"])],
///     ..Graph::default()
/// };
/// let mut executor = Executor::new(&graph, &ExecutorOptions::default())?;
/// let outputs = executor.run(&[("x", &Tensor::vector([-1.0f32, 0.5, 2.0]))])?;
/// assert_eq!(outputs, [Tensor::vector([0.0f32, 0.5, 2.0])]);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Debug)]
pub struct Executor {
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    plan: Lowered,
    memory: Memory,
    taken: Vec<TensorData>,
}

impl Executor {
    /// Makes `graph` ready: everything that does not depend on the inputs' elements is done here.
    ///
    /// # Errors
    ///
    /// Shapes that are open or do not fit, operators that are not implemented, a backend that this CPU cannot run.
    pub fn new(graph: &Graph, options: &ExecutorOptions) -> Result<Self, Error> {
        graph.validate()?;
        let backend = match options.backend {
            Some(backend) => backend,
            None => {
                eightbit::Backend::best().map_err(|error| Error::argument("backend", error.to_string()))?
            }
        };
        if options.threads != 1 && !(cfg!(feature = "rayon") && (2..=MAX_THREADS).contains(&options.threads))
        {
            return Err(Error::argument(
                "threads",
                format!(
                    "must be 1, or 2 to {MAX_THREADS} with the feature rayon; {} were asked",
                    options.threads
                ),
            ));
        }
        let graph = passes::fuse_quantized(&passes::fold_batch_norms(graph.clone())?)?;
        let mut plan = lower::lower(&graph, backend, options.threads, &options.shapes)?;
        let memory = Memory::plan(&mut plan);
        Ok(Self {
            inputs: plan.inputs.clone(),
            outputs: plan.outputs.clone(),
            plan,
            memory,
            taken: Vec::new(),
        })
    }

    /// The inputs, with every dimension known.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.inputs
    }

    /// The outputs, with every dimension known.
    pub fn outputs(&self) -> &[ValueInfo] {
        &self.outputs
    }

    /// Bytes that intermediate values take.
    pub fn memory_bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// The graph's outputs, in its order, for the inputs given by name in any order.
    ///
    /// # Errors
    ///
    /// An input that is missing, unknown, or of another type or shape than [`inputs`](Self::inputs) says.
    pub fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
        let given = self.given(inputs)?;
        let Lowered { values, constants, steps, results, .. } = &mut self.plan;
        for step in steps.iter_mut() {
            // The outputs' memory is taken out for the time of the step: inputs are read next to it.
            let slots = &mut self.memory.slots;
            self.taken.clear();
            for &output in &step.links.outputs {
                if let Place::Slot(slot) = values[output].place {
                    self.taken.push(std::mem::replace(&mut slots[slot], TensorData::U8(Vec::new())));
                }
            }
            let mut io =
                Io { links: &step.links, values, constants, given: &given, slots, outputs: &mut self.taken };
            let result = step.kernel.run(&mut io);
            for (&output, data) in step.links.outputs.iter().zip(self.taken.drain(..)) {
                if let Place::Slot(slot) = values[output].place {
                    self.memory.slots[slot] = data;
                }
            }
            result?;
        }
        let view = |id: usize| step::tensor(&values[id], constants, &given, &self.memory.slots);
        results.iter().map(|&id| view(id)).collect()
    }

    /// What runs, one line per step: the nodes that became it, the kernel, and why where a step is not the obvious.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        for (index, step) in self.plan.steps.iter().enumerate() {
            let _ = writeln!(text, "{index:>4}  {:<40} {}", step.links.name, step.kernel.describe());
        }
        let _ =
            writeln!(text, "memory: {} bytes in {} buffers", self.memory.bytes(), self.memory.slots.len());
        text
    }

    fn given<'a>(&self, inputs: &[(&str, &'a Tensor)]) -> Result<Vec<&'a Tensor>, Error> {
        for (name, _) in inputs {
            if !self.inputs.iter().any(|info| info.name == *name) {
                return Err(Error::value(*name, "is not an input of the graph"));
            }
        }
        self.inputs
            .iter()
            .map(|info| {
                let found = inputs.iter().find(|(name, _)| *name == info.name);
                let (_, tensor) =
                    found.ok_or_else(|| Error::value(&info.name, "is an input that was not given"))?;
                let fits = tensor.data_type() == info.data_type
                    && tensor.shape().iter().map(|&dim| Some(dim)).eq(info.shape.iter().copied());
                if !fits {
                    let shape: Vec<usize> = info.shape.iter().map(|dim| dim.unwrap_or_default()).collect();
                    return Err(Error::value(
                        &info.name,
                        format!(
                            "must be {} of shape {shape:?}, is {} of shape {:?}",
                            info.data_type,
                            tensor.data_type(),
                            tensor.shape()
                        ),
                    ));
                }
                Ok(*tensor)
            })
            .collect()
    }
}
