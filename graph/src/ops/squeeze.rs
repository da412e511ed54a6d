//! `Squeeze`: without axes, it removes all axes of size 1.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::axes;
use super::shared::reshaping::{self, Reshaping};
use super::shared::upgrade;
use crate::{Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 1, 3, 1]), Input::Integers(&[-1])], &[]),
        Example::new(&[Input::Floats(&[2, 1, 3, 1])], &[]),
    ],
    upgrade: upgrade::axes,
    ..reshaping::operator::<Squeeze>("Squeeze", "the same elements without axes of size 1")
};

struct Squeeze;

impl Reshaping for Squeeze {
    fn shape(node: &Node, from: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Error> {
        let gone = match axes {
            Some(axes) => axes::named(node, axes, from.len())?,
            None => from.iter().map(|&size| size == 1).collect(),
        };
        if let Some(axis) = (0..from.len()).find(|&axis| gone[axis] && from[axis] != 1) {
            return Err(Error::node(node, format!("axis {axis} of shape {from:?} is not 1")));
        }
        Ok(from.iter().zip(gone).filter(|&(_, gone)| !gone).map(|(&size, _)| size).collect())
    }
}
