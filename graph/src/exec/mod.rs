//! The executor: a graph is prepared once, then run often.
//!
//! For each set of input shapes, an [`Executor`] makes one plan: it infers all shapes, folds constants, lays 4-D tensors
//! out as NHWC, fuses activations into the operators before them, packs weights, and assigns memory to every intermediate
//! value. A run then executes the steps and allocates nothing but the outputs, as long as no step falls back on
//! [`ops::evaluate`](crate::ops::evaluate) or multiplies two activations, of which it packs the second. [`Executor::profile`] measures the time of each step. A plan ends where sizes depend on
//! elements (`tail`).
//!
//! Where to start reading: `lower` calls every node's operator, which adds its steps to `builder`; `memory` assigns memory
//! to values; `step` defines the interface of a step; every kind of step has a file of its own.

pub(crate) mod blocks;
mod broadcast;
pub(crate) mod builder;
pub(crate) mod by_type;
mod fallback;
pub(crate) mod float;
pub(crate) mod integer;
mod lower;
mod memory;
mod observe;
mod parallel;
mod plan;
mod profile;
mod shared;
mod shuffle;
mod signal;
mod slot;
mod source;
mod step;
pub(crate) mod strided;
pub(crate) mod tail;
mod value;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use crate::limits::constants_of;
use crate::shapes::{ShapeOptions, open_shape};
use crate::{Error, Graph, Limits, Tensor, ValueInfo, escaped, passes};
use memory::Memory;
pub(crate) use observe::Seen;
use plan::Lowered;
pub use profile::StepTime;
use shared::Shared;
pub(crate) use shuffle::Shuffle;
use slot::Slot;
pub(crate) use source::Observer;
use source::Source;
use step::{Elements, RunInputs, StepContext};
use tail::Tail;
pub(crate) use value::Layout;
use value::Storage;

/// Options of an [`Executor`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// The backend of the eight-bit operators; `None` selects the best one for this CPU.
    pub backend: Option<eightbit::Backend>,
    /// The number of parts into which convolutions and eight-bit operators are split, each a task for the current rayon
    /// pool. More than 1 needs the feature `rayon`. The results do not depend on it.
    pub threads: usize,
    /// Sizes of open dimensions for the first plan, which is made at once; by default a batch of 1. Runs on other sizes
    /// make plans of their own. The limits hold for all plans.
    pub shapes: ShapeOptions,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { backend: None, threads: 1, shapes: ShapeOptions::with_batch(1) }
    }
}

/// The greatest number of threads accepted; each takes scratch memory.
const MAX_THREADS: usize = 1024;

/// Plans kept for different input shapes.
const MAX_PLANS: usize = 4;

/// A graph that is ready to run, float or eight-bit.
///
/// Open dimensions of the graph may differ from run to run: the first run on new shapes makes a plan for them. The four
/// plans used last are kept. They share the packed weights.
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
    /// As the graph declares them; dimensions may be open.
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
    /// What plans are made from; `None` if the graph has no open dimensions and its only plan exists.
    source: Option<Source>,
    /// Most recently used first.
    plans: Vec<Plan>,
    /// What follows the plans, if there are sizes that are known only when the graph runs.
    tail: Option<Tail>,
    /// Bytes that count towards the limits and are not the executor's.
    held: u64,
    /// The memory of the outputs of the running step.
    taken: Vec<Slot>,
    /// The position of each input of the graph, by its name.
    positions: HashMap<String, usize>,
    /// For each input of the graph, its position among the arguments of the call.
    order: Vec<usize>,
}

/// A plan for inputs of fixed shapes, with its memory.
#[derive(Debug)]
struct Plan {
    lowered: Lowered,
    memory: Memory,
    /// The number of steps after which each result is complete.
    completions: Vec<usize>,
}

impl Source {
    /// Makes the plan for `shapes` beside `held` bytes and the plans `kept`, of which those that leave it too little memory
    /// are dropped.
    fn plan(&self, shapes: &ShapeOptions, held: u64, kept: &mut Vec<Plan>) -> Result<Plan, Error> {
        let inferred = lower::infer(self, shapes)?;
        let constants = Cow::Borrowed(&self.graph.constants);
        let lowered = lower::lower(self, constants, inferred, &shapes.limits, held)?;
        Plan::place(lowered, &shapes.limits, held, kept)
    }

    /// The only plan, for the shapes of the options. What it does not need is dropped before its values get memory.
    fn only_plan(mut self, held: u64) -> Result<Plan, Error> {
        let inferred = lower::infer(&self, &self.shapes)?;
        let constants = Cow::Owned(std::mem::take(&mut self.graph.constants));
        let lowered = lower::lower(&self, constants, inferred, &self.shapes.limits, held)?;
        let limits = self.shapes.limits.clone();
        drop(self);
        Plan::place(lowered, &limits, held, &mut Vec::new())
    }
}

impl Plan {
    /// Gives the values of `lowered` memory beside `held` bytes and the plans `kept`, of which those that leave it too little are
    /// dropped.
    fn place(mut lowered: Lowered, limits: &Limits, held: u64, kept: &mut Vec<Self>) -> Result<Self, Error> {
        let completions = lowered.completions();
        loop {
            let others: u64 = kept.iter().map(|plan| plan.memory.bytes() as u64).sum();
            match Memory::plan(&mut lowered, limits, held.saturating_add(others)) {
                Err(Error::OverLimit { .. }) if kept.pop().is_some() => {}
                memory => return Ok(Self { memory: memory?, lowered, completions }),
            }
        }
    }
}

impl Executor {
    /// Prepares `graph`: everything that does not depend on the elements of the inputs is done here, for the input shapes in
    /// `options`. Where these leave a dimension open, or a batch does not fit, the first run makes the first plan.
    ///
    /// # Errors
    ///
    /// Shapes that do not fit, operators that are not implemented, a backend that this CPU cannot run, a model that takes
    /// more than its limits.
    pub fn new(graph: &Graph, options: &ExecutorOptions) -> Result<Self, Error> {
        Self::beside(Cow::Borrowed(graph), options, 0, None)
    }

    /// As [`new`](Self::new), while `held` bytes of the limits are taken by others.
    pub(crate) fn while_held(graph: &Graph, options: &ExecutorOptions, held: u64) -> Result<Self, Error> {
        Self::beside(Cow::Borrowed(graph), options, held, None)
    }

    /// As [`while_held`](Self::while_held). The constants of a graph that is owned are dropped as soon as nothing needs them.
    fn beside(
        graph: Cow<'_, Graph>,
        options: &ExecutorOptions,
        held: u64,
        observer: Option<Observer>,
    ) -> Result<Self, Error> {
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
                format!("must be 1, or 2 to {MAX_THREADS} with the feature rayon; is {}", options.threads),
            ));
        }
        let callers = if let Cow::Borrowed(graph) = graph { Some(graph) } else { None };
        let folded = passes::fold_batch_norms(passes::cancel_transposes(graph.into_owned())?)?;
        let fused = passes::fuse_dynamic(passes::fuse_quantized(&passes::fold_scales(folded)?)?)?;
        // What is observed has a place in the plan.
        let (fused, tail) = if observer.is_some() {
            (tail::without(fused)?, None)
        } else {
            Tail::split(fused, &options.shapes.limits)?
        };
        let constant_bytes = constants_of(callers.into_iter().chain([&fused]));
        let is_open = fused.inputs.iter().any(|input| input.shape.contains(&None));
        let (inputs, outputs) = (fused.inputs.clone(), fused.outputs.clone());
        let source = Source {
            graph: fused,
            backend,
            threads: options.threads,
            shapes: options.shapes.clone(),
            shared: Shared::default(),
            constant_bytes,
            observer,
            has_tail: tail.is_some(),
        };
        let is_guess = is_open && source.shapes.inputs.is_empty();
        let mut plans = Vec::with_capacity(MAX_PLANS);
        let (plan, source) = if is_open {
            (source.plan(&source.shapes, held, &mut plans), Some(source))
        } else {
            (source.only_plan(held), None)
        };
        match plan {
            Ok(plan) => plans.push(plan),
            Err(Error::UnknownDimension { .. }) => {}
            // The default batch of 1 is a guess: a node or an output may need another.
            Err(Error::InvalidNode { .. } | Error::InvalidValue { .. }) if is_guess => {}
            Err(error) => return Err(error),
        }
        let positions = inputs.iter().enumerate().map(|(at, info)| (info.name.clone(), at)).collect();
        let (taken, order) = (Vec::new(), Vec::new());
        Ok(Self { inputs, outputs, source, plans, tail, held, taken, positions, order })
    }

    /// The inputs with the shapes of the last run; before the first run, with the sizes of [`ExecutorOptions::shapes`], and
    /// with open dimensions where these leave them open.
    pub fn inputs(&self) -> &[ValueInfo] {
        self.plans.first().map_or(&self.inputs, |plan| &plan.lowered.inputs)
    }

    /// The outputs for inputs of the shapes that [`inputs`](Self::inputs) returns; as the graph declares them if there are some
    /// whose sizes are known only after a run.
    pub fn outputs(&self) -> &[ValueInfo] {
        if let Some(tail) = &self.tail {
            return tail.outputs();
        }
        self.plans.first().map_or(&self.outputs, |plan| &plan.lowered.outputs)
    }

    /// Bytes of the intermediate values of all plans.
    pub fn memory_bytes(&self) -> usize {
        self.plans.iter().map(|plan| plan.memory.bytes()).sum()
    }

    /// Runs the graph. Inputs are passed by name, in any order; the outputs are in the graph's order.
    ///
    /// # Errors
    ///
    /// An input that is missing, unknown, or of another type or shape than the graph declares. On new shapes, every error of
    /// [`new`](Self::new).
    pub fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
        self.prepare(inputs)?;
        let mut outputs = self.blank_outputs()?;
        self.run_prepared(inputs, &mut outputs)?;
        match &mut self.tail {
            None => Ok(outputs),
            Some(tail) => tail.run(&outputs, |_| ()),
        }
    }

    /// Memory for what the first plan computes.
    fn blank_outputs(&self) -> Result<Vec<Tensor>, Error> {
        let Lowered { values, results, .. } = &self.plans[0].lowered;
        let blank = |&id: &usize| Tensor::zeros(values[id].shape.as_slice(), values[id].data_type);
        results.iter().map(blank).collect()
    }

    /// As [`run`](Self::run), into existing tensors, such as those of an earlier run. Allocates nothing if an earlier run had
    /// the same shapes and no step falls back on [`ops::evaluate`](crate::ops::evaluate) or multiplies two activations.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), if the size of an output is known only when the graph runs, and if `outputs` differ in number, type or shape from [`outputs`](Self::outputs).
    pub fn run_into(&mut self, inputs: &[(&str, &Tensor)], outputs: &mut [Tensor]) -> Result<(), Error> {
        self.prepare(inputs)?;
        if self.tail.is_some() {
            return Err(Error::argument(
                "outputs",
                "have sizes that are known only when the graph runs: call run",
            ));
        }
        self.check_outputs(outputs)?;
        self.run_prepared(inputs, outputs)
    }

    fn run_prepared(&mut self, inputs: &[(&str, &Tensor)], outputs: &mut [Tensor]) -> Result<(), Error> {
        self.walk(inputs, |_| ())?;
        self.copy_outputs(inputs, outputs)
    }

    /// Copies what the first plan has computed.
    fn copy_outputs(&self, inputs: &[(&str, &Tensor)], outputs: &mut [Tensor]) -> Result<(), Error> {
        let Plan { lowered: Lowered { values, constants, results, .. }, memory, .. } = &self.plans[0];
        let inputs = RunInputs { tensors: inputs, order: &self.order };
        let elements = Elements { constants, inputs, slots: &memory.slots };
        results.iter().zip(outputs).try_for_each(|(&id, output)| elements.copy(&values[id], output))
    }

    /// Finds the inputs, and moves the plan for their shapes to the front.
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
        // A graph without open dimensions has one plan, which all accepted inputs fit.
        let Some(source) = &self.source else { return Err(Error::argument("inputs", "fit no plan")) };
        let shape = |(info, &at): (&ValueInfo, &usize)| (info.name.clone(), inputs[at].1.shape().to_vec());
        let shapes = ShapeOptions {
            batch: None,
            inputs: self.inputs.iter().zip(order).map(shape).collect(),
            limits: source.shapes.limits.clone(),
        };
        self.plans.truncate(MAX_PLANS - 1);
        let plan = source.plan(&shapes, self.held, &mut self.plans)?;
        self.plans.insert(0, plan);
        Ok(())
    }

    /// Runs all steps of the first plan, and calls `after` with the index of each step when it ends.
    fn walk(&mut self, inputs: &[(&str, &Tensor)], mut after: impl FnMut(usize)) -> Result<(), Error> {
        for index in 0..self.plans[0].lowered.steps.len() {
            self.step(inputs, index)?;
            after(index);
        }
        Ok(())
    }

    /// Runs one step of the first plan.
    fn step(&mut self, inputs: &[(&str, &Tensor)], index: usize) -> Result<(), Error> {
        let Plan { lowered: Lowered { values, constants, steps, .. }, memory, .. } = &mut self.plans[0];
        let step = &mut steps[index];
        // Takes the memory of the outputs out of the slots while the step runs, because the step reads other slots.
        let slots = &mut memory.slots;
        self.taken.clear();
        for &output in &step.links.outputs {
            if let Storage::Slot(slot) = values[output].storage {
                self.taken.push(std::mem::take(&mut slots[slot]));
            }
        }
        let mut context = StepContext {
            links: &step.links,
            values,
            elements: Elements {
                constants,
                inputs: RunInputs { tensors: inputs, order: &self.order },
                slots,
            },
            outputs: &mut self.taken,
        };
        let result = step.kernel.run(&mut context);
        for (&output, data) in step.links.outputs.iter().zip(self.taken.drain(..)) {
            if let Storage::Slot(slot) = values[output].storage {
                memory.slots[slot] = data;
            }
        }
        result
    }

    /// Describes the plan used last, one line per step: its nodes, its kernel, and the reason where the kernel is not the
    /// obvious one. Empty before there is a plan.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let Some(Plan { lowered, memory, .. }) = self.plans.first() else { return text };
        for (index, step) in lowered.steps.iter().enumerate() {
            let _ =
                writeln!(text, "{index:>4}  {:<40} {}", escaped(&step.links.name), step.kernel.describe());
        }
        if let Some(tail) = &self.tail {
            tail.describe(&mut text);
        }
        let _ = writeln!(text, "memory: {} bytes in {} buffers", memory.bytes(), memory.slots.len());
        text
    }

    /// Finds the graph's inputs among the arguments of a call.
    fn find(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        self.order.clear();
        self.order.resize(self.inputs.len(), usize::MAX);
        // Of several with one name the first counts.
        for (at, (name, _)) in inputs.iter().enumerate().rev() {
            let position = self.positions.get(*name).and_then(|&position| self.order.get_mut(position));
            *position.ok_or_else(|| Error::value(*name, "is not an input of the graph"))? = at;
        }
        for (info, &at) in self.inputs.iter().zip(&self.order) {
            let Some((_, tensor)) = inputs.get(at) else {
                return Err(Error::value(&info.name, "is an input, but the call does not pass it"));
            };
            check_type(info, tensor)?;
        }
        Ok(())
    }

    fn check_outputs(&self, outputs: &[Tensor]) -> Result<(), Error> {
        let infos = self.outputs();
        if outputs.len() != infos.len() {
            let reason = format!("must be {}, are {}", infos.len(), outputs.len());
            return Err(Error::argument("outputs", reason));
        }
        infos.iter().zip(outputs).try_for_each(|(info, output)| check_type(info, output))
    }
}

/// An error unless `tensor` has the type of `info` and a shape that fits it.
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

/// Whether `tensor` has the fixed dimensions of `info`.
fn has_shape(info: &ValueInfo, tensor: &Tensor) -> bool {
    let (dims, shape) = (&info.shape, tensor.shape());
    dims.len() == shape.len() && dims.iter().zip(shape).all(|(dim, size)| dim.is_none_or(|dim| dim == *size))
}
