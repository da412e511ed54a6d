//! What convolutions and matrix products have in common: quantized weights, a quantized input, a bias.

use candle_core::{Result, Tensor, Var};
use eightbit_kernels::Backend;

use super::{Kind, Mode, Parameter};
use crate::ops;
use crate::quantizer::{FakeQuantizer, Quantizer, Role, most_digits};

/// The two factors of a product, and the bias of its columns.
#[derive(Debug)]
pub(crate) struct Factors {
    pub(crate) backend: Backend,
    /// `[channel, depth]`.
    pub(crate) weight: Var,
    pub(crate) bias: Option<Var>,
    pub(crate) weights: Option<FakeQuantizer>,
    pub(crate) input: Option<FakeQuantizer>,
}

/// How many digits of both steps a side takes at most: more do not help.
const MOST_DIGITS: u32 = 8;

impl Factors {
    pub(crate) fn new(
        backend: Backend,
        (weight, [channels, depth]): (Vec<f32>, [usize; 2]),
        bias: Option<Vec<f32>>,
        (weights, input): (Option<Quantizer>, Option<Quantizer>),
        signed: bool,
    ) -> Result<Self> {
        let var = |elements: Vec<f32>, shape: &[usize]| Var::from_tensor(&ops::tensor(elements, shape)?);
        let quantizer =
            |rule: Option<Quantizer>, role| rule.map(|rule| FakeQuantizer::new(rule, role)).transpose();
        let mut weights = quantizer(weights, Role::Weights { channels })?;
        let mut input = quantizer(input, Role::Activations { signed })?;
        if let (Some(weights), Some(input)) = (&mut weights, &mut input) {
            let digits = most_digits(depth, [weights.reach(), input.reach()]);
            // Signs of activations have the scale 1.
            let of_input = if input.is_sign() { 1 } else { (digits / 2).clamp(1, MOST_DIGITS) };
            input.set_digits(of_input);
            weights.set_digits(digits.saturating_sub(of_input).clamp(1, 2 * MOST_DIGITS));
        }
        Ok(Self {
            backend,
            weight: var(weight, &[channels, depth])?,
            bias: bias.map(|bias| var(bias, &[channels])).transpose()?,
            weights,
            input,
        })
    }

    /// The input as the product reads it.
    pub(crate) fn input(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        quantized(self.input.as_ref(), x, mode)
    }

    /// The weights as the product reads them.
    pub(crate) fn weight(&self, mode: Mode) -> Result<Tensor> {
        quantized(self.weights.as_ref(), self.weight.as_tensor(), mode)
    }

    pub(crate) fn add_bias(&self, y: Tensor) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => y.broadcast_add(bias.as_tensor()),
            None => Ok(y),
        }
    }

    /// Weights of signs stay where their gradients pass.
    pub(crate) fn clip(&self) -> Result<()> {
        if self.weights.as_ref().is_some_and(FakeQuantizer::is_sign) {
            self.weight.set(&self.weight.as_detached_tensor().clamp(-1f32, 1f32)?)?;
        }
        Ok(())
    }

    pub(crate) fn parameters(&self, prefix: &str, into: &mut Vec<Parameter>) {
        let mut add = |name: &str, var: Option<&Var>, kind| {
            let name = format!("{prefix}.{name}");
            into.extend(var.map(|var| Parameter { name, var: var.clone(), kind }));
        };
        add("weight", Some(&self.weight), Kind::Weight);
        add("bias", self.bias.as_ref(), Kind::Other);
        add("weight.step", self.weights.as_ref().and_then(FakeQuantizer::learned), Kind::Other);
        add("input.step", self.input.as_ref().and_then(FakeQuantizer::learned), Kind::Other);
    }
}

fn quantized(quantizer: Option<&FakeQuantizer>, x: &Tensor, mode: Mode) -> Result<Tensor> {
    let Some(quantizer) = quantizer else { return Ok(x.clone()) };
    if mode.calibrates {
        quantizer.calibrate(x)?;
    }
    if mode.is_quantized { quantizer.apply(x) } else { quantizer.float(x) }
}
