//! What a step is, and what it sees when it runs.

use std::fmt::Debug;

use super::memory::{Place, Value};
use crate::{DataType, Element, Error, Tensor, TensorData};

/// The work of a step. Everything that can be decided beforehand was decided when it was made.
pub(super) trait Kernel: Debug + Send + Sync {
    /// Reads the inputs and fills the outputs.
    fn run(&mut self, io: &mut Io<'_>) -> Result<(), Error>;

    /// What it does, for people.
    fn describe(&self) -> String;
}

/// One step of the plan.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) links: Links,
    pub(super) kernel: Box<dyn Kernel>,
}

/// Which values a step reads and writes.
#[derive(Debug)]
pub(super) struct Links {
    /// The node's name, and those of the nodes fused with it.
    pub(super) name: String,
    /// The node's operator.
    pub(super) op: String,
    /// Values read; `None` is an optional input left out.
    pub(super) inputs: Vec<Option<usize>>,
    /// Values written.
    pub(super) outputs: Vec<usize>,
}

/// A step's view of memory.
pub(super) struct Io<'a> {
    pub(super) links: &'a Links,
    pub(super) values: &'a [Value],
    pub(super) constants: &'a [Tensor],
    pub(super) given: &'a [&'a Tensor],
    pub(super) slots: &'a [TensorData],
    pub(super) outputs: &'a mut Vec<TensorData>,
}

impl<'a> Io<'a> {
    fn value(&self, index: usize) -> Result<&'a Value, Error> {
        let id = self.links.inputs.get(index).copied().flatten();
        id.map(|id| &self.values[id]).ok_or_else(|| self.error(format!("input {index} is missing")))
    }

    /// The elements of input `index`, in the layout that the step was planned for.
    pub(super) fn input<T: Element>(&self, index: usize) -> Result<&'a [T], Error> {
        let value = self.value(index)?;
        let data = match value.place {
            Place::Input(input) => self.given[input].data(),
            Place::Constant(constant) => self.constants[constant].data(),
            Place::Buffer(slot) | Place::Slot(slot) => &self.slots[slot],
        };
        T::slice(data)
            .and_then(|elements| elements.get(..value.len))
            .ok_or_else(|| self.wrong_type(T::DATA_TYPE, data.data_type()))
    }

    /// The element type of input `index`.
    pub(super) fn input_type(&self, index: usize) -> Result<DataType, Error> {
        Ok(self.value(index)?.data_type)
    }

    /// The memory of output `index`.
    pub(super) fn output<T: Element>(&mut self, index: usize) -> Result<&mut [T], Error> {
        let len = self.values[self.links.outputs[index]].len;
        let found = self.outputs[index].data_type();
        let error = self.wrong_type(T::DATA_TYPE, found);
        T::slice_mut(&mut self.outputs[index]).and_then(|elements| elements.get_mut(..len)).ok_or(error)
    }

    /// The element type of output `index`.
    pub(super) fn output_type(&self, index: usize) -> DataType {
        self.values[self.links.outputs[index]].data_type
    }

    /// Copies of the inputs, as operators by their plain meaning want them.
    pub(super) fn tensors(&self) -> Result<Vec<Option<Tensor>>, Error> {
        let read = |id: usize| tensor(&self.values[id], self.constants, self.given, self.slots);
        self.links.inputs.iter().map(|id| id.map(read).transpose()).collect()
    }

    /// Stores `tensor` as output `index`.
    pub(super) fn store(&mut self, index: usize, tensor: &Tensor) -> Result<(), Error> {
        fn copy<T: Element>(io: &mut Io<'_>, index: usize, from: &[T]) -> Result<(), Error> {
            let to = io.output::<T>(index)?;
            if to.len() == from.len() {
                to.copy_from_slice(from);
                return Ok(());
            }
            let (expected, found) = (to.len(), from.len());
            Err(io.error(format!("made {found} elements where {expected} were planned")))
        }
        match tensor.data() {
            TensorData::F32(x) => copy(self, index, x),
            TensorData::F64(x) => copy(self, index, x),
            TensorData::U8(x) => copy(self, index, x),
            TensorData::I8(x) => copy(self, index, x),
            TensorData::I32(x) => copy(self, index, x),
            TensorData::I64(x) => copy(self, index, x),
            TensorData::Bool(x) => copy(self, index, x),
        }
    }

    /// An error about the step's node.
    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::InvalidNode { node: self.links.name.clone(), op: self.links.op.clone(), reason: reason.into() }
    }

    fn wrong_type(&self, expected: DataType, found: DataType) -> Error {
        Error::WrongType { expected, found }
    }
}

/// A copy of a value as a tensor of its shape.
pub(super) fn tensor(
    value: &Value,
    constants: &[Tensor],
    given: &[&Tensor],
    slots: &[TensorData],
) -> Result<Tensor, Error> {
    let data = match value.place {
        Place::Input(input) => given[input].data(),
        Place::Constant(constant) => constants[constant].data(),
        Place::Buffer(slot) | Place::Slot(slot) => &slots[slot],
    };
    macro_rules! cut {
        ($x:expr) => {
            Tensor::new(value.shape.as_slice(), $x[..value.len].to_vec())
        };
    }
    match data {
        TensorData::F32(x) => cut!(x),
        TensorData::F64(x) => cut!(x),
        TensorData::U8(x) => cut!(x),
        TensorData::I8(x) => cut!(x),
        TensorData::I32(x) => cut!(x),
        TensorData::I64(x) => cut!(x),
        TensorData::Bool(x) => cut!(x),
    }
}
