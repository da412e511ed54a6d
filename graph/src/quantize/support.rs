//! Which operators, in which variants, have an eight-bit form.

use std::collections::HashMap;

use crate::{DataType, Error, Graph, Node, escaped, quoted};

/// How an operator takes part in an eight-bit graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It computes: its output gets a range of its own.
    Compute,
    /// It cuts its input off at bounds: free inside the node before it.
    Activation,
    /// It only moves data: its output has its input's scale and zero point, bytes go through unchanged.
    Move,
}

/// Why a node stays float, for people to read.
fn stays<T>(reason: impl Into<String>) -> Result<Result<T, String>, Error> {
    Ok(Err(reason.into()))
}

/// How `node` takes part, or why it does not.
pub(super) fn kind(node: &Node, values: &Values) -> Result<Result<Kind, String>, Error> {
    if !node.domain.is_empty() {
        return stays(format!(
            "no eight-bit kernel for {} of domain {}",
            escaped(&node.op),
            quoted(&node.domain)
        ));
    }
    let kind = match node.op.as_str() {
        "Conv" | "MatMul" | "Gemm" => match values.why_no_weights(node)? {
            None => Kind::Compute,
            Some(reason) => return stays(reason),
        },
        "Add" | "Mul" | "Concat" | "AveragePool" | "GlobalAveragePool" => Kind::Compute,
        "ReduceMean" => match is_spatial_mean(node, values)? {
            true => Kind::Compute,
            false => return stays("it reduces other axes than the spatial ones of an NCHW tensor"),
        },
        "Relu" => Kind::Activation,
        "Clip" => {
            if node.inputs.iter().skip(1).any(|bound| !bound.is_empty() && !values.is_constant(bound)) {
                return stays("its bounds are not constant");
            }
            Kind::Activation
        }
        "MaxPool" | "Dropout" if node.output(1).is_some() => {
            return stays("its second output has no eight-bit form");
        }
        "Pad" => match pads_with_zero(node, values)? {
            true => Kind::Move,
            false => return stays("it pads with a value other than 0"),
        },
        "MaxPool" | "Reshape" | "Flatten" | "Transpose" | "Squeeze" | "Unsqueeze" | "Identity"
        | "Dropout" => Kind::Move,
        op => return stays(format!("no eight-bit kernel for {op}")),
    };
    let mut any = false;
    for input in values.data_inputs(node) {
        match values.data_type(input) {
            Some(DataType::F32) => {}
            Some(other) => return stays(format!("it works on {other} values")),
            None => return stays(format!("the type of {} is not known", quoted(input))),
        }
        any |= !values.is_constant(input);
    }
    if any { Ok(Ok(kind)) } else { stays("all it reads is constant") }
}

/// Whether a `ReduceMean` is a global average pooling: over the axes 2 and 3 of an NCHW tensor.
fn is_spatial_mean(node: &Node, values: &Values) -> Result<bool, Error> {
    let axes = match (node.ints("axes")?, node.input(1).and_then(|axes| values.graph.constants.get(axes))) {
        (Some(axes), _) => axes,
        (None, Some(axes)) => axes.as_i64().map_err(|error| error.in_node(node))?,
        (None, None) => return Ok(false),
    };
    Ok(matches!(axes, [2, 3] | [3, 2] | [-2, -1] | [-1, -2] | [2, -1] | [-1, 2]))
}

/// Whether what a `Pad` adds is a byte that its input has: zero, or a copy of what is there.
fn pads_with_zero(node: &Node, values: &Values) -> Result<bool, Error> {
    if node.string("mode", "constant")? != "constant" {
        return Ok(true);
    }
    let Some(value) = node.input(2) else { return Ok(true) };
    let Some(value) = values.graph.constants.get(value) else { return Ok(false) };
    Ok(value.as_f32().is_ok_and(|value| value.iter().all(|&value| value == 0.0)))
}

/// What the decisions need to know about a graph's values.
pub(super) struct Values<'a> {
    graph: &'a Graph,
    types: HashMap<&'a str, DataType>,
}

impl<'a> Values<'a> {
    /// Learns the types of `graph`'s values.
    pub(super) fn new(graph: &'a Graph) -> Result<Self, Error> {
        let mut types: HashMap<&str, DataType> = HashMap::new();
        types.extend(graph.inputs.iter().map(|input| (input.name.as_str(), input.data_type)));
        types.extend(graph.constants.iter().map(|(name, tensor)| (name.as_str(), tensor.data_type())));
        for index in graph.topological_order()? {
            let node = &graph.nodes[index];
            let like = |input| node.input(input).and_then(|input| types.get(input)).copied();
            let data_type = match node.op.as_str() {
                _ if !node.domain.is_empty() => None,
                "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" => Some(DataType::I64),
                "Equal" | "Greater" | "Less" | "And" | "Or" | "Not" | "IsNaN" | "IsInf" => {
                    Some(DataType::Bool)
                }
                "Cast" | "CastLike" | "ConstantOfShape" => None,
                "Where" => like(1),
                _ => like(0),
            };
            if let (Some(output), Some(data_type)) = (node.output(0), data_type) {
                types.insert(output, data_type);
            }
        }
        Ok(Self { graph, types })
    }

    fn data_type(&self, value: &str) -> Option<DataType> {
        self.types.get(value).copied()
    }

    fn is_constant(&self, value: &str) -> bool {
        self.graph.constants.contains_key(value)
    }

    /// The inputs of `node` that are activations, or constants that stand in for one.
    pub(super) fn data_inputs<'n>(&self, node: &'n Node) -> impl Iterator<Item = &'n str> + use<'n> {
        let count = if matches!(node.op.as_str(), "Add" | "Mul" | "Concat") { node.inputs.len() } else { 1 };
        node.inputs.iter().take(count).map(String::as_str)
    }

    /// Why the weights of a `Conv`, `Gemm` or `MatMul` cannot become bytes; `None` if they can.
    fn why_no_weights(&self, node: &Node) -> Result<Option<String>, Error> {
        let Some(weights) = self.graph.constants.get(node.required_input(1)?) else {
            return Ok(Some("its weights are not constant".to_owned()));
        };
        if weights.data_type() != DataType::F32 {
            return Ok(Some(format!("its weights are {}", weights.data_type())));
        }
        let axis = weight_axis(node)?;
        if node.op != "Conv" && weights.rank() != 2 || weights.rank() <= axis {
            return Ok(Some(format!("its weights have rank {}", weights.rank())));
        }
        if node.op == "Gemm" && node.flag("transA", false)? {
            return Ok(Some("transA is set: the depth of its input is not contiguous".to_owned()));
        }
        let channels = weights.shape()[axis];
        let Some(bias) = node.input(2) else { return Ok(None) };
        Ok(match self.graph.constants.get(bias) {
            None => Some("its bias is not constant".to_owned()),
            Some(bias) if bias.data_type() != DataType::F32 => {
                Some(format!("its bias is {}", bias.data_type()))
            }
            Some(bias)
                if bias.len() == 1 || bias.len() == channels && bias.shape().last() == Some(&channels) =>
            {
                None
            }
            Some(bias) => Some(format!("its bias of shape {:?} is not one number per channel", bias.shape())),
        })
    }
}

/// The axis of the output channels in the weights of a `Conv`, `Gemm` or `MatMul`.
pub(crate) fn weight_axis(node: &Node) -> Result<usize, Error> {
    Ok(match node.op.as_str() {
        "Conv" => 0,
        "Gemm" if node.flag("transB", false)? => 0,
        _ => 1,
    })
}

/// The bounds of a `Relu` or `Clip`; infinite where there is none. Bounds that are not single floats have been
/// turned away by [`kind`].
pub(crate) fn bounds(node: &Node, graph: &Graph) -> Result<(f32, f32), Error> {
    if node.is("Relu") {
        return Ok((0.0, f32::INFINITY));
    }
    let bound = |index: usize, default: f32| match node.input(index).map(|name| graph.constants.get(name)) {
        None => Ok(default),
        Some(Some(value)) => value.to_scalar::<f32>().map_err(|error| error.in_node(node)),
        Some(None) => Err(Error::node(node, "its bounds are not constant")),
    };
    Ok((bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?))
}
