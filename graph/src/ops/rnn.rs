//! `RNN`: a hidden state from the input and the state before.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::recurrent::{self, Cell, Direction, Step};

pub(crate) static OP: Operator = Operator {
    since: 7,
    examples: &[
        Example::new(
            &[Input::Floats(&[3, 2, 4]), Input::Weights(&[1, 5, 4]), Input::Weights(&[1, 5, 5])],
            &[],
        )
        .outputs(2),
        Example::new(
            &[
                Input::Floats(&[2, 3, 4]),
                Input::Weights(&[2, 5, 4]),
                Input::Weights(&[2, 5, 5]),
                Input::Weights(&[2, 10]),
            ],
            &[("direction", Value::Text("bidirectional")), ("layout", Value::Int(1))],
        ),
    ],
    reads: |inputs| recurrent::reads(inputs, CELL.gates),
    ..Operator::new(
        "RNN",
        "a recurrent network",
        |inputs| recurrent::infer(inputs, &CELL),
        |args| recurrent::evaluate(args, &CELL),
    )
};

static CELL: Cell = Cell { gates: 1, states: 1, functions: &["tanh"], step };

fn step(direction: &Direction<'_>, Step { x, h, next, .. }: Step<'_>) {
    for (unit, next) in next.iter_mut().enumerate() {
        *next = direction.activate(0, direction.of_input(0, unit, x) + direction.of_state(0, unit, h));
    }
    std::mem::swap(h, next);
}
