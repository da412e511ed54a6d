//! Rewrites nodes of older operator sets to operator set 13.
//!
//! Changes by operator: github.com/onnx/onnx, docs/Changelog.md. The changes of an operator are in its own file.

use crate::limits::bytes_of;
use crate::{DataType, Error, Graph, Limits, Names, Node, Tensor, TensorType, quoted};

/// Rewrites a node of an older version of ONNX's operator set, as one node or several.
pub(crate) type Upgrade = fn(Node, i64, &mut Constants<'_>) -> Result<Vec<Node>, Error>;

/// The constants and names that rewritten nodes add.
pub(crate) struct Constants<'a> {
    graph: &'a mut Graph,
    pub(crate) names: Names,
    /// What constants larger than the ones that they are made of may take.
    limits: Limits,
}

impl<'a> Constants<'a> {
    /// Constants and names for the nodes of `graph`.
    pub(crate) fn new(graph: &'a mut Graph) -> Self {
        Self::within(graph, Limits::default())
    }

    /// The same, where large constants may take no more than these limits.
    pub(crate) fn within(graph: &'a mut Graph, limits: Limits) -> Self {
        Self { names: Names::of(graph), graph, limits }
    }

    /// Makes sure that floats of this shape may be added for `node`, before memory is allocated for them.
    pub(crate) fn reserve_floats(&mut self, node: &Node, shape: [usize; 2]) -> Result<(), Error> {
        let what = || format!("the floats of node {}", quoted(&node.name));
        self.limits.check_elements(&shape, what)?;
        let bytes = bytes_of(&TensorType::new(DataType::F32, shape));
        self.limits.check_bytes(bytes, what)?;
        self.limits.max_bytes -= bytes;
        Ok(())
    }

    /// The nodes of the graph, which keep their names.
    pub(crate) fn take_nodes(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.graph.nodes)
    }

    /// Notes that a rewritten node is one of operator set `version`, which the file that is written must import.
    pub(crate) fn need_opset(&mut self, version: i64) {
        self.graph.opset = self.graph.opset.max(version);
    }

    /// The constant with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Tensor> {
        self.graph.constants.get(name)
    }

    /// Adds a constant for `node`, and returns its name.
    pub(crate) fn add(&mut self, node: &Node, what: &str, tensor: Tensor) -> String {
        let name = self.names.fresh(&format!("{}_{what}", node.name));
        self.graph.constants.insert(name.clone(), tensor);
        name
    }

    /// Moves the attribute `name`, a list of integers, to the input `index` of the node; `false` if it is absent.
    pub(crate) fn ints_to_input(&mut self, node: &mut Node, name: &str, index: usize) -> Result<bool, Error> {
        let Some(values) = node.ints(name)?.map(<[i64]>::to_vec) else { return Ok(false) };
        let constant = self.add(node, name, Tensor::vector(values));
        node.attributes.remove(name);
        node.inputs.resize(node.inputs.len().max(index + 1), String::new());
        node.inputs[index] = constant;
        Ok(true)
    }
}

/// Marks nodes whose second input is aligned with an axis of the first, not with its last ones: the importer knows the ranks only
/// when it has the whole graph.
pub(crate) const ALIGNED_AXIS: &str = "aligned_axis";

/// Before operator set 7, the second input was broadcast only if `broadcast` was set, and from `axis` on.
pub(crate) fn broadcast(mut node: Node, version: i64, _: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 7 {
        let is_broadcast = node.flag("broadcast", false)?;
        let axis = node.optional_int("axis")?.filter(|_| is_broadcast);
        for old in ["axis", "broadcast"] {
            node.attributes.remove(old);
        }
        if let Some(axis) = axis {
            node = node.with(ALIGNED_AXIS, axis);
        }
    }
    Ok(vec![node])
}

/// `axes` became input 1 with operator set 13.
pub(crate) fn axes(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 13 {
        constants.ints_to_input(&mut node, "axes", 1)?;
    }
    Ok(vec![node])
}
