//! Dynamic quantization: scales and zero points that are found when the data arrive.
//!
//! [`QuantizeRows`] quantizes the rows of an `f32` matrix, or blocks of them, each over its own range; [`Linear`] multiplies such rows
//! with packed weights, from `f32` to `f32`, and [`GroupwiseLinear`] with weights that have a scale for each group of depths. Plans do
//! not change: what a row needs is an argument of the call, so any number of threads can share a plan.
//!
//! Both factors of a product may be activations. The second is packed when it comes:
//!
//! | factor | memory | for |
//! |---|---|---|
//! | [`GrowingColumns`] | its own, kept from call to call | the keys of an attention: every token adds a column |
//! | [`GrowingRows`] | its own, kept from call to call | the values: every token adds a row |
//! | [`PackedMatrix`] | the caller's | a matrix that many rows are multiplied with |
//! | [`BatchedGemm`] | that of a workspace | all heads in one call, in any strides |
//! | [`StagedGemm`] | that of a workspace | the same with scales that are known beforehand: requantized, or raw sums |
//!
//! # Numerics
//!
//! Every operation on `f32` is rounded on its own, to nearest, ties to even. Of a row or block with numbers from `low` to `high`,
//! both widened to hold 0, and with `lowest` the lowest code of the type (0 or −128):
//!
//! | [`Spread`] | scale | zero point | codes |
//! |---|---|---|---|
//! | [`Range`](Spread::Range) | `(high − low) / 255` | `rne(clamp(0 − low / scale, 0, 255)) + lowest` | all |
//! | [`Magnitude`](Spread::Magnitude) | `max(high, −low) / 127` | `lowest + 128` | all but the lowest |
//!
//! A scale of 0 becomes 1. Codes are `rne(clamp(x / scale))` plus the zero point, as those of [`Quantize`](crate::elementwise::Quantize).
//! `Range` to `u8` is ONNX's DynamicQuantizeLinear. Numbers that are not finite, and ranges wider than any float, are errors that
//! name the row.

mod batch;
mod batch_call;
mod batched;
mod buffer;
mod columns;
mod depths;
mod groupwise;
mod linear;
mod matrix;
mod product;
mod quantize;
mod rows;
mod staged;

pub use batch::{BatchMut, BatchRef, QuantizedBatch, UniformBatch};
pub use batch_call::{BatchCall, BatchTasks, FillBatch};
pub use batched::BatchedGemm;
pub(crate) use batched::Factors;
pub use buffer::QuantizedRows;
pub use columns::GrowingColumns;
pub use depths::GrowingRows;
pub use eightbit_kernels::elementwise::Spread;
pub use groupwise::{GroupwiseLinear, GroupwiseWeights, WeightGroups};
pub use linear::Linear;
pub use matrix::PackedMatrix;
pub use quantize::{QuantizeRows, RowsCall, RowsTasks};
pub use rows::{Rows, RowsMut};
pub use staged::StagedGemm;
