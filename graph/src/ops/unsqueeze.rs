//! `Unsqueeze`: axes are numbered as in the output.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::axes;
use super::shared::reshaping::{self, Reshaping};
use super::shared::upgrade;
use crate::{Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Floats(&[2, 3]), Input::Integers(&[0, -1])], &[])],
    upgrade: upgrade::axes,
    ..reshaping::operator::<Unsqueeze>("Unsqueeze", "the same elements with more axes of size 1")
};

struct Unsqueeze;

impl Reshaping for Unsqueeze {
    fn shape(node: &Node, from: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Error> {
        let axes = axes.ok_or_else(|| Error::node(node, "input 1, the axes, is missing"))?;
        let new = axes::named(node, axes, from.len() + axes.len())?;
        let mut old = from.iter().copied();
        Ok(new.into_iter().map(|new| if new { 1 } else { old.next().unwrap_or(1) }).collect())
    }
}
