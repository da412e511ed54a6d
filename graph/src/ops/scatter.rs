//! `Scatter`, the name of `ScatterElements` before operator set 11.

use super::operator::Operator;
use super::scatter_elements;
use crate::Node;

pub(crate) static OP: Operator = Operator {
    since: 9,
    upgrade: |node, _, _| Ok(vec![Node { op: (&scatter_elements::OP).into(), ..node }]),
    ..Operator { name: "Scatter", summary: "as ScatterElements", ..scatter_elements::OP }
};
