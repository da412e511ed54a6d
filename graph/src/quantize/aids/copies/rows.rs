//! The weights and biases of a layer that are changed.

use super::super::changed::Changed;
use crate::quantize::layer::Layer;
use crate::{Error, Tensor};

/// The weights of a layer in rows, and its biases.
pub(super) struct Rows {
    pub(super) depth: usize,
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Rows {
    /// As `changed` has them, by earlier places.
    pub(super) fn of(changed: &Changed, layer: &Layer<'_>) -> Result<Self, Error> {
        let constant = |input: usize| -> Result<&[f32], Error> {
            let name = changed.graph.nodes[layer.index].required_input(input)?;
            changed.graph.constants.get(name).map_or(Ok(&[][..]), |tensor| tensor.as_f32())
        };
        let weights = layer.as_rows(constant(1)?);
        Ok(Self { depth: layer.depth(), weights, bias: constant(2)?.to_vec() })
    }

    /// With rows of zeros after the others.
    pub(super) fn with_rows(mut self, added: usize) -> Self {
        self.weights.resize(self.weights.len() + added * self.depth, 0.0);
        self.bias.resize(self.bias.len() + added, 0.0);
        self
    }

    /// With zeros after the weights of each row.
    pub(super) fn with_inputs(mut self, added: usize) -> Self {
        let longer =
            |row: &[f32]| row.iter().copied().chain(std::iter::repeat_n(0.0, added)).collect::<Vec<_>>();
        self.weights = self.weights.chunks_exact(self.depth).flat_map(longer).collect();
        self.depth += added;
        self
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.weights[row * self.depth..][..self.depth]
    }

    pub(super) fn set(&mut self, row: usize, weights: &[f32], bias: f32) {
        self.weights[row * self.depth..][..self.depth].copy_from_slice(weights);
        self.bias[row] = bias;
    }

    /// Gives `layer` these weights and biases.
    pub(super) fn write(&self, changed: &mut Changed, layer: &Layer<'_>) -> Result<(), Error> {
        let rows = self.bias.len();
        let mut shape = layer.weights.shape().to_vec();
        shape[layer.axis] = rows;
        if layer.groups == 1 {
            shape[1 - layer.axis] = self.depth / layer.taps();
        }
        let weights = if layer.axis == 0 {
            self.weights.clone()
        } else {
            (0..self.weights.len()).map(|at| self.weights[at % rows * self.depth + at / rows]).collect()
        };
        changed.put(layer.index, 1, Tensor::new(shape, weights)?);
        changed.put(layer.index, 2, Tensor::vector(self.bias.clone()));
        Ok(())
    }
}
