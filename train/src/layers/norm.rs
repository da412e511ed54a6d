//! Batch normalization.

use candle_core::{Result, Tensor, Var};

use super::{Kind, Mode, Parameter};
use crate::ops::{self, Moments};

/// Normalization by channel (the last axis), with the moments of the batch while they are trained, then with running ones, as a factor and
/// an addend for each channel: those are what a file has.
#[derive(Debug)]
pub struct BatchNorm {
    gamma: Var,
    beta: Var,
    mean: Var,
    variance: Var,
    epsilon: f32,
}

/// The part of a batch in the running moments.
const MOMENTUM: f32 = 0.1;

impl BatchNorm {
    /// From scales, biases, means and variances.
    pub(crate) fn new([gamma, beta, mean, variance]: [Vec<f32>; 4], epsilon: f32) -> Result<Self> {
        let var = |elements: Vec<f32>| {
            let count = elements.len();
            Var::from_tensor(&ops::tensor(elements, count)?)
        };
        Ok(Self { gamma: var(gamma)?, beta: var(beta)?, mean: var(mean)?, variance: var(variance)?, epsilon })
    }

    /// The factor and the addend of each channel with running moments.
    pub(crate) fn frozen(&self) -> Result<(Tensor, Tensor)> {
        let deviation = (self.variance.as_detached_tensor() + f64::from(self.epsilon))?.sqrt()?;
        let factor = (self.gamma.as_tensor() / deviation)?;
        let addend = (self.beta.as_tensor() - (self.mean.as_detached_tensor() * &factor)?)?;
        Ok((factor, addend))
    }

    /// Scales, biases, means, variances.
    pub(crate) fn values(&self) -> Result<[Vec<f32>; 4]> {
        let values = |var: &Var| ops::read(var.as_tensor(), <[f32]>::to_vec);
        Ok([values(&self.gamma)?, values(&self.beta)?, values(&self.mean)?, values(&self.variance)?])
    }

    pub(crate) fn epsilon(&self) -> f32 {
        self.epsilon
    }

    pub(crate) fn forward_as(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        if !mode.uses_batch {
            let (factor, addend) = self.frozen()?;
            return ops::affine(x, &factor, &addend);
        }
        let moments = Moments::of(x, self.gamma.elem_count())?;
        let follow = |running: &Var, of_batch: &[f32]| {
            let moved = ops::read(running.as_tensor(), |running| {
                running.iter().zip(of_batch).map(|(old, new)| old + MOMENTUM * (new - old)).collect()
            })?;
            running.set(&ops::tensor(moved, of_batch.len())?)
        };
        follow(&self.mean, &moments.means)?;
        follow(&self.variance, &moments.variances)?;
        let normalized = ops::normalize(x, &moments, self.epsilon)?;
        ops::affine(&normalized, self.gamma.as_tensor(), self.beta.as_tensor())
    }

    pub(crate) fn parameters(&self, prefix: &str, into: &mut Vec<Parameter>) {
        for (name, var, kind) in [
            ("gamma", &self.gamma, Kind::Other),
            ("beta", &self.beta, Kind::Other),
            ("mean", &self.mean, Kind::Statistic),
            ("variance", &self.variance, Kind::Statistic),
        ] {
            into.push(Parameter { name: format!("{prefix}.{name}"), var: var.clone(), kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trained on one batch for long, both forms agree.
    #[test]
    fn running_moments_follow_those_of_batches() {
        let x = ops::tensor((0..24u16).map(|x| f32::from(x * x % 23) / 7.0).collect(), (12, 2)).unwrap();
        let of = |value: f32| vec![value; 2];
        let norm = BatchNorm::new([of(1.5), of(0.25), of(0.0), of(1.0)], 1e-3).unwrap();
        let mode = |uses_batch| Mode { is_quantized: false, calibrates: false, uses_batch };
        for _ in 0..200 {
            norm.forward_as(&x, mode(true)).unwrap();
        }
        let [batch, running] = [true, false].map(|uses_batch| norm.forward_as(&x, mode(uses_batch)).unwrap());
        let most = (batch - running).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(most < 1e-4, "{most}");
    }
}
