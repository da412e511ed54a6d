//! Steps of a plan, and their access to memory.

use std::fmt::{self, Debug};

use eightbit::{MatMut, OutputElement};

use super::by_type::by_type;
use super::scratch::Scratch;
use super::slot::Slot;
use super::value::{Storage, Value};
use crate::tensor::with_elements;
use crate::{AsTensor, DataType, Element, Error, Tensor, TensorView, TensorViewMut};

/// The computation of a step. Everything that does not depend on elements is decided when it is built. Runs that are under way at the
/// same time share it.
pub(crate) trait StepKernel: Debug + Send + Sync {
    /// Reads the inputs and fills the outputs, with memory that it finds again in a later run.
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error>;

    /// What kind of computation it is.
    fn kind(&self) -> StepKind;

    /// A human-readable description.
    fn describe(&self) -> String;
}

/// What computes a step of an [`Executor`](crate::Executor).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// An eight-bit kernel, or a conversion between floats and bytes.
    EightBit,
    /// A table of a function of one byte.
    Table,
    /// A float kernel.
    Float,
    /// Elements are copied: reordered, joined, selected.
    Copy,
    /// The plain loops of [`ops::evaluate`](crate::ops::evaluate), which are slow.
    Plain,
}

/// As users read it.
impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::EightBit => "eight-bit",
            Self::Table => "table",
            Self::Float => "float",
            Self::Copy => "copy",
            Self::Plain => "plain loops",
        })
    }
}

/// One step of the plan.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) links: Links,
    pub(crate) kernel: Box<dyn StepKernel>,
}

/// Which values a step reads and writes.
#[derive(Debug)]
pub(crate) struct Links {
    /// The node's name, and those of the nodes fused with it.
    pub(crate) name: String,
    /// The node's operator.
    pub(crate) op: String,
    /// Values read; `None` is an optional input left out.
    pub(crate) inputs: Vec<Option<usize>>,
    /// Values written.
    pub(crate) outputs: Vec<usize>,
    /// The name of the first of them in the graph; empty if it has none.
    pub(crate) written: String,
    /// The products that the step adds up.
    pub(crate) macs: u64,
}

impl Links {
    fn error(&self, reason: impl Into<String>) -> Error {
        Error::InvalidNode { node: self.name.clone(), op: self.op.clone(), reason: reason.into() }
    }
}

/// The arguments of a run: inputs by name.
pub(crate) trait Given {
    /// How many there are.
    fn count(&self) -> usize;
    /// The name of one of them.
    fn name(&self, at: usize) -> &str;
    /// The tensor.
    fn tensor(&self, at: usize) -> TensorView<'_>;
}

impl<V: AsTensor> Given for &[(&str, V)] {
    fn count(&self) -> usize {
        self.len()
    }

    fn name(&self, at: usize) -> &str {
        self[at].0
    }

    fn tensor(&self, at: usize) -> TensorView<'_> {
        self[at].1.as_tensor()
    }
}

/// The inputs of a run in the order of the call, and the position of each of the graph's inputs among them.
#[derive(Clone, Copy)]
pub(crate) struct RunInputs<'a> {
    pub(crate) given: &'a dyn Given,
    pub(crate) order: &'a [usize],
}

impl<'a> RunInputs<'a> {
    /// The graph's input `index`.
    pub(crate) fn tensor(&self, index: usize) -> TensorView<'a> {
        self.given.tensor(self.order[index])
    }
}

/// Where the elements of values are.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    pub(crate) constants: &'a [Tensor],
    pub(crate) inputs: RunInputs<'a>,
    pub(crate) slots: &'a [Slot],
}

impl<'a> Elements<'a> {
    /// The elements of a value.
    pub(crate) fn of<T: Element>(&self, value: &Value) -> Result<&'a [T], Error> {
        let elements = match value.storage {
            Storage::Input(input) => self.inputs.tensor(input).values().ok(),
            Storage::Constant(constant) => T::slice(self.constants[constant].data()),
            Storage::Buffer(slot) | Storage::Slot(slot) => self.slots[slot].elements(),
        };
        let wrong = Error::WrongType { expected: T::DATA_TYPE, found: value.data_type };
        elements.and_then(|elements| elements.get(..value.len)).ok_or(wrong)
    }

    /// Copies the elements of a value to a tensor of its type and shape.
    pub(crate) fn copy(&self, value: &Value, to: &mut TensorViewMut<'_>) -> Result<(), Error> {
        fn copy<T: Element>(
            from: &Elements<'_>,
            value: &Value,
            to: &mut TensorViewMut<'_>,
        ) -> Result<(), Error> {
            let (from, to) = (from.of::<T>(value)?, to.values_mut::<T>()?);
            if from.len() != to.len() {
                let reason = format!("has {} elements, {} were computed", to.len(), from.len());
                return Err(Error::tensor(&value.shape, reason));
            }
            to.copy_from_slice(from);
            Ok(())
        }
        by_type!(value.data_type, copy(self, value, to))
    }

    /// A copy of a value as a tensor of its shape.
    pub(crate) fn tensor(&self, value: &Value) -> Result<Tensor, Error> {
        fn tensor<T: Element>(from: &Elements<'_>, value: &Value) -> Result<Tensor, Error> {
            Tensor::new(value.shape.as_slice(), T::wrap(from.of::<T>(value)?.to_vec()))
        }
        by_type!(value.data_type, tensor(self, value))
    }
}

/// What a running step can access: its inputs, constants and outputs.
pub(crate) struct StepContext<'a> {
    pub(crate) links: &'a Links,
    pub(crate) values: &'a [Value],
    pub(crate) elements: Elements<'a>,
    pub(crate) outputs: &'a mut Vec<Slot>,
}

impl<'a> StepContext<'a> {
    /// The elements of input `index`, in the layout that the step was planned for.
    pub(crate) fn input<T: Element>(&self, index: usize) -> Result<&'a [T], Error> {
        let id = self.links.inputs.get(index).copied().flatten();
        let id = id.ok_or_else(|| self.error(format!("input {index} is missing")))?;
        self.elements.of(&self.values[id])
    }

    /// As [`input`](Self::input), of a step that may have fewer inputs.
    pub(crate) fn optional_input<T: Element>(&self, index: usize) -> Result<Option<&'a [T]>, Error> {
        let id = self.links.inputs.get(index).copied().flatten();
        id.map(|id| self.elements.of(&self.values[id])).transpose()
    }

    /// The memory of output `index`, which must be contiguous.
    pub(crate) fn output<T: Element>(&mut self, index: usize) -> Result<&mut [T], Error> {
        let value = &self.values[self.links.outputs[index]];
        if value.slice.is_some() {
            return Err(self.error("was not planned for an output with a row stride"));
        }
        let elements = self.outputs[index].elements_mut().and_then(|elements| elements.get_mut(..value.len));
        elements.ok_or(Error::WrongType { expected: T::DATA_TYPE, found: value.data_type })
    }

    /// Output `index` as a matrix of `columns` columns.
    pub(crate) fn output_matrix<T>(&mut self, index: usize, columns: usize) -> Result<MatMut<'_, T>, Error>
    where
        T: Element + OutputElement,
    {
        let value = &self.values[self.links.outputs[index]];
        let (first, stride) = value.slice.map_or((0, columns), |slice| (slice.first, slice.stride));
        let rows = value.len.checked_div(columns).unwrap_or(0);
        let memory = self.outputs[index].elements_mut().and_then(|elements| elements.get_mut(first..));
        let memory = memory.ok_or(Error::WrongType { expected: T::DATA_TYPE, found: value.data_type })?;
        let links = self.links;
        MatMut::with_row_stride(memory, rows, columns, stride).map_err(|error| links.error(error.to_string()))
    }

    /// The element type of output `index`.
    pub(crate) fn output_type(&self, index: usize) -> DataType {
        self.values[self.links.outputs[index]].data_type
    }

    /// Copies of the inputs, as the plain evaluator takes them.
    pub(crate) fn tensors(&self) -> Result<Vec<Option<Tensor>>, Error> {
        let read = |id: usize| self.elements.tensor(&self.values[id]);
        self.links.inputs.iter().map(|id| id.map(read).transpose()).collect()
    }

    /// Stores `tensor` as output `index`.
    pub(crate) fn store(&mut self, index: usize, tensor: &Tensor) -> Result<(), Error> {
        fn copy<T: Element>(context: &mut StepContext<'_>, index: usize, from: &[T]) -> Result<(), Error> {
            let to = context.output::<T>(index)?;
            if to.len() == from.len() {
                to.copy_from_slice(from);
                return Ok(());
            }
            let (expected, found) = (to.len(), from.len());
            Err(context.error(format!("made {found} elements where {expected} were planned")))
        }
        with_elements!(tensor.data(), elements => copy(self, index, elements))
    }

    /// An error about the step's node.
    pub(crate) fn error(&self, reason: impl Into<String>) -> Error {
        self.links.error(reason)
    }
}
