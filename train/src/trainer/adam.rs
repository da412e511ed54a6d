//! AdamW (Loshchilov, Hutter 2019), whose moments can be saved: candle's are private.

use candle_core::backprop::GradStore;

use crate::Error;
use crate::layers::{Kind, Parameter};
use crate::ops::{read, tensor};

const BETAS: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

/// The optimizer of a network's parameters.
#[derive(Debug)]
pub(super) struct AdamW {
    pub(super) parameters: Vec<Parameter>,
    /// By parameter, the means of gradients and of their squares.
    pub(super) moments: Vec<[Vec<f32>; 2]>,
    pub(super) steps: u32,
}

impl AdamW {
    pub(super) fn new(parameters: Vec<Parameter>) -> Self {
        let zeros = |parameter: &Parameter| [0; 2].map(|_| vec![0.0; parameter.var.elem_count()]);
        let moments = parameters.iter().map(zeros).collect();
        Self { parameters, moments, steps: 0 }
    }

    /// Moves every parameter that has a gradient.
    pub(super) fn step(&mut self, gradients: &GradStore, rate: f32, decay: f32) -> Result<(), Error> {
        self.steps += 1;
        let steps = self.steps.min(1 << 20) as i32;
        let corrections = BETAS.map(|beta| 1.0 - libm::powf(beta, steps as f32));
        for (parameter, [mean, square]) in self.parameters.iter().zip(&mut self.moments) {
            let Parameter { var, kind, .. } = parameter;
            let Some(gradient) = gradients.get(var.as_tensor()).filter(|_| *kind != Kind::Statistic) else {
                continue;
            };
            let kept = if *kind == Kind::Weight { 1.0 - rate * decay } else { 1.0 };
            let mut moved = read(var.as_tensor(), <[f32]>::to_vec)?;
            read(gradient, |gradient| {
                let elements = moved.iter_mut().zip(gradient).zip(mean.iter_mut().zip(square));
                for ((x, gradient), (mean, square)) in elements {
                    *mean += (1.0 - BETAS[0]) * (gradient - *mean);
                    *square += (1.0 - BETAS[1]) * (gradient * gradient - *square);
                    let size = (*square / corrections[1]).sqrt() + EPSILON;
                    *x = *x * kept - rate * (*mean / corrections[0]) / size;
                }
            })?;
            var.set(&tensor(moved, var.shape())?)?;
        }
        Ok(())
    }
}
