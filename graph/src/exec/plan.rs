//! The execution plan: steps and the values between them.

use super::step::Step;
use super::value::Value;
use crate::{DataType, Tensor, ValueInfo};

/// The steps and the values between them.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) inputs: Vec<ValueInfo>,
    pub(crate) outputs: Vec<ValueInfo>,
    pub(crate) values: Vec<Value>,
    pub(crate) constants: Vec<Tensor>,
    /// Types and lengths of the buffers that hold values.
    pub(crate) buffers: Vec<(DataType, usize)>,
    pub(crate) steps: Vec<Step>,
    /// The values that are the graph's outputs.
    pub(crate) results: Vec<usize>,
    /// Bytes of the graph's constants and of what is computed from them.
    pub(crate) constant_bytes: u64,
}
