//! Values of the plan, and where they are.

use std::collections::HashMap;

use crate::DataType;

/// In which order the elements of a value lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// As ONNX says: the last axis is the fastest. The shape of images is NCHW.
    Plain,
    /// Images with their channels innermost: NHWC.
    ChannelsLast,
}

/// Where the elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the caller's tensor.
    Input(usize),
    /// In a constant.
    Constant(usize),
    /// In a buffer of the plan, before it is mapped to memory.
    Buffer(usize),
    /// In memory of the executor.
    Slot(usize),
}

/// A value of the plan: a tensor in one layout. Two values may share a place.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) place: Place,
    pub(crate) data_type: DataType,
    /// The shape as ONNX says, whatever the layout.
    pub(crate) shape: Vec<usize>,
    pub(crate) len: usize,
    /// Where the elements are in their place, if there are others between them. Such values are only written.
    pub(crate) slice: Option<ColumnSlice>,
}

/// Elements that are some columns of a matrix: a part of the tensor that a concatenation makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnSlice {
    /// The first column.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) columns: usize,
    /// Columns of the whole matrix.
    pub(crate) stride: usize,
}

/// Places in the output of a node, by the name of its inputs; `None` for those that have no place of their own there.
pub(crate) type Places<'g> = HashMap<&'g str, Option<ColumnSlice>>;
