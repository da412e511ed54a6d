//! Float steps: images are NHWC.

pub(crate) mod batch_norm;
pub(crate) mod batched;
mod conv;
pub(crate) mod conv_transpose;
pub(crate) mod curve;
mod depthwise;
mod elementwise;
pub(crate) mod extreme;
pub(crate) mod fixed_point;
mod lines;
pub(crate) mod lower;
pub(crate) mod mapped;
mod matmul;
pub(crate) mod normalize;
mod patches;
mod pool;
pub(crate) mod recurrent;
pub(crate) mod resize;
mod signal;
pub(crate) mod softmax;

pub(crate) use conv::Convolution;
pub(crate) use depthwise::Depthwise;
pub(crate) use elementwise::{Binary, Clamp, Clamping, Elementwise, Leaky};
pub(crate) use matmul::MatMul;
pub(crate) use pool::{AveragePool, GlobalAverage, MaxPool};
