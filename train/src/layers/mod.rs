//! Layers: products whose weights and inputs are quantized, and normalization.

mod conv;
mod factors;
mod linear;
mod norm;

pub use conv::QConv2d;
pub(crate) use factors::Factors;
pub use linear::QLinear;
pub use norm::BatchNorm;

use candle_core::{Tensor, Var};

use crate::ops::Window;

/// A step of a network. Images are `[image, row, column, channel]`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Layer {
    /// A convolution, of all channels or of each alone.
    Conv(QConv2d),
    /// A product with a matrix.
    Linear(QLinear),
    /// Normalization by channel.
    Norm(BatchNorm),
    /// max(x, 0).
    Relu,
    /// The maximum of each window.
    MaxPool(Window),
    /// The mean of each window, padding not counted; without a window of the whole image.
    AveragePool(Option<Window>),
    /// Images as rows.
    Flatten,
}

/// How a network computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Numbers of few bits, else floats.
    pub(crate) is_quantized: bool,
    /// Quantizers take their first steps from what they see.
    pub(crate) calibrates: bool,
    /// Normalization by the moments of the batch, which running ones follow, else by the running ones.
    pub(crate) uses_batch: bool,
}

/// What an optimizer does with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Weights: they decay.
    Weight,
    /// Everything else that is trained.
    Other,
    /// Not trained: moments.
    Statistic,
}

/// A variable of a network by its name.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) var: Var,
    pub(crate) kind: Kind,
}

impl Layer {
    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> candle_core::Result<Tensor> {
        match self {
            Self::Conv(conv) => conv.forward_as(x, mode),
            Self::Linear(linear) => linear.forward_as(x, mode),
            Self::Norm(norm) => norm.forward_as(x, mode),
            Self::Relu => x.relu(),
            Self::MaxPool(window) => crate::ops::max_pool(x, *window),
            Self::AveragePool(window) => crate::ops::average_pool(x, *window),
            Self::Flatten => x.flatten_from(1),
        }
    }

    /// The variables of the layer, their names after `prefix`.
    pub(crate) fn parameters(&self, prefix: &str, into: &mut Vec<Parameter>) {
        match self {
            Self::Conv(QConv2d { factors, .. }) | Self::Linear(QLinear { factors }) => {
                factors.parameters(prefix, into);
            }
            Self::Norm(norm) => norm.parameters(prefix, into),
            _ => {}
        }
    }

    pub(crate) fn factors(&self) -> Option<&Factors> {
        match self {
            Self::Conv(QConv2d { factors, .. }) | Self::Linear(QLinear { factors }) => Some(factors),
            _ => None,
        }
    }
}
