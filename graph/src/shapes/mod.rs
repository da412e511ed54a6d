//! Shape inference: the type and the fixed shape of every value in a graph.
//!
//! The rules are those of ONNX's operator specification (github.com/onnx/onnx, docs/Operators.md).

mod arrange;
mod bytes;
mod combine;
mod open;
mod rules;
mod window;

use std::collections::{BTreeMap, HashMap};

pub(crate) use arrange::shape_value;
pub use open::infer_open_shapes;
pub use window::Window;
pub(crate) use window::kernel_shape;

use crate::{DataType, Error, Graph, Limits, Node, Tensor, ValueInfo, quoted};

/// What shape inference needs to know beyond the graph.
#[derive(Clone, Debug)]
pub struct ShapeOptions {
    /// The size of the first dimension of the graph's inputs where the graph leaves it open.
    pub batch: Option<usize>,
    /// Whole shapes for inputs of the graph, by name. Dimensions that the graph fixes must agree.
    pub inputs: BTreeMap<String, Vec<usize>>,
    /// What the model may take.
    pub limits: Limits,
}

/// An open batch is an error; the default limits.
impl Default for ShapeOptions {
    fn default() -> Self {
        Self { batch: None, inputs: BTreeMap::new(), limits: Limits::default() }
    }
}

impl ShapeOptions {
    /// The default with a batch of `size` where the graph leaves it open.
    pub fn with_batch(size: usize) -> Self {
        Self { batch: Some(size), ..Self::default() }
    }
}

/// A value's element type and fixed shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// The element type.
    pub data_type: DataType,
    /// The dimensions, outermost first.
    pub shape: Vec<usize>,
}

impl TensorType {
    /// A type of its parts.
    pub fn new(data_type: DataType, shape: impl Into<Vec<usize>>) -> Self {
        Self { data_type, shape: shape.into() }
    }

    /// The type of `tensor`.
    pub fn of(tensor: &Tensor) -> Self {
        Self::new(tensor.data_type(), tensor.shape())
    }
}

/// The types of all values of `graph` by name: inputs, constants and the outputs of nodes.
///
/// ```
/// # use eightbit_graph::{DataType, Graph, Node, ValueInfo, shapes::{ShapeOptions, infer_shapes}};
/// let image = ValueInfo { name: "x".into(), data_type: DataType::F32, shape: vec![None, Some(3), Some(8), Some(8)] };
/// let pool = Node::new("pool", "MaxPool", &["x"], &["y"]).with("kernel_shape", vec![2, 2]).with("strides", vec![2, 2]);
/// let graph = Graph { inputs: vec![image], nodes: vec![pool], ..Graph::default() };
/// let types = infer_shapes(&graph, &ShapeOptions::with_batch(1))?;
/// assert_eq!(types["y"].shape, [1, 3, 4, 4]);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::UnknownDimension`] for an open dimension that `options` do not bind, [`Error::OverLimit`], [`Error::UnsupportedOp`] for
/// operators without a rule, errors that name the node whose inputs do not fit, and whatever
/// [`Graph::topological_order`] finds.
pub fn infer_shapes(graph: &Graph, options: &ShapeOptions) -> Result<BTreeMap<String, TensorType>, Error> {
    let mut types = BTreeMap::new();
    for input in &graph.inputs {
        let shape = input_shape(input, options)?;
        options.limits.check_elements(&shape, || format!("value {}", quoted(&input.name)))?;
        types.insert(input.name.clone(), TensorType::new(input.data_type, shape));
    }
    for (name, tensor) in &graph.constants {
        options.limits.check_elements(tensor.shape(), || format!("constant {}", quoted(name)))?;
        types.insert(name.clone(), TensorType::of(tensor));
    }
    // Values that only depend on shapes, such as `Shape`'s output, for the nodes that turn them into shapes.
    let mut computed: HashMap<&str, Tensor> = HashMap::new();
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let inputs = Inputs::new(graph, node, &types, &computed)?;
        let outputs = rules::outputs(&inputs).map_err(|error| error.in_node(node))?;
        if let (Some(tensor), Some(name)) = (rules::value(&inputs, &outputs)?, node.output(0)) {
            computed.insert(name, tensor);
        }
        for output in &outputs {
            // Whether it has a name or not: the operator computes it.
            options
                .limits
                .check_elements(&output.shape, || format!("an output of node {}", quoted(&node.name)))?;
        }
        for (name, output) in node.outputs.iter().zip(outputs) {
            if !name.is_empty() {
                types.insert(name.clone(), output);
            }
        }
    }
    Ok(types)
}

/// The types of the outputs of a node that reads only constants of `graph`.
pub(crate) fn constant_types(graph: &Graph, node: &Node) -> Result<Vec<TensorType>, Error> {
    let constants = node.inputs.iter().filter_map(|name| graph.constants.get_key_value(name));
    let types = constants.map(|(name, tensor)| (name.clone(), TensorType::of(tensor))).collect();
    let computed = HashMap::new();
    rules::outputs(&Inputs::new(graph, node, &types, &computed)?).map_err(|error| error.in_node(node))
}

fn input_shape(input: &ValueInfo, options: &ShapeOptions) -> Result<Vec<usize>, Error> {
    let given = options.inputs.get(&input.name);
    if let Some(given) = given
        && (given.len() != input.shape.len()
            || input.shape.iter().zip(given).any(|(fixed, &size)| fixed.is_some_and(|fixed| fixed != size)))
    {
        return Err(Error::value(
            &input.name,
            format!("shape {given:?} was given, but the graph says {}", open_shape(&input.shape)),
        ));
    }
    let bound = |(axis, dim): (usize, &Option<usize>)| {
        dim.or_else(|| given.map(|shape| shape[axis]))
            .or(if axis == 0 { options.batch } else { None })
            .ok_or_else(|| Error::UnknownDimension { value: input.name.clone(), axis })
    };
    input.shape.iter().enumerate().map(bound).collect()
}

/// A shape for people, with `?` for open dimensions.
pub(crate) fn open_shape(shape: &[Option<usize>]) -> String {
    let dims: Vec<String> =
        shape.iter().map(|dim| dim.map_or_else(|| "?".to_owned(), |size| size.to_string())).collect();
    format!("[{}]", dims.join(", "))
}

/// What a rule sees of a node.
struct Inputs<'a> {
    node: &'a Node,
    graph: &'a Graph,
    types: Vec<Option<&'a TensorType>>,
    computed: &'a HashMap<&'a str, Tensor>,
}

impl<'a> Inputs<'a> {
    fn new(
        graph: &'a Graph,
        node: &'a Node,
        types: &'a BTreeMap<String, TensorType>,
        computed: &'a HashMap<&'a str, Tensor>,
    ) -> Result<Self, Error> {
        let find = |name: &'a String| -> Result<Option<&'a TensorType>, Error> {
            if name.is_empty() {
                return Ok(None);
            }
            // An output that its node does not have: more names than the operator gives.
            types.get(name).map(Some).ok_or_else(|| {
                Error::node(
                    node,
                    format!("reads {}, an output that its operator does not give", quoted(name)),
                )
            })
        };
        let types = node.inputs.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { node, graph, types, computed })
    }

    fn optional(&self, index: usize) -> Option<&'a TensorType> {
        self.types.get(index).copied().flatten()
    }

    fn get(&self, index: usize) -> Result<&'a TensorType, Error> {
        self.optional(index).ok_or_else(|| self.error(format!("input {index} is missing")))
    }

    fn shape(&self, index: usize) -> Result<&'a [usize], Error> {
        Ok(&self.get(index)?.shape)
    }

    /// The integers of input `index`, which must not depend on what the graph is run with; `None` if left out.
    fn integers(&self, index: usize) -> Result<Option<&'a [i64]>, Error> {
        let Some(name) = self.node.input(index) else { return Ok(None) };
        let constant = self.graph.constants.get(name).or_else(|| self.computed.get(name));
        let Some(tensor) = constant else {
            return Err(Error::unsupported(
                self.node,
                format!("input {index} ({}) decides a shape and is not a constant", quoted(name)),
            ));
        };
        tensor.as_i64().map(Some).map_err(|error| error.in_value(name))
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::node(self.node, reason)
    }

    fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        resolve_axis(self.node, axis, rank)
    }
}

/// `axis`, counted from the end if negative, as an index below `rank`; an error that names `node` otherwise.
pub fn resolve_axis(node: &Node, axis: i64, rank: usize) -> Result<usize, Error> {
    let from_start = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    from_start
        .and_then(|axis| usize::try_from(axis).ok())
        .filter(|&axis| axis < rank)
        .ok_or_else(|| Error::node(node, format!("axis {axis} of a tensor of rank {rank}")))
}

#[cfg(test)]
mod tests;
