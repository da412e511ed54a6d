//! `Flatten`: two dimensions, those before `axis` and the others.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::indexing::axis_of;
use super::shared::reshaping::{self, Reshaping};
use crate::{Error, Node, element_count};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("axis", Value::Int(-1))]),
    ],
    ..reshaping::operator::<Flatten>("Flatten", "the same elements as a matrix")
};

struct Flatten;

impl Reshaping for Flatten {
    fn shape(node: &Node, from: &[usize], _: Option<&[i64]>) -> Result<Vec<usize>, Error> {
        let axis = node.int("axis", 1)?;
        // The axis may be one past the last.
        let axis = if axis == from.len() as i64 { from.len() } else { axis_of(node, axis, from.len())? };
        let (rows, columns) = from.split_at(axis);
        Ok(vec![element_count(rows)?, element_count(columns)?])
    }
}
