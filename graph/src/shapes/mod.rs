//! Shape inference: the type and the fixed shape of every value in a graph, by the rules of its operators.

mod open;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::ops::evaluate::evaluate_known;
use crate::ops::missing;
use crate::ops::shared::inputs::Inputs;
pub use crate::tensor::TensorType;
use crate::{Error, Graph, Limits, Tensor, ValueInfo, element_count, quoted};
pub use open::infer_open_shapes;
pub(crate) use open::open_types;

/// Options of shape inference.
#[derive(Clone, Debug)]
pub struct ShapeOptions {
    /// The size of the first dimension of the graph's inputs where the graph leaves it open.
    pub batch: Option<usize>,
    /// Complete shapes of inputs of the graph, by name. Dimensions that the graph fixes must agree.
    pub inputs: BTreeMap<String, Vec<usize>>,
    /// The limits of the model.
    pub limits: Limits,
}

/// No batch size, so that an open batch is an error; the default limits.
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
/// [`Error::UnknownDimension`] for an open dimension that `options` do not bind, [`Error::OverLimit`], [`Error::MissingOperators`] for
/// operators that are not implemented, errors that name the node whose inputs do not fit, and every error
/// of [`Graph::topological_order`].
pub fn infer_shapes(graph: &Graph, options: &ShapeOptions) -> Result<BTreeMap<String, TensorType>, Error> {
    missing::check(graph)?;
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
    // Values known before the graph runs, for nodes that use them as shapes.
    let mut computed: HashMap<&str, Tensor> = HashMap::new();
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let value_of = |name: &str| graph.constants.get(name).or_else(|| computed.get(name));
        let inputs = Inputs::new(node, |name| types.get(name), value_of)?;
        let outputs = output_types(&inputs)?;
        for output in &outputs {
            // Even without a name: the operator computes it.
            let what = || format!("an output of node {}", quoted(&node.name));
            options.limits.check_elements(&output.shape, what)?;
        }
        let values = known_values(&inputs, &outputs)?;
        for (index, output) in outputs.into_iter().enumerate() {
            if let Some(name) = node.output(index) {
                types.insert(name.to_owned(), output);
            }
        }
        for (index, value) in values.into_iter().flatten().enumerate() {
            if let Some(name) = node.output(index) {
                computed.insert(name, value);
            }
        }
    }
    Ok(types)
}

/// An error if an output of `graph` has another type than the graph declares. A declared shape is no promise: exporters write that of
/// their example, and other runtimes ignore it, too.
pub(crate) fn check_outputs<'t>(
    graph: &Graph,
    type_of: impl Fn(&str) -> Option<Cow<'t, TensorType>>,
) -> Result<(), Error> {
    for info in &graph.outputs {
        let Some(found) = type_of(&info.name) else { continue };
        if info.data_type != found.data_type {
            let (declared, found) = (info.data_type, found.data_type);
            return Err(Error::value(
                &info.name,
                format!(
                    "is an output declared as {declared}, but it is {found}: correct what the model declares"
                ),
            ));
        }
    }
    Ok(())
}

/// The types of the outputs of a node, by the rule of its operator.
pub(crate) fn output_types(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let node = inputs.node;
    let operator = node.operator().ok_or_else(|| Error::unsupported(node, "not implemented"))?;
    (operator.infer)(inputs).map_err(|error| error.in_node(node))
}

/// The most elements of a value computed during shape inference; values that determine shapes are smaller.
const MAX_VALUE: usize = 1 << 12;

/// The outputs of a node, of these types, if they are known before the graph runs, and small.
fn known_values(inputs: &Inputs<'_>, outputs: &[TensorType]) -> Result<Option<Vec<Tensor>>, Error> {
    let is_small = |of: &TensorType| element_count(&of.shape).is_ok_and(|count| count <= MAX_VALUE);
    let mut read = (0..inputs.len()).filter_map(|index| inputs.value_of(index));
    if read.any(|value| value.len() > MAX_VALUE) || !outputs.iter().all(is_small) {
        return Ok(None);
    }
    match evaluate_known(inputs) {
        Err(Error::UnsupportedOp { .. }) => Ok(None),
        result => result,
    }
}

fn input_shape(input: &ValueInfo, options: &ShapeOptions) -> Result<Vec<usize>, Error> {
    let given = options.inputs.get(&input.name);
    if let Some(given) = given
        && (given.len() != input.shape.len()
            || input.shape.iter().zip(given).any(|(fixed, &size)| fixed.is_some_and(|fixed| fixed != size)))
    {
        return Err(Error::value(
            &input.name,
            format!("the shape given is {given:?}, but the graph has {}", open_shape(&input.shape)),
        ));
    }
    let bound = |(axis, dim): (usize, &Option<usize>)| {
        dim.or_else(|| given.map(|shape| shape[axis]))
            .or(if axis == 0 { options.batch } else { None })
            .ok_or_else(|| Error::UnknownDimension { value: input.name.clone(), axis })
    };
    input.shape.iter().enumerate().map(bound).collect()
}

/// A human-readable shape, with `?` for open dimensions.
pub(crate) fn open_shape(shape: &[Option<usize>]) -> String {
    let dims: Vec<String> =
        shape.iter().map(|dim| dim.map_or_else(|| "?".to_owned(), |size| size.to_string())).collect();
    format!("[{}]", dims.join(", "))
}

#[cfg(test)]
mod tests;
