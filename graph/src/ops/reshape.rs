//! `Reshape`: the new shape may contain one −1, which is inferred, and zeros, which keep the input's dimension (unless
//! `allowzero`).

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::reshaping::{self, Reshaping};
use super::shared::upgrade::Constants;
use crate::{Error, Node, element_count};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[0, -1])], &[]),
        Example::new(&[Input::Bytes(&[1, 2, 3, 4]), Input::Integers(&[4, 6])], &[]),
    ],
    upgrade,
    ..reshaping::operator::<Reshape>("Reshape", "the same elements in another shape")
};

/// `shape` became input 1 with operator set 5.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 5 {
        constants.ints_to_input(&mut node, "shape", 1)?;
    }
    Ok(vec![node])
}

struct Reshape;

impl Reshaping for Reshape {
    fn shape(node: &Node, from: &[usize], wanted: Option<&[i64]>) -> Result<Vec<usize>, Error> {
        let wanted = wanted.ok_or_else(|| Error::node(node, "input 1, the shape, is missing"))?;
        let zero_is_zero = node.flag("allowzero", false)?;
        let misfit =
            || Error::node(node, format!("a tensor of shape {from:?} does not reshape to {wanted:?}"));
        let mut open = None;
        let mut shape = Vec::with_capacity(wanted.len());
        for (axis, &size) in wanted.iter().enumerate() {
            shape.push(match size {
                0 if !zero_is_zero => *from.get(axis).ok_or_else(misfit)?,
                -1 if open.is_none() => {
                    open = Some(axis);
                    1
                }
                _ => usize::try_from(size).map_err(|_| misfit())?,
            });
        }
        let (have, known) = (element_count(from)?, element_count(&shape)?);
        if let Some(axis) = open {
            shape[axis] = have.checked_div(known).ok_or_else(misfit)?;
        }
        if element_count(&shape)? == have { Ok(shape) } else { Err(misfit()) }
    }
}
