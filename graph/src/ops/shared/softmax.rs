//! Shared by `Softmax` and `LogSoftmax`.

use super::super::example::{Example, Input, Value};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::unary;
use super::upgrade::Constants;
use crate::{Attribute, Error, Node, Tensor};

/// An operator that normalizes along an axis.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[2, 7])], &[]),
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("axis", Value::Int(1))]),
    ];
    Operator { examples: EXAMPLES, upgrade, ..Operator::new(name, summary, unary::same, evaluate) }
}

/// Calls `element(x − max, Σ exp(x − max))` for every element of the lines along the axis. Subtracting the maximum first
/// prevents overflow.
pub(crate) fn along_axis(
    args: &Arguments<'_>,
    element: impl Fn(f64, f64) -> f64,
) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let axis = args.axis(args.node().int("axis", -1)?, input.rank())?;
    let size = input.shape()[axis];
    let inner: usize = input.shape()[axis + 1..].iter().product();
    let x = input.as_f32()?;
    let mut y = vec![0.0f32; x.len()];
    for first in (0..x.len()).filter(|at| (at / inner).is_multiple_of(size)) {
        let line = || (0..size).map(|i| first + i * inner);
        let greatest = line().map(|at| x[at]).fold(f32::NEG_INFINITY, f32::max);
        let shifted = |at: usize| f64::from(x[at] - greatest);
        let sum: f64 = line().map(|at| shifted(at).exp()).sum();
        for at in line() {
            y[at] = element(shifted(at), sum) as f32;
        }
    }
    Ok(vec![Tensor::new(input.shape(), y)?])
}

/// Before operator set 13, these operators normalized over all axes starting at `axis` (1 by default) together.
pub(crate) fn upgrade(
    mut node: Node,
    version: i64,
    constants: &mut Constants<'_>,
) -> Result<Vec<Node>, Error> {
    if version >= 13 {
        return Ok(vec![node]);
    }
    let axis = node.int("axis", 1)?;
    if axis == -1 {
        node.attributes.insert("axis".to_owned(), Attribute::Int(-1));
        return Ok(vec![node]);
    }
    // The rank is not known here: flatten, then restore the shape. Shape inference makes `Shape` a constant.
    let (input, output) = (node.required_input(0)?.to_owned(), node.required_output(0)?.to_owned());
    let mut value = |what: &str| constants.names.fresh(&format!("{}_{what}", node.name));
    let (flat, soft, shape) = (value("flat"), value("soft"), value("shape"));
    let flatten = Node::new(&value("flatten"), "Flatten", &[&input], &[&flat]).with("axis", axis);
    let softmax = Node::of(node.op.clone(), &node.name, &[&flat], &[&soft]).with("axis", -1);
    let shape_of = Node::new(&value("shape_of"), "Shape", &[&input], &[&shape]);
    let reshape = Node::new(&value("reshape"), "Reshape", &[&soft, &shape], &[&output]);
    Ok(vec![flatten, softmax, shape_of, reshape])
}
