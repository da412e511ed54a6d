//! `LSTM`: long short-term memory. The gates are input, output, forget and cell, in this order; the first three may read the state
//! of the cell (peepholes).

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::recurrent::{self, Cell, Direction, Step};
use crate::exec::float;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 7,
    examples: &[
        Example::new(
            &[
                Input::Floats(&[3, 2, 4]),
                Input::Weights(&[1, 20, 4]),
                Input::Weights(&[1, 20, 5]),
                Input::Weights(&[1, 40]),
            ],
            &[],
        )
        .outputs(3),
        Example::new(
            &[
                Input::Floats(&[2, 3, 4]),
                Input::Weights(&[2, 20, 4]),
                Input::Weights(&[2, 20, 5]),
                Input::Absent,
                Input::Absent,
                Input::Floats(&[2, 2, 5]),
                Input::Floats(&[2, 2, 5]),
                Input::Weights(&[2, 15]),
            ],
            &[
                ("direction", Value::Text("bidirectional")),
                ("layout", Value::Int(1)),
                ("input_forget", Value::Int(1)),
                ("clip", Value::Float(1.5)),
            ],
        )
        .outputs(3),
    ],
    reads: |inputs| recurrent::reads(inputs, 4),
    lower: |builder, node| float::recurrent::lower(builder, node, float::recurrent::Cell::Lstm),
    ..Operator::new(
        "LSTM",
        "a network of long short-term memory",
        |inputs| recurrent::infer(inputs, &FORGETS),
        evaluate,
    )
};

pub(super) const FORGETS: Cell = cell(forgets);
const COUPLED: Cell = cell(coupled);

const fn cell(step: fn(&Direction<'_>, Step<'_>)) -> Cell {
    Cell { gates: 4, states: 2, functions: &["sigmoid", "tanh", "tanh"], step }
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let is_coupled = args.node().flag("input_forget", false)?;
    recurrent::evaluate(args, if is_coupled { &COUPLED } else { &FORGETS })
}

/// The state of the cell is forgotten by a gate of its own.
pub(super) fn forgets(direction: &Direction<'_>, step: Step<'_>) {
    compute(direction, step, false);
}

/// The state of the cell is forgotten as far as the input gate opens.
fn coupled(direction: &Direction<'_>, step: Step<'_>) {
    compute(direction, step, true);
}

fn compute(direction: &Direction<'_>, Step { x, h, c, next }: Step<'_>, is_coupled: bool) {
    for (unit, (next, c)) in next.iter_mut().zip(c).enumerate() {
        let sum = |gate: usize| direction.of_input(gate, unit, x) + direction.of_state(gate, unit, h);
        let input = direction.activate(0, sum(0) + direction.peep(0, unit, *c));
        let forget = if is_coupled {
            1.0 - input
        } else {
            direction.activate(0, sum(2) + direction.peep(2, unit, *c))
        };
        *c = forget * *c + input * direction.activate(1, sum(3));
        let output = direction.activate(0, sum(1) + direction.peep(1, unit, *c));
        // As in ONNX Runtime, `clip` holds for the sums of gates, not for the state.
        *next = output * direction.apply(2, *c);
    }
    std::mem::swap(h, next);
}
