//! What users call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::lower;
use super::options::{ExecutorOptions, RunOptions};
use super::plan::Lowered;
use super::plans::Plans;
use super::run::{Results, Run, check_type, has_shape};
use super::shared::Shared;
use super::source::{Observer, Source};
use super::stash::Stash;
use super::state::Plan;
use super::step::Given;
use super::tail::{self, Tail};
use crate::limits::constants_of;
use crate::shapes::ShapeOptions;
use crate::{AsTensor, AsTensorMut, Error, Graph, Tensor, ValueInfo, escaped};

/// A graph that is ready to run, float or eight-bit.
///
/// A clone is another handle to the same plans and weights. Any threads can run it at the same time, without waiting for each other: a
/// run has memory of its own, which later runs use again.
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
/// let executor = Executor::new(&graph, &ExecutorOptions::default())?;
/// let outputs = executor.run(&[("x", &Tensor::vector([-1.0f32, 0.5, 2.0]))])?;
/// assert_eq!(outputs, [Tensor::vector([0.0f32, 0.5, 2.0])]);
/// std::thread::scope(|scope| {
///     for size in 1..4 {
///         let executor = &executor;
///         scope.spawn(move || {
///             let x = Tensor::vector(vec![-1.0f32; size]);
///             assert_eq!(executor.run(&[("x", &x)]).unwrap(), [Tensor::vector(vec![0.0f32; size])]);
///         });
///     }
/// });
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Executor(pub(super) Arc<Prepared>);

/// What the clones of an executor share.
#[derive(Debug)]
pub(super) struct Prepared {
    /// As the graph declares them; dimensions may be open.
    inputs: Vec<ValueInfo>,
    /// For the sizes of the options.
    first: [Vec<ValueInfo>; 2],
    /// What plans are made from, one at a time; `None` if the graph has no open dimensions and its only plan exists.
    source: Option<Mutex<Source>>,
    pub(super) plans: Plans,
    /// What follows the plans, if there are sizes that are known only when the graph runs.
    pub(super) tail: Option<Tail>,
    /// The position of each input of the graph, by its name.
    positions: HashMap<String, usize>,
    /// Memory for the order of a call's arguments.
    pub(super) orders: Stash<Vec<usize>>,
}

impl Source {
    /// The plan for `shapes` beside `held` bytes.
    fn lowered(&self, shapes: &ShapeOptions, held: u64) -> Result<Lowered, Error> {
        let inferred = lower::infer(self, shapes)?;
        lower::lower(self, Cow::Borrowed(&self.graph.constants), inferred, &shapes.limits, held)
    }

    /// The only plan, for the shapes of the options. What it does not need is dropped.
    fn only_lowered(mut self, held: u64) -> Result<Lowered, Error> {
        let inferred = lower::infer(&self, &self.shapes)?;
        let constants = Cow::Owned(std::mem::take(&mut self.graph.constants));
        lower::lower(&self, constants, inferred, &self.shapes.limits, held)
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
    pub(super) fn beside(
        graph: Cow<'_, Graph>,
        options: &ExecutorOptions,
        held: u64,
        observer: Option<Observer>,
    ) -> Result<Self, Error> {
        graph.validate()?;
        let (backend, workers) = (options.backend()?, options.workers()?);
        let callers = if let Cow::Borrowed(graph) = graph { Some(graph) } else { None };
        let fused = lower::simplified(graph.into_owned())?;
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
            workers,
            shapes: options.shapes.clone(),
            shared: Shared::default(),
            constant_bytes,
            observer,
            has_tail: tail.is_some(),
        };
        let is_guess = is_open && source.shapes.inputs.is_empty();
        let plans = Plans::new(options.shapes.limits.clone(), held);
        let (lowered, source) = if is_open {
            (source.lowered(&source.shapes, held), Some(Mutex::new(source)))
        } else {
            (source.only_lowered(held), None)
        };
        let first = match lowered.and_then(|lowered| plans.add(lowered)) {
            Ok(plan) => [plan.lowered.inputs.clone(), plan.lowered.outputs.clone()],
            Err(Error::UnknownDimension { .. }) => [inputs.clone(), outputs],
            // The default batch of 1 is a guess: a node or an output may need another.
            Err(Error::InvalidNode { .. } | Error::InvalidValue { .. }) if is_guess => {
                [inputs.clone(), outputs]
            }
            Err(error) => return Err(error),
        };
        let positions = inputs.iter().enumerate().map(|(at, info)| (info.name.clone(), at)).collect();
        let orders = Stash::default();
        Ok(Self(Arc::new(Prepared { inputs, first, source, plans, tail, positions, orders })))
    }

    /// The inputs, with the sizes of [`ExecutorOptions::shapes`], and with open dimensions where these leave them open.
    pub fn inputs(&self) -> &[ValueInfo] {
        &self.0.first[0]
    }

    /// The outputs for inputs of the shapes that [`inputs`](Self::inputs) returns; as the graph declares them if there are some
    /// whose sizes are known only after a run.
    pub fn outputs(&self) -> &[ValueInfo] {
        match &self.0.tail {
            Some(tail) => tail.outputs(),
            None => &self.0.first[1],
        }
    }

    /// The outputs for inputs of the types and shapes of these, whatever their elements; as the graph declares them if there are some
    /// whose sizes are known only after a run. Makes the plan for the first run.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn outputs_for<V: AsTensor>(&self, inputs: &[(&str, V)]) -> Result<Vec<ValueInfo>, Error> {
        let run = Run::new(&self.0, &inputs)?;
        let outputs = self.0.tail.as_ref().map_or(&run.plan().lowered.outputs[..], Tail::outputs);
        Ok(outputs.to_vec())
    }

    /// Bytes of the intermediate values of all plans, as often as there were runs of a plan at the same time.
    pub fn memory_bytes(&self) -> usize {
        usize::try_from(self.0.plans.memory_bytes()).unwrap_or(usize::MAX)
    }

    /// Runs the graph. Inputs are passed by name, in any order: tensors, or [views](crate::TensorView) of the caller's memory. The outputs
    /// are in the graph's order.
    ///
    /// # Errors
    ///
    /// An input that is missing, unknown, or of another type or shape than the graph declares. On new shapes, every error of
    /// [`new`](Self::new).
    pub fn run<V: AsTensor>(&self, inputs: &[(&str, V)]) -> Result<Vec<Tensor>, Error> {
        self.run_with(inputs, &RunOptions::default())
    }

    /// As [`run`](Self::run), with options.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and [`Error::Cancelled`].
    pub fn run_with<V: AsTensor>(
        &self,
        inputs: &[(&str, V)],
        options: &RunOptions<'_>,
    ) -> Result<Vec<Tensor>, Error> {
        self.0.run(&inputs, options)
    }

    /// As [`run`](Self::run), into existing memory: tensors, such as those of an earlier run, or [views](crate::TensorViewMut).
    /// Allocates nothing if an earlier run had the same shapes and no step falls back on [`ops::evaluate`](crate::ops::evaluate) or
    /// multiplies two activations.
    ///
    /// ```
    /// # use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, TensorView, TensorViewMut, ValueInfo};
    /// # let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![None, Some(2)] };
    /// # let graph = Graph {
    /// #     inputs: vec![value("x")],
    /// #     outputs: vec![value("y")],
    /// #     nodes: vec![Node::new("relu", "Relu", &["x"], &["y"])],
    /// #     ..Graph::default()
    /// # };
    /// let executor = Executor::new(&graph, &ExecutorOptions::default())?;
    /// let (x, mut y) = ([-1.0f32, 1.0, 2.0, -2.0], [f32::NAN; 4]);
    /// let x = TensorView::new(&[2, 2], &x)?;
    /// executor.run_into(&[("x", x)], &mut [TensorViewMut::new(&[2, 2], &mut y)?])?;
    /// assert_eq!(y, [0.0, 1.0, 2.0, 0.0]);
    /// # Ok::<(), eightbit_graph::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), if the size of an output is known only when the graph runs, and if `outputs` differ in number, type or
    /// shape from [those of the graph](Self::outputs_for).
    pub fn run_into<V: AsTensor, O: AsTensorMut>(
        &self,
        inputs: &[(&str, V)],
        outputs: &mut [O],
    ) -> Result<(), Error> {
        self.run_into_with(inputs, outputs, &RunOptions::default())
    }

    /// As [`run_into`](Self::run_into), with options.
    ///
    /// # Errors
    ///
    /// As [`run_into`](Self::run_into), and [`Error::Cancelled`], which leaves the outputs as they were.
    pub fn run_into_with<V: AsTensor, O: AsTensorMut>(
        &self,
        inputs: &[(&str, V)],
        mut outputs: &mut [O],
        options: &RunOptions<'_>,
    ) -> Result<(), Error> {
        self.0.run_into(&inputs, &mut outputs, options)
    }

    /// Describes the plan used last, one line per step: its nodes, its kernel, and the reason where the kernel is not the
    /// obvious one. Empty before there is a plan.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let Some(plan) = self.0.plans.last() else { return text };
        for (index, step) in plan.lowered.steps.iter().enumerate() {
            let _ =
                writeln!(text, "{index:>4}  {:<40} {}", escaped(&step.links.name), step.kernel.describe());
        }
        if let Some(tail) = &self.0.tail {
            tail.describe(&mut text);
        }
        let places = &plan.places;
        let _ = writeln!(text, "memory: {} bytes in {} buffers", places.bytes(), places.count());
        text
    }
}

impl Prepared {
    fn run(&self, given: &dyn Given, options: &RunOptions<'_>) -> Result<Vec<Tensor>, Error> {
        let mut run = Run::new(self, given)?;
        run.walk(options, |_| ())?;
        let outputs = run.outputs()?;
        drop(run);
        match &self.tail {
            None => Ok(outputs),
            Some(tail) => tail.run(&outputs, |_| options.check()),
        }
    }

    fn run_into(
        &self,
        given: &dyn Given,
        outputs: &mut dyn Results,
        options: &RunOptions<'_>,
    ) -> Result<(), Error> {
        let mut run = Run::new(self, given)?;
        if self.tail.is_some() {
            return Err(Error::argument(
                "outputs",
                "have sizes that are known only when the graph runs: call run",
            ));
        }
        run.check_outputs(outputs)?;
        run.walk(options, |_| ())?;
        run.copy_outputs(outputs)
    }

    /// For each input of the graph its position among the arguments of a call, and a plan for their shapes.
    pub(super) fn plan(&self, given: &dyn Given) -> Result<(Vec<usize>, Arc<Plan>), Error> {
        let order = self.find(given, self.orders.take().unwrap_or_default())?;
        let fits = |plan: &Plan| {
            let mut each = plan.lowered.inputs.iter().zip(&order);
            each.all(|(info, &at)| has_shape(info, given.tensor(at).shape()))
        };
        if let Some(plan) = self.plans.find(fits) {
            return Ok((order, plan));
        }
        // A graph without open dimensions has one plan, which all accepted inputs fit.
        let Some(source) = &self.source else { return Err(Error::argument("inputs", "fit no plan")) };
        let source = source.lock().unwrap_or_else(PoisonError::into_inner);
        // Another run may have made it meanwhile.
        if let Some(plan) = self.plans.find(fits) {
            return Ok((order, plan));
        }
        let shape =
            |(info, &at): (&ValueInfo, &usize)| (info.name.clone(), given.tensor(at).shape().to_vec());
        let shapes = ShapeOptions {
            batch: None,
            inputs: self.inputs.iter().zip(&order).map(shape).collect(),
            limits: source.shapes.limits.clone(),
        };
        self.plans.make_room();
        let plan = self.plans.add(source.lowered(&shapes, self.plans.held())?)?;
        Ok((order, plan))
    }

    /// Finds the graph's inputs among the arguments of a call.
    fn find(&self, given: &dyn Given, mut order: Vec<usize>) -> Result<Vec<usize>, Error> {
        order.clear();
        order.resize(self.inputs.len(), usize::MAX);
        // Of several with one name the first counts.
        for at in (0..given.count()).rev() {
            let name = given.name(at);
            let position = self.positions.get(name).and_then(|&position| order.get_mut(position));
            *position.ok_or_else(|| Error::value(name, "is not an input of the graph"))? = at;
        }
        for (info, &at) in self.inputs.iter().zip(&order) {
            if at >= given.count() {
                return Err(Error::value(&info.name, "is an input, but the call does not pass it"));
            }
            let tensor = given.tensor(at);
            check_type(info, tensor.data_type(), tensor.shape())?;
        }
        Ok(order)
    }
}
