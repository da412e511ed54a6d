//! Evaluates TensorFlow's operators on constants.
//!
//! One table, [`OPERATORS`], says which; an operator that is not in it, or has types or attributes that its function does not
//! know, is left to the graph. Source of the definitions: <https://www.tensorflow.org/api_docs/python/tf/raw_ops>.

mod arguments;
mod binary;
mod cast;
mod matmul;
mod moves;
mod reduce;
mod shapes;
mod slices;
mod unary;
mod value;

pub(crate) use arguments::Arguments;
pub(crate) use shapes::of_shape;
pub(crate) use value::{Data, MAX_REPEATED, Value, content, element_count, sizes};

use std::rc::Rc;

use crate::proto::NodeDef;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NoValue {
    /// It is not computed here.
    Unsupported,
    /// There is none: the reason, in TensorFlow's words.
    Invalid(String),
}

type Function = fn(&Arguments<'_>) -> Result<Vec<Value>, NoValue>;

static OPERATORS: &[(&str, Function)] = &[
    ("Abs", unary::abs),
    ("Add", binary::add),
    ("AddV2", binary::add),
    ("Cast", cast::cast),
    ("Ceil", unary::ceil),
    ("Concat", moves::concat),
    ("ConcatV2", moves::concat_v2),
    ("Div", binary::div),
    ("Equal", binary::equal),
    ("Exp", unary::exp),
    ("ExpandDims", shapes::expand_dims),
    ("Fill", shapes::fill),
    ("Floor", unary::floor),
    ("FloorDiv", binary::floor_div),
    ("FloorMod", binary::floor_mod),
    ("Gather", moves::gather),
    ("GatherV2", moves::gather),
    ("Greater", binary::greater),
    ("GreaterEqual", binary::greater_equal),
    ("Less", binary::less),
    ("LessEqual", binary::less_equal),
    ("Log", unary::log),
    ("LogicalNot", unary::logical_not),
    ("MatMul", matmul::matmul),
    ("Max", reduce::max),
    ("Maximum", binary::maximum),
    ("Mean", reduce::mean),
    ("Min", reduce::min),
    ("Minimum", binary::minimum),
    ("Mul", binary::mul),
    ("Neg", unary::neg),
    ("NotEqual", binary::not_equal),
    ("Pack", moves::pack),
    ("Prod", reduce::prod),
    ("Range", shapes::range),
    ("Rank", shapes::about_shape),
    ("RealDiv", binary::div),
    ("Reciprocal", unary::reciprocal),
    ("Relu", unary::relu),
    ("Relu6", unary::relu6),
    ("Reshape", shapes::reshape),
    ("Rsqrt", unary::rsqrt),
    ("Shape", shapes::about_shape),
    ("Size", shapes::about_shape),
    ("Slice", slices::slice),
    ("Split", moves::split),
    ("Sqrt", unary::sqrt),
    ("Square", unary::square),
    ("SquaredDifference", binary::squared_difference),
    ("Squeeze", shapes::squeeze),
    ("StridedSlice", slices::strided_slice),
    ("Sub", binary::sub),
    ("Sum", reduce::sum),
    ("Tile", moves::tile),
    ("Transpose", moves::transpose),
    ("Unpack", moves::unpack),
];

/// Operators that give their first input as it is.
const COPIES: [&str; 4] = ["Identity", "PreventGradient", "Snapshot", "StopGradient"];

/// The values of a node's outputs.
pub(crate) fn evaluate(node: &NodeDef, inputs: &[Rc<Value>]) -> Result<Vec<Rc<Value>>, NoValue> {
    if COPIES.contains(&node.op.as_str()) {
        return inputs.first().map(|input| vec![input.clone()]).ok_or(NoValue::Unsupported);
    }
    let index = OPERATORS.binary_search_by_key(&node.op.as_str(), |(name, _)| name);
    let (_, function) = index.ok().and_then(|index| OPERATORS.get(index)).ok_or(NoValue::Unsupported)?;
    let values = function(&Arguments { node, inputs })?;
    Ok(values.into_iter().map(Rc::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(OPERATORS.is_sorted_by_key(|(name, _)| *name));
    }
}
