//! `fold_batch_norms`: a factor for each column of a product becomes part of the weights.
//!
//! Other than the tool, it leaves a product that is an output of the graph, and transposed weights, whose columns are rows.

use super::context::Context;
use super::shared::batch_norm::{debug, scaled};
use super::shared::pattern::Pattern;
use super::shared::replace::{Found, Missing, replace};
use super::{Transform, TransformError};
use crate::evaluate::Value;
use crate::node::{constant, value};
use crate::proto::{NodeDef, Value as Attribute};

pub(super) static TRANSFORM: Transform = Transform {
    name: "fold_batch_norms",
    parameters: &[],
    summary: "multiplies weights of Conv2D, DepthwiseConv2dNative and MatMul by a constant that follows",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let product = [Pattern::any(), Pattern::op("Const")];
    let product = Pattern::with("Conv2D|MatMul|DepthwiseConv2dNative", product);
    let pattern = Pattern::with("Mul", [product, Pattern::op("Const")]);
    let required = context.required();
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
        let (product, input, weights) = (found.at(&[0]), found.at(&[0, 0]), found.at(&[0, 1]));
        let is_shared = [&[0][..], &[0, 1], &[1]].into_iter().any(|path| found.is_used_elsewhere(path));
        let is_transposed = value(product, "transpose_b") == Some(&Attribute::B(true));
        if is_shared || is_transposed || required.contains(&product.name) || input.name == weights.name {
            return Ok([found.at(&[]), product, input, weights, found.at(&[1])].map(Clone::clone).to_vec());
        }
        fold(found)
    })?;
    Ok(nodes)
}

fn fold(found: &Found<'_>) -> Result<Vec<NodeDef>, TransformError> {
    let (product, weights) = (found.at(&[0]), found.at(&[0, 1]));
    let (shape, elements) = Value::floats(weights).map_err(TransformError::Invalid)?;
    let (scale_shape, scale) = Value::floats(found.at(&[1])).map_err(TransformError::Invalid)?;
    let columns = match (product.op.as_str(), shape.as_slice()) {
        ("Conv2D", &[_, _, _, columns]) | ("MatMul", &[_, columns]) => columns,
        ("DepthwiseConv2dNative", &[_, _, channels, multiplier]) => channels * multiplier,
        _ => {
            let reason = format!("Weights {} of {} have bad shape: {}", weights.name, product.op, debug(&shape));
            return Err(TransformError::Invalid(reason));
        }
    };
    if scale_shape != [columns] {
        let shape = debug(&scale_shape);
        return Err(TransformError::Invalid(format!("Mul constant input to batch norm has bad shape: {shape}")));
    }
    let mut renamed = product.clone();
    renamed.name.clone_from(&found.at(&[]).name);
    Ok(vec![constant(&weights.name, scaled(&shape, elements, &scale)), found.at(&[0, 0]).clone(), renamed])
}
