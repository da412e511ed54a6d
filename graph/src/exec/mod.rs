//! The executor: a graph made ready once, then run often.
//!
//! For the shapes that it runs on, an [`Executor`] makes a plan, once: it infers all shapes, folds what is constant, lays 4-D tensors out as NHWC, fuses activations
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
mod shared;
mod shuffle;
mod slot;
mod step;
mod value;

use std::fmt::Write as _;

use crate::shapes::{ShapeOptions, open_shape};
use crate::{Error, Graph, Tensor, ValueInfo, escaped, passes};
use memory::Memory;
use plan::Lowered;
pub use profile::StepTime;
use shared::Shared;
use slot::Slot;
use step::{RunInputs, StepContext};
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
    /// Sizes that the graph leaves open, for the plan that is made at once; by default a batch of 1. Runs on other sizes
    /// make plans of their own. The limits hold for all.
    pub shapes: ShapeOptions,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { backend: None, threads: 1, shapes: ShapeOptions::with_batch(1) }
    }
}

/// More threads than any machine has that this runs on; each takes scratch memory.
const MAX_THREADS: usize = 1024;

/// Plans that are kept for different shapes of the inputs.
const MAX_PLANS: usize = 4;

/// A graph that is ready to run, float or eight-bit.
///
/// Dimensions that the graph leaves open may differ from run to run: the first run on new shapes makes a plan for them,
/// and the plans used last, four at most, are kept. They share the packed weights.
///
/// ```
/// use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo};
/// let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![None] };
/// let graph = Graph {
///     inputs: vec![value("x")],
///     outputs: vec![value("y")],
///     nodes: vec![Node::new("relu", "Relu", &["x"], &["y"])],
///     ..Graph::default()
/// };
/// let mut executor = Executor::new(&graph, &ExecutorOptions::default())?;
/// let outputs = executor.run(&[("x", &Tensor::vector([-1.0f32, 0.5, 2.0]))])?;
/// assert_eq!(outputs, [Tensor::vector([0.0f32, 0.5, 2.0])]);
/// let outputs = executor.run(&[("x", &Tensor::vector([7.0f32, -7.0]))])?;
/// assert_eq!(outputs, [Tensor::vector([7.0f32, 0.0])]);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Debug)]
pub struct Executor {
    /// As the graph says, some dimensions open.
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    /// What plans are made of; `None` if the graph leaves nothing open and its only plan is made.
    source: Option<Source>,
    /// The one used last comes first.
    plans: Vec<Plan>,
    /// The outputs of the step that is running.
    taken: Vec<Slot>,
    /// Where in the call each input of the graph is.
    order: Vec<usize>,
}

/// Everything that a plan is made of but the shapes.
#[derive(Debug)]
struct Source {
    graph: Graph,
    backend: eightbit::Backend,
    threads: usize,
    shapes: ShapeOptions,
    shared: Shared,
}

/// What runs on inputs of certain shapes.
#[derive(Debug)]
struct Plan {
    lowered: Lowered,
    memory: Memory,
}

impl Source {
    /// The plan for `shapes`, beside the plans `kept`: those that leave it too little memory go.
    fn plan(&self, shapes: &ShapeOptions, kept: &mut Vec<Plan>) -> Result<Plan, Error> {
        let mut lowered = lower::lower(&self.graph, self.backend, self.threads, shapes, &self.shared)?;
        loop {
            let others: u64 = kept.iter().map(|plan| plan.memory.bytes() as u64).sum();
            let taken = lowered.constant_bytes.saturating_add(others);
            match Memory::plan(&mut lowered, &shapes.limits, taken) {
                Err(Error::OverLimit { .. }) if kept.pop().is_some() => {}
                memory => return Ok(Plan { memory: memory?, lowered }),
            }
        }
    }
}

impl Executor {
    /// Makes `graph` ready: everything that does not depend on the inputs' elements is done here, and for the inputs'
    /// shapes that `options` give. Where they leave a dimension open, or a batch does not fit, the first run makes the
    /// first plan.
    ///
    /// # Errors
    ///
    /// Shapes that do not fit, operators that are not implemented, a backend that this CPU cannot run, a model that takes
    /// more than its limits.
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
        let is_open = graph.inputs.iter().any(|input| input.shape.contains(&None));
        let (inputs, outputs) = (graph.inputs.clone(), graph.outputs.clone());
        let shapes = options.shapes.clone();
        let source = Source { graph, backend, threads: options.threads, shapes, shared: Shared::default() };
        let mut plans = Vec::with_capacity(MAX_PLANS);
        match source.plan(&source.shapes, &mut plans) {
            Ok(plan) => plans.push(plan),
            Err(Error::UnknownDimension { .. }) => {}
            // A batch of 1 was a guess: a node may want another.
            Err(Error::InvalidNode { .. }) if is_open && source.shapes.inputs.is_empty() => {}
            Err(error) => return Err(error),
        }
        let source = Some(source).filter(|_| is_open);
        Ok(Self { inputs, outputs, source, plans, taken: Vec::new(), order: Vec::new() })
    }

    /// The inputs, as the last run found them; before the first run, with the sizes of
    /// [`ExecutorOptions::shapes`], and open where these leave it open.
    pub fn inputs(&self) -> &[ValueInfo] {
        self.plans.first().map_or(&self.inputs, |plan| &plan.lowered.inputs)
    }

    /// The outputs, for inputs such as [`inputs`](Self::inputs) says.
    pub fn outputs(&self) -> &[ValueInfo] {
        self.plans.first().map_or(&self.outputs, |plan| &plan.lowered.outputs)
    }

    /// Bytes that intermediate values take, those of all plans.
    pub fn memory_bytes(&self) -> usize {
        self.plans.iter().map(|plan| plan.memory.bytes()).sum()
    }

    /// The graph's outputs, in its order, for the inputs given by name in any order.
    ///
    /// # Errors
    ///
    /// An input that is missing, unknown, or of another type or shape than the graph says. On shapes that are new, all
    /// that [`new`](Self::new) finds.
    pub fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
        self.prepare(inputs)?;
        let Lowered { values, results, .. } = &self.plans[0].lowered;
        let blank = |&id: &usize| Tensor::zeros(values[id].shape.as_slice(), values[id].data_type);
        let mut outputs = results.iter().map(blank).collect::<Result<Vec<_>, _>>()?;
        self.run_prepared(inputs, &mut outputs)?;
        Ok(outputs)
    }

    /// As [`run`](Self::run), into tensors that are there already: those of an earlier run, say. Allocates nothing, as
    /// long as the shapes are known from an earlier run and no step falls back on
    /// [`ops::evaluate`](crate::ops::evaluate).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and if there are not as many outputs as [`outputs`](Self::outputs) says, each of its type
    /// and shape.
    pub fn run_into(&mut self, inputs: &[(&str, &Tensor)], outputs: &mut [Tensor]) -> Result<(), Error> {
        self.prepare(inputs)?;
        self.check_outputs(outputs)?;
        self.run_prepared(inputs, outputs)
    }

    fn run_prepared(&mut self, inputs: &[(&str, &Tensor)], outputs: &mut [Tensor]) -> Result<(), Error> {
        self.walk(inputs, |_| ())?;
        let Plan { lowered: Lowered { values, constants, results, .. }, memory } = &self.plans[0];
        let run_inputs = RunInputs { tensors: inputs, order: &self.order };
        let mut each = results.iter().zip(outputs);
        each.try_for_each(|(&id, output)| {
            step::copy_to(&values[id], constants, &run_inputs, &memory.slots, output)
        })
    }

    /// Finds the inputs, and makes the plan for their shapes the first one.
    fn prepare(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        self.find(inputs)?;
        let order = &self.order;
        let fits = |plan: &Plan| {
            let mut each = plan.lowered.inputs.iter().zip(order);
            each.all(|(info, &at)| has_shape(info, inputs[at].1))
        };
        if let Some(index) = self.plans.iter().position(fits) {
            self.plans[..=index].rotate_right(1);
            return Ok(());
        }
        // A graph that leaves nothing open has the one plan that all its inputs fit.
        let Some(source) = &self.source else { return Err(Error::argument("inputs", "fit no plan")) };
        let shape = |(info, &at): (&ValueInfo, &usize)| (info.name.clone(), inputs[at].1.shape().to_vec());
        let shapes = ShapeOptions {
            batch: None,
            inputs: self.inputs.iter().zip(order).map(shape).collect(),
            limits: source.shapes.limits.clone(),
        };
        self.plans.truncate(MAX_PLANS - 1);
        let plan = source.plan(&shapes, &mut self.plans)?;
        self.plans.insert(0, plan);
        Ok(())
    }

    /// Runs all steps of the first plan, and calls `after` with the index of each when it is done.
    fn walk(&mut self, inputs: &[(&str, &Tensor)], mut after: impl FnMut(usize)) -> Result<(), Error> {
        let run_inputs = RunInputs { tensors: inputs, order: &self.order };
        let Plan { lowered: Lowered { values, constants, steps, .. }, memory } = &mut self.plans[0];
        for (index, step) in steps.iter_mut().enumerate() {
            // The outputs' memory is taken out for the time of the step: inputs are read next to it.
            let slots = &mut memory.slots;
            self.taken.clear();
            for &output in &step.links.outputs {
                if let Place::Slot(slot) = values[output].place {
                    self.taken.push(std::mem::take(&mut slots[slot]));
                }
            }
            let mut context = StepContext {
                links: &step.links,
                values,
                constants,
                inputs: run_inputs,
                slots,
                outputs: &mut self.taken,
            };
            let result = step.kernel.run(&mut context);
            for (&output, data) in step.links.outputs.iter().zip(self.taken.drain(..)) {
                if let Place::Slot(slot) = values[output].place {
                    memory.slots[slot] = data;
                }
            }
            result?;
            after(index);
        }
        Ok(())
    }

    /// What the plan used last runs, one line per step: the nodes that became it, the kernel, and why where a step is not
    /// the obvious. Nothing before there is a plan.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let Some(Plan { lowered, memory }) = self.plans.first() else { return text };
        for (index, step) in lowered.steps.iter().enumerate() {
            let _ =
                writeln!(text, "{index:>4}  {:<40} {}", escaped(&step.links.name), step.kernel.describe());
        }
        let _ = writeln!(text, "memory: {} bytes in {} buffers", memory.bytes(), memory.slots.len());
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
        let infos = self.outputs();
        if outputs.len() != infos.len() {
            let reason = format!("must be {}, {} were given", infos.len(), outputs.len());
            return Err(Error::argument("outputs", reason));
        }
        infos.iter().zip(outputs).try_for_each(|(info, output)| check_type(info, output))
    }
}

/// An error unless `tensor` is of the type that `info` says, and of a shape that fits it.
fn check_type(info: &ValueInfo, tensor: &Tensor) -> Result<(), Error> {
    if tensor.data_type() == info.data_type && has_shape(info, tensor) {
        return Ok(());
    }
    Err(Error::value(
        &info.name,
        format!(
            "must be {} of shape {}, is {} of shape {:?}",
            info.data_type,
            open_shape(&info.shape),
            tensor.data_type(),
            tensor.shape()
        ),
    ))
}

/// Whether the dimensions of `tensor` are those that `info` says, where it says one.
fn has_shape(info: &ValueInfo, tensor: &Tensor) -> bool {
    let (dims, shape) = (&info.shape, tensor.shape());
    dims.len() == shape.len() && dims.iter().zip(shape).all(|(dim, size)| dim.is_none_or(|dim| dim == *size))
}
