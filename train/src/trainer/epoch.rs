//! What was measured after an epoch.

use crate::layers::Mode;

/// How an epoch computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In floats.
    Float,
    /// With numbers of few bits.
    Quantized,
    /// With numbers of few bits and frozen normalizations, as the network will be executed.
    Frozen,
    /// In floats with frozen normalizations.
    FrozenFloat,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Float, Self::Quantized, Self::Frozen, Self::FrozenFloat];

    pub(super) fn mode(self) -> Mode {
        Mode {
            is_quantized: matches!(self, Self::Quantized | Self::Frozen),
            calibrates: false,
            uses_batch: matches!(self, Self::Float | Self::Quantized),
        }
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Quantized => "quantized",
            Self::Frozen => "frozen",
            Self::FrozenFloat => "frozen float",
        }
    }
}

/// An epoch's results. Accuracies are parts of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// How it computed.
    pub stage: Stage,
    /// The mean cross-entropy while it trained.
    pub loss: f64,
    /// Right answers while it trained.
    pub accuracy: f64,
    /// The mean cross-entropy of the images that are not trained with, afterwards.
    pub test_loss: f64,
    /// Right answers on them.
    pub test_accuracy: f64,
}
