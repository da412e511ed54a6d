//! `LSTM` and `GRU` with constant weights: one product for the inputs of all steps, and one or two for each step.

use std::sync::Arc;

use eightbit::Backend;
use eightbit_kernels::float::{Bounds, Curve, FloatWeights, ProductCall, apply_curve, multiply};

use super::lower::is_float;
use crate::exec::builder::Builder;
use crate::exec::scratch::Scratch;
use crate::exec::step::{StepContext, StepKernel, StepKind};
use crate::exec::value::Layout;
use crate::{Error, Node, Tensor};

/// What a step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Gates: input, output, forget, cell.
    Lstm,
    /// Gates: update, reset, hidden. The hidden one multiplies the state after its reset.
    GruAfterReset,
    /// As above, but the hidden gate's product is reset.
    GruBeforeReset,
}

impl Cell {
    fn gates(self) -> usize {
        if self == Self::Lstm { 4 } else { 3 }
    }

    /// The first gate of each product with the hidden state, and the one after its last.
    fn products(self) -> &'static [[usize; 2]] {
        match self {
            Self::Lstm => &[[0, 4]],
            Self::GruAfterReset => &[[0, 2], [2, 3]],
            Self::GruBeforeReset => &[[0, 3]],
        }
    }

    /// The activation functions that have kernels: the defaults.
    fn functions(self) -> &'static [&'static str] {
        if self == Self::Lstm { &["sigmoid", "tanh", "tanh"] } else { &["sigmoid", "tanh"] }
    }
}

/// Adds the step of a node that has no lengths of sequences, peepholes, clips or functions of its own.
pub(crate) fn lower(builder: &mut Builder<'_>, node: &Node, cell: Cell) -> Result<bool, Error> {
    let x = builder.shape(node, 0)?;
    let (&[steps, batch, inputs], false) = (&x[..], node.flag("layout", false)?) else { return Ok(false) };
    let functions = node.strings("activations")?.unwrap_or_default();
    let mut defaults = cell.functions().iter().cycle();
    let is_plain =
        functions.iter().all(|name| defaults.next().is_some_and(|own| name.eq_ignore_ascii_case(own)))
            && [4, 7].iter().all(|&index| node.input(index).is_none())
            && node.optional_float("clip")?.is_none()
            && !node.flag("input_forget", false)?;
    if !is_plain || !is_float(builder, node)? {
        return Ok(false);
    }
    let constant = |index: usize| builder.constant_input(node, index).cloned();
    let (Some(w), Some(r), b) = (constant(1), constant(2), constant(3)) else { return Ok(false) };
    let &[directions, rows, hidden] = r.shape() else { return Ok(false) };
    if b.is_none() && node.input(3).is_some() || rows != cell.gates() * hidden {
        return Ok(false);
    }
    let sizes = Sizes { steps, batch, inputs, hidden, directions };
    let columns = directions.saturating_mul(rows);
    let size = FloatWeights::size(builder.backend, [inputs.saturating_add(hidden), columns]);
    let backend = builder.backend;
    let (w, r, b) =
        (w.as_f32()?, r.as_f32()?, b.as_ref().map(Tensor::as_f32).transpose()?.unwrap_or_default());
    let weights = builder.packed_floats(node, &[1, 2, 3], size, || sizes.pack(backend, cell, [w, r, b]))?;
    // Products of the inputs, the hidden states of all steps, and those of one.
    let kept = sizes.of_steps(cell.gates() + directions);
    let states = Sizes { steps: 1, ..sizes }.of_steps(cell.gates() + 3);
    builder.count_scratch(kept.saturating_add(states).saturating_mul(size_of::<f32>() as u64));
    let mut read = vec![Some(builder.read(node.required_input(0)?, Layout::Plain)?)];
    for index in [5, 6] {
        read.push(node.input(index).map(|name| builder.read(name, Layout::Plain)).transpose()?);
    }
    let written: Vec<usize> = (0..3).filter(|&index| node.output(index).is_some()).collect();
    let mut outputs = Vec::with_capacity(written.len());
    for &index in &written {
        outputs.push(builder.define(&node.outputs[index], Layout::Plain)?);
    }
    let reverse = node.string("direction", "forward")? == "reverse";
    let given = [1, 2].map(|at: usize| read[at].is_some());
    let kernel = Recurrent { backend, cell, sizes, reverse, weights, given, written };
    builder.push(node, read, outputs, Box::new(kernel));
    Ok(true)
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
    directions: usize,
}

impl Sizes {
    /// The elements of `count` vectors of hidden units for each step and sequence.
    fn of_steps(&self, count: usize) -> u64 {
        [self.batch, self.hidden, count]
            .iter()
            .fold(self.steps as u64, |all, &of| all.saturating_mul(of as u64))
    }

    /// For each direction, the weights of the input with the biases, and those of each product with the hidden state.
    fn pack(&self, backend: Backend, cell: Cell, [w, r, b]: [&[f32]; 3]) -> Vec<FloatWeights> {
        let &Self { inputs, hidden, directions, .. } = self;
        let rows = cell.gates() * hidden;
        let mut packed = Vec::new();
        for direction in 0..directions {
            let bias = |row: usize| b.get(direction * 2 * rows + row).copied().unwrap_or(0.0);
            // A bias that is reset belongs to the product that is reset.
            let is_reset = |row: usize| cell == Cell::GruBeforeReset && row >= 2 * hidden;
            let of_input: Vec<f32> =
                (0..rows).map(|row| bias(row) + if is_reset(row) { 0.0 } else { bias(rows + row) }).collect();
            let of_state: Vec<f32> =
                (0..rows).map(|row| if is_reset(row) { bias(rows + row) } else { 0.0 }).collect();
            let weight = |k: usize, row: usize| w[(direction * rows + row) * inputs + k];
            packed.push(FloatWeights::pack(backend, [inputs, rows], weight, &of_input));
            for &[begin, end] in cell.products() {
                let first = begin * hidden;
                let weight = |k: usize, row: usize| r[(direction * rows + first + row) * hidden + k];
                let bias = &of_state[first..end * hidden];
                packed.push(FloatWeights::pack(backend, [hidden, bias.len()], weight, bias));
            }
        }
        packed
    }
}

/// Memory that a run needs, kept for the next.
#[derive(Debug, Default)]
struct Memory {
    /// Products of all inputs of a direction.
    of_inputs: Vec<f32>,
    /// Products of the hidden states of a step.
    of_states: Vec<f32>,
    /// The hidden states of all steps.
    all: Vec<f32>,
    /// The hidden states and those of cells, in all directions.
    states: [Vec<f32>; 2],
    /// A vector of hidden units of each sequence.
    next: Vec<f32>,
}

#[derive(Debug)]
struct Recurrent {
    backend: Backend,
    cell: Cell,
    sizes: Sizes,
    /// Whether the first direction begins with the last step.
    reverse: bool,
    weights: Arc<Vec<FloatWeights>>,
    /// Whether the first states of hidden units and of cells are given.
    given: [bool; 2],
    /// The node's outputs that have names.
    written: Vec<usize>,
}

impl StepKernel for Recurrent {
    fn run(&self, context: &mut StepContext<'_>, scratch: &mut Scratch) -> Result<(), Error> {
        scratch.with(Memory::default, |memory| self.compute(context, memory))
    }

    fn kind(&self) -> StepKind {
        StepKind::Float
    }

    fn describe(&self) -> String {
        let Sizes { steps, hidden, .. } = self.sizes;
        format!("f32 {:?}, {steps} steps of {hidden} units, products with packed weights", self.cell)
    }
}

impl Recurrent {
    fn compute(&self, context: &mut StepContext<'_>, memory: &mut Memory) -> Result<(), Error> {
        let Sizes { steps, batch, hidden, directions, .. } = self.sizes;
        let x = context.input::<f32>(0)?;
        let state = batch * hidden;
        for (index, states) in memory.states.iter_mut().enumerate() {
            states.clear();
            if self.given[index] {
                states.extend_from_slice(context.input::<f32>(1 + index)?);
            }
            states.resize(directions * state, 0.0);
        }
        memory.all.resize(steps * directions * state, 0.0);
        for direction in 0..directions {
            self.direction(x, direction, memory);
        }
        let Memory { all, states: [h, c], .. } = memory;
        for (index, &output) in self.written.iter().enumerate() {
            context.output::<f32>(index)?.copy_from_slice([&*all, &*h, &*c][output]);
        }
        Ok(())
    }

    /// Runs all steps of a direction.
    fn direction(&self, x: &[f32], direction: usize, memory: &mut Memory) {
        let Sizes { steps, batch, hidden, directions, .. } = self.sizes;
        let (state, row) = (batch * hidden, self.cell.gates() * hidden);
        let products = 1 + self.cell.products().len();
        let Some((of_input, of_state)) = self.weights[direction * products..][..products].split_first()
        else {
            return;
        };
        let Memory { of_inputs, of_states, all, states, next } = memory;
        let [h, c] = states.each_mut().map(|states| &mut states[direction * state..][..state]);
        of_inputs.resize(steps * batch * row, 0.0);
        of_states.resize(batch * row, 0.0);
        next.resize(state, 0.0);
        multiply(&ProductCall::new(x, of_input, Bounds::NONE), steps * batch, of_inputs, row.max(1));
        for step in 0..steps {
            let step = if self.reverse || direction == 1 { steps - 1 - step } else { step };
            let gates = &mut of_inputs[step * batch * row..][..batch * row];
            multiply(&ProductCall::new(h, &of_state[0], Bounds::NONE), batch, of_states, row.max(1));
            let work = Work { backend: self.backend, batch, hidden, gates, of_states };
            match self.cell {
                Cell::Lstm => work.lstm(h, c, next),
                Cell::GruAfterReset => work.gru_after_reset(h, next, &of_state[1]),
                Cell::GruBeforeReset => work.gru_before_reset(h),
            }
            all[(step * directions + direction) * state..][..state].copy_from_slice(h);
        }
    }
}

/// The gates of a step: for each sequence, those of all units.
struct Work<'a> {
    backend: Backend,
    batch: usize,
    hidden: usize,
    /// Products of the inputs.
    gates: &'a mut [f32],
    /// Products of the states.
    of_states: &'a mut [f32],
}

impl Work<'_> {
    /// For each sequence, calls `compute` with its gates, its products of the state, and its units of `states`.
    fn each<const N: usize>(
        &mut self,
        states: [&mut [f32]; N],
        compute: impl Fn(Backend, &mut [f32], &mut [f32], [&mut [f32]; N]),
    ) {
        let (hidden, row) = (self.hidden, self.gates.len() / self.batch.max(1));
        let mut states = states.map(|states| states.chunks_exact_mut(hidden.max(1)));
        let products = self.of_states.chunks_exact_mut(row.max(1));
        for (gates, products) in self.gates.chunks_exact_mut(row.max(1)).zip(products) {
            let states = states.each_mut().map(|states| states.next().unwrap_or_default());
            compute(self.backend, gates, products, states);
        }
    }

    fn lstm(mut self, h: &mut [f32], c: &mut [f32], next: &mut [f32]) {
        let hidden = self.hidden;
        self.each([h, c, next], |backend, gates, products, [h, c, next]| {
            add(gates, products);
            let (open, cell) = gates.split_at_mut(3 * hidden);
            apply_curve(backend, Curve::Sigmoid, open);
            apply_curve(backend, Curve::Tanh, cell);
            let (input, rest) = open.split_at(hidden);
            let (output, forget) = rest.split_at(hidden);
            for ((c, forget), (input, cell)) in c.iter_mut().zip(forget).zip(input.iter().zip(cell)) {
                *c = forget * *c + input * *cell;
            }
            next.copy_from_slice(c);
            apply_curve(backend, Curve::Tanh, next);
            h.iter_mut().zip(output.iter().zip(next)).for_each(|(h, (output, c))| *h = output * *c);
        });
    }

    fn gru_before_reset(mut self, h: &mut [f32]) {
        let hidden = self.hidden;
        self.each([h], |backend, gates, products, [h]| {
            let (open, new) = gates.split_at_mut(2 * hidden);
            add(open, products);
            apply_curve(backend, Curve::Sigmoid, open);
            let (update, reset) = open.split_at(hidden);
            let products = reset.iter().zip(&products[2 * hidden..]);
            new.iter_mut().zip(products).for_each(|(new, (reset, product))| *new += reset * product);
            apply_curve(backend, Curve::Tanh, new);
            blend(h, update, new);
        });
    }

    fn gru_after_reset(mut self, h: &mut [f32], kept: &mut [f32], weights: &FloatWeights) {
        let (hidden, row) = (self.hidden, 3 * self.hidden);
        self.each([h, kept], |backend, gates, products, [h, kept]| {
            let open = &mut gates[..2 * hidden];
            add(open, products);
            apply_curve(backend, Curve::Sigmoid, open);
            let reset = &open[hidden..];
            kept.iter_mut().zip(reset.iter().zip(h)).for_each(|(kept, (reset, h))| *kept = reset * *h);
        });
        multiply(&ProductCall::new(kept, weights, Bounds::NONE), self.batch, self.of_states, row.max(1));
        self.each([h], |backend, gates, products, [h]| {
            let (open, new) = gates.split_at_mut(2 * hidden);
            add(new, products);
            apply_curve(backend, Curve::Tanh, new);
            blend(h, &open[..hidden], new);
        });
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// The states keep the part `update` of themselves.
fn blend(h: &mut [f32], update: &[f32], new: &[f32]) {
    h.iter_mut().zip(update.iter().zip(new)).for_each(|(h, (update, new))| {
        *h = (1.0 - update) * new + update * *h;
    });
}
