//! Shared by recurrent networks (`RNN`, `GRU`, `LSTM`): directions, sequences and states. What a step computes is in the operator's
//! own file.

mod activation;
mod direction;

pub(crate) use direction::Direction;

use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::{DataType, Error, Node, Tensor, TensorType, quoted};

/// What distinguishes the networks.
pub(crate) struct Cell {
    /// The number of rows of weights for each hidden unit.
    pub(crate) gates: usize,
    /// The number of states: the hidden one, and for `LSTM` that of the cell.
    pub(crate) states: usize,
    /// The default activation functions.
    pub(crate) functions: &'static [&'static str],
    /// Computes the next states of all units.
    pub(crate) step: fn(&Direction<'_>, Step<'_>),
}

/// A step of one sequence in one direction.
pub(crate) struct Step<'s> {
    pub(crate) x: &'s [f64],
    /// The hidden state.
    pub(crate) h: &'s mut Vec<f64>,
    /// The state of the cell.
    pub(crate) c: &'s mut [f64],
    /// Becomes the next hidden state.
    pub(crate) next: &'s mut Vec<f64>,
}

/// The sizes of a network.
struct Sizes {
    steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
    directions: usize,
    batch_first: bool,
}

impl Sizes {
    /// Checks the shapes of the inputs that `shape_of` returns.
    fn new<'a>(
        node: &Node,
        cell: &Cell,
        shape_of: impl Fn(usize) -> Option<&'a [usize]>,
    ) -> Result<Self, Error> {
        let required = |index: usize| {
            shape_of(index).ok_or_else(|| Error::node(node, format!("input {index} is missing")))
        };
        let (x, r) = (required(0)?, required(2)?);
        let (&[first, second, inputs], &[_, _, hidden]) = (x, r) else {
            return Err(Error::node(node, format!("an input of shape {x:?} and weights of shape {r:?}")));
        };
        let directions = match node.string("direction", "forward")? {
            "forward" | "reverse" => 1,
            "bidirectional" => 2,
            other => {
                let reason = format!("{} is not forward, reverse or bidirectional", quoted(other));
                return Err(Error::attribute(node, "direction", reason));
            }
        };
        if let Some(size) = node.optional_int("hidden_size")?
            && usize::try_from(size) != Ok(hidden)
        {
            return Err(Error::attribute(
                node,
                "hidden_size",
                format!("is {size}, the weights have {hidden}"),
            ));
        }
        let batch_first = node.flag("layout", false)?;
        let (steps, batch) = if batch_first { (second, first) } else { (first, second) };
        let sizes = Self { steps, batch, inputs, hidden, directions, batch_first };
        let rows = cell.gates.saturating_mul(hidden);
        let state = sizes.state();
        let expected: [&[usize]; 8] = [
            x,
            &[directions, rows, inputs],
            &[directions, rows, hidden],
            &[directions, rows.saturating_mul(2)],
            &[batch],
            &state,
            &state,
            &[directions, hidden.saturating_mul(3)],
        ];
        for (index, expected) in expected.into_iter().enumerate() {
            match shape_of(index) {
                Some(found) if found != expected => {
                    let reason = format!("input {index} of shape {found:?} where {expected:?} fits");
                    return Err(Error::node(node, reason));
                }
                _ => {}
            }
        }
        Ok(sizes)
    }

    /// The shape of a state of all directions and sequences.
    fn state(&self) -> [usize; 3] {
        if self.batch_first {
            [self.batch, self.directions, self.hidden]
        } else {
            [self.directions, self.batch, self.hidden]
        }
    }

    /// The shape of the hidden states of all steps.
    fn output(&self) -> [usize; 4] {
        if self.batch_first {
            [self.batch, self.steps, self.directions, self.hidden]
        } else {
            [self.steps, self.directions, self.batch, self.hidden]
        }
    }

    /// The offset of a state of a sequence in a direction.
    fn state_at(&self, direction: usize, sequence: usize) -> usize {
        let place = if self.batch_first {
            sequence * self.directions + direction
        } else {
            direction * self.batch + sequence
        };
        place * self.hidden
    }

    /// The offset of a hidden state in the output.
    fn output_at(&self, step: usize, direction: usize, sequence: usize) -> usize {
        let place = if self.batch_first {
            (sequence * self.steps + step) * self.directions + direction
        } else {
            (step * self.directions + direction) * self.batch + sequence
        };
        place * self.hidden
    }

    /// The offset of an input vector.
    fn input_at(&self, step: usize, sequence: usize) -> usize {
        let place =
            if self.batch_first { sequence * self.steps + step } else { step * self.batch + sequence };
        place * self.inputs
    }
}

/// The types of the outputs: the hidden states of all steps, then the last states.
pub(crate) fn infer(inputs: &Inputs<'_>, cell: &Cell) -> Result<Vec<TensorType>, Error> {
    types(inputs.node, cell, |index| inputs.optional(index).map(|of| of.shape.as_slice()))
}

/// As [`infer`], for the shapes of inputs that `shape_of` returns.
pub(crate) fn types<'a>(
    node: &Node,
    cell: &Cell,
    shape_of: impl Fn(usize) -> Option<&'a [usize]>,
) -> Result<Vec<TensorType>, Error> {
    let sizes = Sizes::new(node, cell, shape_of)?;
    let state = TensorType::new(DataType::F32, sizes.state());
    let all = TensorType::new(DataType::F32, sizes.output());
    Ok([all].into_iter().chain(vec![state; cell.states]).collect())
}

/// The number of products for each element of the output.
pub(crate) fn reads(inputs: &Inputs<'_>, gates: usize) -> usize {
    let (x, r) = (inputs.optional(0), inputs.optional(2));
    let last = |of: Option<&TensorType>| of.and_then(|of| of.shape.last()).copied().unwrap_or(0);
    gates.saturating_mul(last(x).saturating_add(last(r)))
}

/// Runs the network.
pub(crate) fn evaluate(args: &Arguments<'_>, cell: &Cell) -> Result<Vec<Tensor>, Error> {
    let sizes = Sizes::new(args.node(), cell, |index| args.optional(index).map(Tensor::shape))?;
    let mut all = vec![0.0f32; args.count(&sizes.output())?];
    let mut last = vec![vec![0.0f32; args.count(&sizes.state())?]; 2];
    for (state, index) in last.iter_mut().zip([5, 6]).take(cell.states) {
        if let Some(given) = args.optional(index) {
            state.copy_from_slice(given.as_f32()?);
        }
    }
    let lengths = match args.optional(4) {
        None => vec![sizes.steps; sizes.batch],
        Some(_) => {
            let fits = |&length: &usize| length <= sizes.steps;
            let length = |length: i64| {
                let length = usize::try_from(length).ok().filter(fits);
                length.ok_or_else(|| args.error(format!("a sequence that is not within {}", sizes.steps)))
            };
            args.integers(4)?.into_iter().map(length).collect::<Result<Vec<_>, _>>()?
        }
    };
    let x = args.values::<f32>(0)?;
    let (mut row, mut next) = (vec![0.0f64; sizes.inputs], vec![0.0f64; sizes.hidden]);
    for (number, direction) in Direction::all(args, cell, sizes.directions)?.iter().enumerate() {
        for (sequence, &length) in lengths.iter().enumerate() {
            let at = sizes.state_at(number, sequence);
            let [mut h, mut c] =
                [0, 1].map(|state| last[state][at..].iter().take(sizes.hidden).map(|&x| x.into()).collect());
            for step in 0..length {
                let step = if direction.reverse { length - 1 - step } else { step };
                let input = &x[sizes.input_at(step, sequence)..][..sizes.inputs];
                row.iter_mut().zip(input).for_each(|(to, &from)| *to = from.into());
                (cell.step)(direction, Step { x: &row, h: &mut h, c: &mut c, next: &mut next });
                round(&h, &mut all[sizes.output_at(step, number, sequence)..]);
            }
            round(&h, &mut last[0][at..]);
            round(&c, &mut last[1][at..]);
        }
    }
    let states = last.into_iter().take(cell.states).map(|state| Tensor::new(sizes.state(), state));
    [Tensor::new(sizes.output(), all)].into_iter().chain(states).collect()
}

fn round(from: &Vec<f64>, to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from as f32);
}
