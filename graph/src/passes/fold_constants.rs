//! `fold_constants`: evaluates what does not depend on the graph's inputs.

use std::collections::BTreeMap;

use crate::limits::bytes_of;
use crate::ops::dequantize_linear;
use crate::ops::evaluate::{MAX_WORK, evaluate_known, work};
use crate::ops::shared::inputs::Inputs;
use crate::shapes::{ShapeOptions, infer_shapes, output_types};
use crate::tensor::extent;
use crate::{Error, Graph, Limits, Node, Tensor, TensorType};

/// The largest result folded, in elements: a larger constant in the file would cost more than it saves.
const MAX_ELEMENTS: usize = 1 << 24;
/// The most bytes of all results together: many nodes may each make a large result from the same constant.
const MAX_BYTES: u64 = 1 << 30;

/// What all results that are folded together may still take: bytes, and operations of the evaluator.
#[derive(Clone, Debug)]
pub struct FoldBudget {
    bytes: u64,
    /// See [`work`].
    work: u64,
}

/// As much as [`fold_constants`] takes for a graph.
impl Default for FoldBudget {
    fn default() -> Self {
        Self { bytes: MAX_BYTES, work: MAX_WORK }
    }
}

impl FoldBudget {
    /// As much as the limits of a model allow: for an importer, which folds weights of every size one by one.
    pub fn within(limits: &Limits) -> Self {
        Self { bytes: limits.max_bytes, work: MAX_WORK }
    }

    /// Takes what results of these types take; `false` if too little is left.
    fn take(&mut self, inputs: &Inputs<'_>, outputs: &[TensorType]) -> bool {
        let bytes = self.bytes.checked_sub(outputs.iter().map(bytes_of).sum());
        let work = self.work.checked_sub(work(inputs, outputs));
        let (Some(bytes), Some(work)) = (bytes, work) else { return false };
        *self = Self { bytes, work };
        true
    }
}

/// Replaces nodes that read only constants by their results, and `Shape` where the graph fixes its result.
///
/// `DequantizeLinear` stays: an eight-bit graph holds its weights that way, and folding would restore the floats.
/// Operators that cannot be evaluated stay, too, and products that would take seconds. Constants that become unused stay for `strip_unused_nodes`.
///
/// # Errors
///
/// Nodes whose constant inputs do not fit their operator, and every error of [`Graph::topological_order`].
pub fn fold_constants(graph: Graph) -> Result<Graph, Error> {
    fold_constants_within(graph, &mut FoldBudget::default())
}

/// As [`fold_constants`], for parts of a graph that share a budget; a node for which too little is left stays.
///
/// # Errors
///
/// As [`fold_constants`].
pub fn fold_constants_within(mut graph: Graph, left: &mut FoldBudget) -> Result<Graph, Error> {
    // With open dimensions or unknown operators, shapes are unknown.
    let types = infer_shapes(&graph, &ShapeOptions::default()).unwrap_or_default();
    let mut folded = vec![false; graph.nodes.len()];
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let results = evaluate(&graph, node, &types, left)?;
        let Some(results) = results.filter(|results| results.len() >= node.outputs.len()) else { continue };
        let outputs = node.outputs.clone();
        let named = outputs.into_iter().zip(results).filter(|(name, _)| !name.is_empty());
        graph.constants.extend(named);
        folded[index] = true;
    }
    let mut folded = folded.into_iter();
    graph.nodes.retain(|_| folded.next() == Some(false));
    Ok(graph)
}

/// The outputs of a node that reads only constants or shapes that are in `types`; `None` for all others, and for nodes that
/// stay.
fn evaluate(
    graph: &Graph,
    node: &Node,
    types: &BTreeMap<String, TensorType>,
    left: &mut FoldBudget,
) -> Result<Option<Vec<Tensor>>, Error> {
    let needs_values = node.operator().is_none_or(|operator| operator.from_types.is_none());
    let names = || (0..node.inputs.len()).filter_map(|index| node.input(index));
    if node.is(&dequantize_linear::OP)
        || needs_values && names().any(|name| !graph.constants.contains_key(name))
    {
        return Ok(None);
    }
    // `types` does not have the constants that this pass made.
    let of_constant = |name| Some((name, TensorType::of(graph.constants.get(name)?)));
    let constants: BTreeMap<&str, TensorType> = names().filter_map(of_constant).collect();
    let type_of = |name: &str| constants.get(name).or_else(|| types.get(name));
    if names().any(|name| type_of(name).is_none()) {
        return Ok(None);
    }
    let inputs = Inputs::new(node, type_of, |name| graph.constants.get(name))?;
    // Sizes first: a small file may describe a huge result.
    let Some(outputs) = supported(output_types(&inputs))? else { return Ok(None) };
    if outputs.iter().any(|output| extent(&output.shape).is_none_or(|extent| extent > MAX_ELEMENTS)) {
        return Ok(None);
    }
    if !left.take(&inputs, &outputs) {
        return Ok(None);
    }
    Ok(supported(evaluate_known(&inputs))?.flatten())
}

/// `None` for what is not supported: the node stays, and the executor reports it.
fn supported<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::UnsupportedOp { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataType;
    use crate::passes::testing::{graph, names};

    #[test]
    fn chains_of_constants_become_one() {
        let mut graph = graph(vec![
            Node::new("m", "Mul", &["s", "b"], &["c"]),
            Node::new("s", "Add", &["a", "b"], &["s"]),
            Node::new("r", "Add", &["x", "c"], &["y"]),
        ]);
        graph.constants.insert("a".to_owned(), Tensor::scalar(1.0f32));
        graph.constants.insert("b".to_owned(), Tensor::vector([2.0f32, 3.0]));
        let graph = fold_constants(graph).expect("valid");
        assert_eq!(names(&graph), ["r"]);
        assert_eq!(graph.constants["c"], Tensor::vector([6.0f32, 12.0]));
        graph.validate().expect("valid");
    }

    #[test]
    fn fixed_shapes_are_constants() {
        let nodes = || {
            vec![
                Node::new("s", "Shape", &["x"], &["s"]),
                Node::new("m", "Mul", &["s", "two"], &["t"]),
                Node::new("r", "Expand", &["x", "t"], &["y"]),
            ]
        };
        let mut fixed = graph(nodes());
        fixed.nodes[2].op = "Reshape".into();
        fixed.constants.insert("two".to_owned(), Tensor::vector([2i64, -1]));
        fixed.inputs[0].shape = vec![Some(2), Some(1)];
        let error = infer_shapes(&fixed, &ShapeOptions::default()).expect_err("2 elements are not 4 rows");
        assert!(error.to_string().contains("[4, -1]"), "{error}");
        fixed.constants.insert("two".to_owned(), Tensor::vector([1i64, -1]));
        let folded = fold_constants(fixed).expect("valid");
        assert_eq!(names(&folded), ["r"]);
        assert_eq!(folded.constants["t"], Tensor::vector([2i64, -1]));

        let mut open = graph(nodes());
        open.inputs[0].shape[0] = None;
        open.constants.insert("two".to_owned(), Tensor::vector([2i64, 2]));
        assert_eq!(fold_constants(open.clone()).expect("valid"), open);
    }

    #[test]
    fn quantized_weights_and_unknown_operators_stay() {
        let mut graph = graph(vec![
            Node::new("d", "DequantizeLinear", &["w", "s"], &["h"]),
            Node::new("f", "Frobnicate", &["w"], &["g"]),
            Node::new("p", "Pad", &["w", "huge"], &["i"]),
            Node::new("r", "Sum", &["x", "h", "g", "i"], &["y"]),
        ]);
        graph.constants.insert("w".to_owned(), Tensor::zeros([2], DataType::I8).expect("small"));
        graph.constants.insert("s".to_owned(), Tensor::scalar(0.5f32));
        graph.constants.insert("huge".to_owned(), Tensor::vector([1i64 << 26, 0]));
        assert_eq!(fold_constants(graph.clone()).expect("valid"), graph);
    }
}
