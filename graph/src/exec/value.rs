//! Values of the plan and their storage.

use std::collections::HashMap;

use crate::DataType;

/// The order of a value's elements in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// ONNX's order: the last axis varies fastest. Images are NCHW.
    Plain,
    /// Images as NHWC: channels innermost.
    ChannelsLast,
}

/// Where a value's elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Storage {
    /// In the caller's tensor.
    Input(usize),
    /// In a constant.
    Constant(usize),
    /// In a buffer of the plan that is not mapped to memory yet.
    Buffer(usize),
    /// In the executor's memory.
    Slot(usize),
}

/// A value of the plan: a tensor in one layout. Two values may share their storage.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) storage: Storage,
    pub(crate) data_type: DataType,
    /// The shape as ONNX defines it, whatever the layout.
    pub(crate) shape: Vec<usize>,
    pub(crate) len: usize,
    /// The columns that the elements occupy, if other elements lie between them. Such values are only written.
    pub(crate) slice: Option<ColumnSlice>,
}

/// Consecutive columns of a matrix: the part of a concatenation's output that one input fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnSlice {
    /// The first column.
    pub(crate) first: usize,
    /// The number of columns.
    pub(crate) columns: usize,
    /// Columns of the whole matrix, the distance between rows.
    pub(crate) stride: usize,
}

/// Column slices of a node's output, by the name of the input that fills them; `None` for inputs that fill none.
pub(crate) type ColumnSlices<'g> = HashMap<&'g str, Option<ColumnSlice>>;
