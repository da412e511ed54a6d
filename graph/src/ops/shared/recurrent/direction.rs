//! The weights and functions of one direction of a recurrent network.

use super::Cell;
use super::activation::{Activation, activations};
use crate::Error;
use crate::ops::shared::arguments::Arguments;

/// A direction: its weights have a row for each gate and unit.
pub(crate) struct Direction<'a> {
    /// Whether it begins with the last step.
    pub(super) reverse: bool,
    pub(crate) hidden: usize,
    inputs: usize,
    /// Of the input and of the hidden state.
    weights: [&'a [f32]; 2],
    /// Of the input's product, then of the hidden state's; empty without biases.
    biases: &'a [f32],
    /// Weights of the cell's state, for each gate that has them; empty without.
    peepholes: &'a [f32],
    functions: Vec<Activation>,
    clip: f64,
}

impl<'a> Direction<'a> {
    /// All directions of the network of `args`, whose shapes fit.
    pub(super) fn all(args: &Arguments<'a>, cell: &Cell, count: usize) -> Result<Vec<Self>, Error> {
        let part = |index: usize, direction: usize| -> Result<&'a [f32], Error> {
            let Some(tensor) = args.optional(index) else { return Ok(&[]) };
            let (values, length) = (tensor.as_f32()?, tensor.len() / count);
            Ok(&values[direction * length..][..length])
        };
        let node = args.node();
        let last = |index: usize| Ok::<_, Error>(args.tensor(index)?.shape().last().copied().unwrap_or(0));
        let (inputs, hidden) = (last(1)?, last(2)?);
        let clip = node.optional_float("clip")?.map_or(f64::INFINITY, f64::from);
        if clip.is_nan() || clip < 0.0 {
            return Err(Error::attribute(node, "clip", "must not be negative"));
        }
        let reverse = node.string("direction", "forward")? == "reverse";
        let functions = activations(node, cell.functions, count)?;
        let direction = |(number, functions): (usize, Vec<Activation>)| {
            Ok(Self {
                reverse: reverse || number == 1,
                hidden,
                inputs,
                weights: [part(1, number)?, part(2, number)?],
                biases: part(3, number)?,
                peepholes: part(7, number)?,
                functions,
                clip,
            })
        };
        functions.into_iter().enumerate().map(direction).collect()
    }

    fn bias(&self, row: usize) -> f64 {
        self.biases.get(row).map_or(0.0, |&bias| bias.into())
    }

    /// The product of the input and the weights of a gate of a unit, and its bias.
    pub(crate) fn of_input(&self, gate: usize, unit: usize, x: &[f64]) -> f64 {
        let row = gate * self.hidden + unit;
        dot(&self.weights[0][row * self.inputs..][..self.inputs], x) + self.bias(row)
    }

    /// As [`of_input`](Self::of_input), for a hidden state.
    pub(crate) fn of_state(&self, gate: usize, unit: usize, h: &[f64]) -> f64 {
        let row = gate * self.hidden + unit;
        dot(&self.weights[1][row * self.hidden..][..self.hidden], h) + self.bias(self.biases.len() / 2 + row)
    }

    /// The cell's state `c` of a unit, times the weight of the gate number `gate` of those that read it.
    pub(crate) fn peep(&self, gate: usize, unit: usize, c: f64) -> f64 {
        self.peepholes.get(gate * self.hidden + unit).map_or(0.0, |&weight| f64::from(weight) * c)
    }

    /// The activation function number `index` of a clipped sum.
    pub(crate) fn activate(&self, index: usize, x: f64) -> f64 {
        self.apply(index, x.clamp(-self.clip, self.clip))
    }

    /// The activation function number `index` of a number that is not clipped.
    pub(crate) fn apply(&self, index: usize, x: f64) -> f64 {
        self.functions[index].apply(x)
    }
}

/// A sum of products, in several parts that the processor adds at the same time.
fn dot(weights: &[f32], x: &[f64]) -> f64 {
    const PARTS: usize = 8;
    let mut sums = [0.0; PARTS];
    let ((weights, weights_rest), (x, x_rest)) = (weights.as_chunks::<PARTS>(), x.as_chunks::<PARTS>());
    for (weights, x) in weights.iter().zip(x) {
        for (sum, (&weight, &x)) in sums.iter_mut().zip(weights.iter().zip(x)) {
            *sum += f64::from(weight) * x;
        }
    }
    let rest = weights_rest.iter().zip(x_rest).map(|(&weight, &x)| f64::from(weight) * x);
    sums.into_iter().chain(rest).sum()
}
