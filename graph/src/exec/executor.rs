//! What users call.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use super::options::{ExecutorOptions, RunOptions};
use super::prepared::Prepared;
use super::run::Run;
use super::tail::Tail;
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

impl Executor {
    /// Prepares `graph`: everything that does not depend on the elements of the inputs is done here, for the input shapes in
    /// `options`. Where these leave a dimension open, or a batch does not fit, the first run makes the first plan.
    ///
    /// # Errors
    ///
    /// Shapes that do not fit, operators that are not implemented, a backend that this CPU cannot run, a model that takes
    /// more than its limits.
    pub fn new(graph: &Graph, options: &ExecutorOptions) -> Result<Self, Error> {
        Self::while_held(graph, options, 0)
    }

    /// As [`new`](Self::new), while `held` bytes of the limits are taken by others.
    pub(crate) fn while_held(graph: &Graph, options: &ExecutorOptions, held: u64) -> Result<Self, Error> {
        Ok(Self(Arc::new(Prepared::new(Cow::Borrowed(graph), options, held, None)?)))
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
