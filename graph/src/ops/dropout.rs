//! `Dropout` in inference mode: the identity, and a mask of kept elements, which is all true.

use super::cast;
use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::exec::builder::Builder;
use crate::exec::float;
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Float(0.5)], &[]),
        Example::new(&[Input::Floats(&[7])], &[]).outputs(2),
    ],
    eight_bit: EightBit::MOVE,
    lower,
    upgrade,
    ..Operator::new("Dropout", "the input itself, and a mask of ones: inference alone", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    Ok(vec![x.clone(), TensorType::new(mask_type(inputs.node, x.data_type)?, x.shape.as_slice())])
}

/// A node that cannot be in training mode.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let constant = |index| builder.constant_input(node, index);
    let keeps_all = node.input(2).is_none()
        || constant(2).is_some_and(|mode| mode.to_scalar().is_ok_and(|mode: bool| !mode))
        || constant(1).is_some_and(|ratio| ratio.to_scalar().is_ok_and(|ratio: f32| ratio == 0.0));
    Ok(keeps_all && node.output(1).is_none() && float::lower::rename(builder, node)?)
}

/// Training mode, which drops elements at random, is not supported.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let ratio = args.optional_scalar::<f32>(1)?.unwrap_or(0.5);
    if args.optional_scalar::<bool>(2)?.unwrap_or(false) && ratio != 0.0 {
        return Err(args.unsupported("training mode drops elements at random"));
    }
    let mut outputs = vec![input.clone()];
    if args.node().output(1).is_some() {
        let mask = Tensor::new(input.shape(), vec![true; input.len()])?;
        outputs.push(cast::converted(&mask, mask_type(args.node(), input.data_type())?)?);
    }
    Ok(outputs)
}

/// Marks nodes whose mask has the type of the input.
const MASK_LIKE_INPUT: &str = "mask_like_input";

fn mask_type(node: &Node, input: DataType) -> Result<DataType, Error> {
    Ok(if node.flag(MASK_LIKE_INPUT, false)? { input } else { DataType::Bool })
}

/// The mask became boolean with operator set 10, `ratio` an input with 12.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 10 {
        node = node.with(MASK_LIKE_INPUT, 1i64);
    }
    if version < 12 {
        let ratio = node.float("ratio", 0.5)?;
        node.attributes.remove("ratio");
        node.attributes.remove("is_test");
        let name = constants.add(&node, "ratio", Tensor::scalar(ratio));
        node.inputs.push(name);
    }
    Ok(vec![node])
}
