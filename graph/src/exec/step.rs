//! Steps of a plan, and their access to memory.

use std::fmt::Debug;

use eightbit::{MatMut, OutputElement};

use super::by_type::by_type;
use super::slot::Slot;
use super::value::{Storage, Value};
use crate::tensor::with_elements;
use crate::{DataType, Element, Error, Tensor, TensorData};

/// The computation of a step. Everything that does not depend on elements is decided when it is built.
pub(crate) trait StepKernel: Debug + Send + Sync {
    /// Reads the inputs and fills the outputs.
    fn run(&mut self, context: &mut StepContext<'_>) -> Result<(), Error>;

    /// A human-readable description.
    fn describe(&self) -> String;
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

/// The inputs of a run in the order of the call, and the position of each of the graph's inputs among them.
#[derive(Clone, Copy)]
pub(crate) struct RunInputs<'a> {
    pub(crate) tensors: &'a [(&'a str, &'a Tensor)],
    pub(crate) order: &'a [usize],
}

impl<'a> RunInputs<'a> {
    /// The elements of the graph's input `index`.
    fn data(&self, index: usize) -> &'a TensorData {
        self.tensors[self.order[index]].1.data()
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
            Storage::Input(input) => T::slice(self.inputs.data(input)),
            Storage::Constant(constant) => T::slice(self.constants[constant].data()),
            Storage::Buffer(slot) | Storage::Slot(slot) => self.slots[slot].elements(),
        };
        let wrong = Error::WrongType { expected: T::DATA_TYPE, found: value.data_type };
        elements.and_then(|elements| elements.get(..value.len)).ok_or(wrong)
    }

    /// Copies the elements of a value to a tensor of its type and shape.
    pub(crate) fn copy(&self, value: &Value, to: &mut Tensor) -> Result<(), Error> {
        fn copy<T: Element>(from: &Elements<'_>, value: &Value, to: &mut Tensor) -> Result<(), Error> {
            to.values_mut::<T>()?.copy_from_slice(from.of(value)?);
            Ok(())
        }
        by_type!(value.data_type, copy(self, value, to))
    }

    /// A copy of a value as a tensor of its shape.
    fn tensor(&self, value: &Value) -> Result<Tensor, Error> {
        let mut copy = Tensor::zeros(value.shape.as_slice(), value.data_type)?;
        self.copy(value, &mut copy)?;
        Ok(copy)
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
