//! `quantize_nodes`: operators in eight bits, as TensorFlow's eight-bit kernels compute them.
//!
//! Each operator first gets conversions of its own, from float and to float; those that cancel between two operators go at the
//! end. What measures the ranges of the conversions that went stays, unused: `strip_unused_nodes` removes it.
//!
//! With a calibration (`transform_calibrated`) the ranges are constants in which zero is a code, operators read each other's codes,
//! and a bias that follows a product is added to its 32-bit sums.
//!
//! Other than the tool, this one reads an input that comes twice once, as in `x * x`, gives control inputs of an operator to its
//! eight-bit form, and leaves operators float whose attributes the eight-bit kernels do not have, such as dilations.

mod cancel;
mod classes;
mod fake_quant;
mod frozen;
mod observe;
mod operators;
mod placeholders;
mod rewrite;

pub(super) use observe::observe;

use super::context::Context;
use super::shared::graph::check_inputs;
use super::{Run, Transform, TransformError, merge_duplicate_nodes};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "quantize_nodes",
    parameters: &["input_min", "input_max", "fallback_min", "fallback_max", "ignore_op…"],
    summary: "replaces operators by TensorFlow's eight-bit ones",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let passes: [Run; 7] = [
        placeholders::quantize,
        fake_quant::hoist,
        fake_quant::convert,
        rewrite::quantize,
        fake_quant::merge,
        merge_duplicate_nodes::run,
        cancel::cancel,
    ];
    passes.into_iter().try_fold(nodes, |nodes, pass| {
        let nodes = pass(nodes, context)?;
        check_inputs(&nodes)?;
        Ok(nodes)
    })
}
