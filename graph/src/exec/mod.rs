//! The executor: a graph made ready once, then run often.
//!
//! [`Executor::new`] infers all shapes, folds what is constant, lays 4-D tensors out as NHWC, fuses activations
//! into the operators before them, packs weights, and gives every intermediate value a place in memory. Running
//! then walks through the steps and allocates nothing but the outputs, as long as no step falls back on
//! [`ops::evaluate`](crate::ops::evaluate). [`Executor::profile`] tells what the time goes into.
//!
//! Where to start reading: `lower` asks every node's operator for its steps, `builder` is what they add them to, `memory` places
//! values, `step` says what a step sees; every kind of step has a file of its own.

pub(crate) mod builder;
mod by_type;
mod fallback;
pub(crate) mod float;
pub(crate) mod integer;
mod lower;
mod memory;
mod parallel;
mod plan;
mod profile;
mod shuffle;
mod slot;
mod step;
mod value;

use std::fmt::Write as _;

use crate::shapes::ShapeOptions;
use crate::{Error, Graph, Tensor, ValueInfo, passes};
use memory::Memory;
use plan::Lowered;
pub use profile::StepTime;
use slot::Slot;
use step::{Given, Io};
use value::Place;

/// How an [`Executor`] is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// The backend of the eight-bit operators; the best one of this CPU if not given.
    pub backend: Option<eightbit::Backend>,
    /// Into how many parts convolutions and eight-bit operators are split, for as many threads of the current rayon pool.
    /// More than 1 needs the feature `rayon`. The answers do not depend on it.
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
    /// The outputs of the step that is running.
    taken: Vec<Slot>,
    /// Where in the call each input of the graph is.
    order: Vec<usize>,
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
            order: Vec::new(),
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
        let blank = |&id: &usize| {
            let value = &self.plan.values[id];
            Tensor::zeros(value.shape.as_slice(), value.data_type)
        };
        let mut outputs = self.plan.results.iter().map(blank).collect::<Result<Vec<_>, _>>()?;
        self.run_into(inputs, &mut outputs)?;
        Ok(outputs)
    }

    /// As [`run`](Self::run), into tensors that are there already: those of an earlier run, say. Allocates nothing, as
    /// long as no step falls back on [`ops::evaluate`](crate::ops::evaluate).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there are not as many outputs as [`outputs`](Self::outputs) says, each of its type
    /// and shape.
    pub fn run_into(&mut self, inputs: &[(&str, &Tensor)], outputs: &mut [Tensor]) -> Result<(), Error> {
        self.check_outputs(outputs)?;
        self.walk(inputs, |_| ())?;
        let Lowered { values, constants, results, .. } = &self.plan;
        let given = Given { tensors: inputs, order: &self.order };
        let mut each = results.iter().zip(outputs);
        each.try_for_each(|(&id, output)| {
            step::copy_to(&values[id], constants, &given, &self.memory.slots, output)
        })
    }

    /// Runs all steps, and calls `after` with the index of each when it is done.
    fn walk(&mut self, inputs: &[(&str, &Tensor)], mut after: impl FnMut(usize)) -> Result<(), Error> {
        self.find(inputs)?;
        let given = Given { tensors: inputs, order: &self.order };
        let Lowered { values, constants, steps, .. } = &mut self.plan;
        for (index, step) in steps.iter_mut().enumerate() {
            // The outputs' memory is taken out for the time of the step: inputs are read next to it.
            let slots = &mut self.memory.slots;
            self.taken.clear();
            for &output in &step.links.outputs {
                if let Place::Slot(slot) = values[output].place {
                    self.taken.push(std::mem::take(&mut slots[slot]));
                }
            }
            let mut io = Io { links: &step.links, values, constants, given, slots, outputs: &mut self.taken };
            let result = step.kernel.run(&mut io);
            for (&output, data) in step.links.outputs.iter().zip(self.taken.drain(..)) {
                if let Place::Slot(slot) = values[output].place {
                    self.memory.slots[slot] = data;
                }
            }
            result?;
            after(index);
        }
        Ok(())
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

    /// Finds the graph's inputs among those of a call.
    fn find(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        for (name, _) in inputs {
            if !self.inputs.iter().any(|info| info.name == *name) {
                return Err(Error::value(*name, "is not an input of the graph"));
            }
        }
        self.order.clear();
        for info in &self.inputs {
            let Some(found) = inputs.iter().position(|(name, _)| *name == info.name) else {
                return Err(Error::value(&info.name, "is an input that was not given"));
            };
            check_type(info, inputs[found].1)?;
            self.order.push(found);
        }
        Ok(())
    }

    fn check_outputs(&self, outputs: &[Tensor]) -> Result<(), Error> {
        if outputs.len() != self.outputs.len() {
            let reason = format!("must be {}, {} were given", self.outputs.len(), outputs.len());
            return Err(Error::argument("outputs", reason));
        }
        self.outputs.iter().zip(outputs).try_for_each(|(info, output)| check_type(info, output))
    }
}

/// Whether `tensor` is of the type and shape that `info` says.
fn check_type(info: &ValueInfo, tensor: &Tensor) -> Result<(), Error> {
    let fits = tensor.data_type() == info.data_type
        && tensor.shape().iter().map(|&dim| Some(dim)).eq(info.shape.iter().copied());
    if fits {
        return Ok(());
    }
    let shape: Vec<usize> = info.shape.iter().map(|dim| dim.unwrap_or_default()).collect();
    Err(Error::value(
        &info.name,
        format!(
            "must be {} of shape {shape:?}, is {} of shape {:?}",
            info.data_type,
            tensor.data_type(),
            tensor.shape()
        ),
    ))
}
