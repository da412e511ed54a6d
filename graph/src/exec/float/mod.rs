//! Float steps: images are NHWC.

mod conv;
mod elementwise;
mod matmul;
mod pool;

pub(super) use conv::{Convolution, Depthwise};
pub(super) use elementwise::{Binary, Clamp, Elementwise};
pub(super) use matmul::MatMul;
pub(super) use pool::{AveragePool, GlobalAverage, MaxPool};
