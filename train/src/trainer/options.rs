//! How long and how fast a network is trained.

use super::Stage;
use crate::Error;

/// The schedule and the optimizer (AdamW).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainOptions {
    /// Passes over all images, of all stages together.
    pub epochs: usize,
    /// The first of them, in floats.
    pub float_epochs: usize,
    /// The last of them, with normalizations by fixed moments.
    pub frozen_epochs: usize,
    /// Images of a step.
    pub batch: usize,
    /// The greatest learning rate; it falls to 0 by a cosine.
    pub learning_rate: f32,
    /// How much weights decay, times the learning rate.
    pub weight_decay: f32,
    /// Each time an image is trained with, it is moved by up to so many pixels in each direction, but no more than an eighth of its side.
    pub shift: usize,
    /// All random numbers depend on it alone.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: 12,
            float_epochs: 3,
            frozen_epochs: 2,
            batch: 50,
            learning_rate: 3e-3,
            weight_decay: 1e-2,
            shift: 2,
            seed: 1,
        }
    }
}

impl TrainOptions {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.epochs == 0 || self.batch == 0 {
            return Err(Error::argument("epochs", "there must be one, and an image in a batch"));
        }
        if self.float_epochs.saturating_add(self.frozen_epochs) > self.epochs {
            let reason = format!(
                "{} in floats and {} frozen are more than {}",
                self.float_epochs, self.frozen_epochs, self.epochs
            );
            return Err(Error::argument("epochs", reason));
        }
        let is_rate = |rate: f32| rate.is_finite() && rate >= 0.0;
        if !is_rate(self.learning_rate) || self.learning_rate == 0.0 || !is_rate(self.weight_decay) {
            return Err(Error::argument(
                "learning rate",
                "it must be greater than 0, and the decay not less",
            ));
        }
        Ok(())
    }

    /// That of an epoch, counted from 0.
    pub(super) fn stage(&self, epoch: usize, is_quantized: bool) -> Stage {
        if is_quantized && epoch < self.float_epochs {
            Stage::Float
        } else if epoch + self.frozen_epochs >= self.epochs {
            if is_quantized { Stage::Frozen } else { Stage::FrozenFloat }
        } else if is_quantized {
            Stage::Quantized
        } else {
            Stage::Float
        }
    }
}
