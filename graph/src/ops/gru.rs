//! `GRU`: gated recurrent units. The gates are update, reset and hidden, in this order.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::recurrent::{self, Cell, Direction, Step};
use crate::exec::builder::Builder;
use crate::exec::float::{self, recurrent::Cell as Gru};
use crate::{Error, Node};

pub(crate) static OP: Operator = Operator {
    since: 7,
    examples: &[
        Example::new(
            &[
                Input::Floats(&[3, 2, 4]),
                Input::Weights(&[1, 15, 4]),
                Input::Weights(&[1, 15, 5]),
                Input::Weights(&[1, 30]),
            ],
            &[("linear_before_reset", Value::Int(1))],
        )
        .outputs(2),
        Example::new(
            &[Input::Floats(&[3, 2, 4]), Input::Weights(&[2, 15, 4]), Input::Weights(&[2, 15, 5])],
            &[("direction", Value::Text("bidirectional"))],
        ),
    ],
    reads: |inputs| recurrent::reads(inputs, AFTER.gates),
    lower,
    ..Operator::new(
        "GRU",
        "a network of gated recurrent units",
        |inputs| recurrent::infer(inputs, &AFTER),
        |args| {
            let before = args.node().flag("linear_before_reset", false)?;
            recurrent::evaluate(args, if before { &BEFORE } else { &AFTER })
        },
    )
};

fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let before = node.flag("linear_before_reset", false)?;
    float::recurrent::lower(builder, node, if before { Gru::GruBeforeReset } else { Gru::GruAfterReset })
}

static AFTER: Cell = cell(after_reset);
static BEFORE: Cell = cell(before_reset);

const fn cell(step: fn(&Direction<'_>, Step<'_>)) -> Cell {
    Cell { gates: 3, states: 1, functions: &["sigmoid", "tanh"], step }
}

/// The sum of the gate `gate`, activated.
fn gate(direction: &Direction<'_>, gate: usize, unit: usize, x: &[f64], h: &[f64]) -> f64 {
    direction.activate(0, direction.of_input(gate, unit, x) + direction.of_state(gate, unit, h))
}

/// The hidden gate multiplies weights by the hidden state after its reset, which needs no state of a cell: it is kept there.
fn after_reset(direction: &Direction<'_>, Step { x, h, c, next }: Step<'_>) {
    for (unit, reset) in c.iter_mut().enumerate() {
        *reset = gate(direction, 1, unit, x, h) * h[unit];
    }
    for (unit, next) in next.iter_mut().enumerate() {
        let update = gate(direction, 0, unit, x, h);
        let sum = direction.of_input(2, unit, x) + direction.of_state(2, unit, c);
        *next = (1.0 - update) * direction.activate(1, sum) + update * h[unit];
    }
    std::mem::swap(h, next);
}

/// The hidden gate multiplies weights by the hidden state, and resets the product.
fn before_reset(direction: &Direction<'_>, Step { x, h, next, .. }: Step<'_>) {
    for (unit, next) in next.iter_mut().enumerate() {
        let [update, reset] = [0, 1].map(|number| gate(direction, number, unit, x, h));
        let sum = direction.of_input(2, unit, x) + reset * direction.of_state(2, unit, h);
        *next = (1.0 - update) * direction.activate(1, sum) + update * h[unit];
    }
    std::mem::swap(h, next);
}
