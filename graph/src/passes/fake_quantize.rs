//! `fake_quantize`: floats on the grids of few bits.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ops::eight_bit::weight_axis;
use crate::precision::{Format, Precision, Quantizer, quantize_weights_to};
use crate::quantize::{Calibration, Range, Role, Roles};
use crate::{Error, Graph, Names, Node, Tensor, quoted};

/// A copy of a float graph whose inputs, weights and activations are on the grids of `precision`, but still floats: rounded weights, and a
/// `Quant`, `BipolarQuant` (QONNX) or `FixedPoint` node after every value that is reduced.
///
/// The grids are those of the module [`precision`](crate::precision). `roles` and `calibration` belong to `graph`; the values that are
/// reduced are those that [`quantize_nodes`](super::quantize_nodes) makes bytes of: a `Relu` or `Clip` that is fused is passed first, and
/// what a node only moves is not rounded again. Of fixed point, there are also the sums that leave the network as floats, and biases,
/// with the weights of their layer.
///
/// Constants that are not reduced are shared with `graph`. The weights that are replaced stay, for nodes that are not reduced;
/// `strip_unused_nodes` removes those that nothing reads.
///
/// # Errors
///
/// Weights that are not finite, a value whose range was not observed, a layer that the graph does not have, inconsistent names.
pub fn fake_quantize(
    graph: &Graph,
    roles: &Roles,
    calibration: &Calibration,
    precision: &Precision,
) -> Result<Graph, Error> {
    let heads = heads(graph, roles)?;
    for layer in precision.layers.iter().flatten() {
        if !heads.values().any(|head| head == layer) {
            return Err(Error::argument("layers", format!("there is no layer {}", quoted(layer))));
        }
    }
    let fused = fused_inputs(graph, roles);
    let mut writer = Writer {
        roles,
        calibration,
        precision,
        result: Graph { nodes: Vec::with_capacity(graph.nodes.len() * 2), ..graph.clone() },
        names: Names::of(graph),
        reduced: HashMap::new(),
        weights: HashMap::new(),
    };
    for input in &graph.inputs {
        writer.read_reduced(&input.name, precision.inputs)?;
    }
    writer.constants(graph)?;
    for &index in &graph.topological_order()? {
        let node = &graph.nodes[index];
        writer.node(node.clone(), &heads, &fused)?;
    }
    Ok(writer.result)
}

/// For each value, the node that computes it, whose activations are fused into it: its layer.
pub(crate) fn heads<'g>(graph: &'g Graph, roles: &Roles) -> Result<HashMap<&'g str, &'g str>, Error> {
    let mut heads: HashMap<&str, &str> = HashMap::new();
    for &index in &graph.topological_order()? {
        let node = &graph.nodes[index];
        let before = node.input(0).filter(|_| roles.node(&node.name) == Some(&Role::Fused));
        let head = before.and_then(|input| heads.get(input).copied()).unwrap_or(&node.name);
        heads.extend(node.outputs.iter().map(|output| (output.as_str(), head)));
    }
    Ok(heads)
}

/// The values that fused activations read: they are never rounded.
fn fused_inputs<'g>(graph: &'g Graph, roles: &Roles) -> HashSet<&'g str> {
    let fused = graph.nodes.iter().filter(|node| roles.node(&node.name) == Some(&Role::Fused));
    fused.filter_map(|node| node.input(0)).collect()
}

struct Writer<'a> {
    roles: &'a Roles,
    calibration: &'a Calibration,
    precision: &'a Precision,
    result: Graph,
    names: Names,
    /// By float value, what eight-bit nodes read instead.
    reduced: HashMap<String, String>,
    /// By the name of weights and the axis of their channels, the rounded ones.
    weights: HashMap<(String, usize), String>,
}

impl Writer<'_> {
    fn node(
        &mut self,
        mut node: Node,
        heads: &HashMap<&str, &str>,
        fused: &HashSet<&str>,
    ) -> Result<(), Error> {
        let format = self.precision.activations;
        if !self.roles.is_quantized(&node.name) {
            let outputs = node.outputs.clone();
            self.result.nodes.push(node);
            for output in &outputs {
                let reduces = heads.get(output.as_str()).is_some_and(|head| self.precision.reduces(head));
                self.read_reduced(output, format.filter(|_| reduces))?;
            }
            return Ok(());
        }
        for input in &mut node.inputs {
            if let Some(value) = self.reduced.get(input.as_str()) {
                input.clone_from(value);
            }
        }
        if let Some(format) = self.precision.weights
            && self.precision.reduces(&node.name)
        {
            self.round_weights(&mut node, format)?;
        }
        let mut written = Vec::new();
        for output in &mut node.outputs {
            let head = heads.get(output.as_str());
            let Some(format) = format.filter(|_| head.is_some_and(|head| self.precision.reduces(head)))
            else {
                continue;
            };
            if fused.contains(output.as_str()) || self.roles.is_moved(output) {
                continue;
            }
            if let Some(quantizer) = self.quantizer(output, format)? {
                let float = self.names.fresh("float");
                written.push((quantizer, float.clone(), std::mem::replace(output, float)));
            }
        }
        self.result.nodes.push(node);
        for (quantizer, float, output) in written {
            quantizer.insert(&mut self.result, &mut self.names, &float, &output);
        }
        Ok(())
    }

    /// Makes eight-bit nodes read `value`, which no such node writes, on the grid of `format`.
    fn read_reduced(&mut self, value: &str, format: Option<Format>) -> Result<(), Error> {
        if let Some(format) = format
            && self.roles.root(value).is_some()
            && let Some(quantizer) = self.quantizer(value, format)?
        {
            let reduced = self.names.fresh("reduced");
            quantizer.insert(&mut self.result, &mut self.names, value, &reduced);
            self.reduced.insert(value.to_owned(), reduced);
        }
        Ok(())
    }

    /// The grid of a value; `None` if it does not become bytes, unless a fixed point needs no range.
    fn quantizer(&self, value: &str, format: Format) -> Result<Option<Quantizer>, Error> {
        if let Format::Fixed(format) = format {
            return Ok(Some(Quantizer::Fixed(format)));
        }
        let Some(root) = self.roles.root(value) else { return Ok(None) };
        let range = match self.calibration.ranges.get(root) {
            Some(range) => *range,
            None => match self.result.constants.get(root) {
                Some(constant) => Range::of(root, constant.as_f32().map_err(|error| error.in_value(root))?)?,
                None => {
                    let reason = "its range was not observed: calibrate the graph that is reduced";
                    return Err(Error::value(root, reason));
                }
            },
        };
        Ok(Some(Quantizer::covering(range, format)))
    }

    /// Rounds constants in the place of activations.
    fn constants(&mut self, graph: &Graph) -> Result<(), Error> {
        let Some(format) = self.precision.activations.filter(|_| self.precision.layers.is_none()) else {
            return Ok(());
        };
        for name in self.roles.constants() {
            let Some(values) = graph.constants.get(name) else { continue };
            let Some(quantizer) = self.quantizer(name, format)? else { continue };
            let floats = values.as_f32().map_err(|error| error.in_value(name))?;
            let rounded = floats.iter().map(|&value| quantizer.apply(value)).collect::<Vec<f32>>();
            let reduced = self.names.fresh("reduced");
            self.result.constants.insert(reduced.clone(), Tensor::new(values.shape(), rounded)?);
            self.reduced.insert(name.to_owned(), reduced);
        }
        Ok(())
    }

    /// Makes `node`, if it has constant weights, read rounded ones, and a rounded bias of fixed point.
    fn round_weights(&mut self, node: &mut Node, format: Format) -> Result<(), Error> {
        let Some(axis) = weight_axis(node)? else { return Ok(()) };
        let constants = &self.result.constants;
        let name = node.input(1).filter(|name| constants.contains_key(*name)).map(str::to_owned);
        let Some(name) = name else { return Ok(()) };
        node.inputs[1] = self.rounded(node, "weights", name, axis, format)?;
        let bias = node.input(2).filter(|name| self.result.constants.contains_key(*name)).map(str::to_owned);
        if let (Format::Fixed(_), Some(bias)) = (format, bias) {
            node.inputs[2] = self.rounded(node, "bias", bias, 0, format)?;
        }
        Ok(())
    }

    /// The name of the rounded constant `name`.
    fn rounded(
        &mut self,
        node: &Node,
        what: &str,
        name: String,
        axis: usize,
        format: Format,
    ) -> Result<String, Error> {
        let key = (name, axis);
        if let Some(rounded) = self.weights.get(&key) {
            return Ok(rounded.clone());
        }
        let constant = &self.result.constants[&key.0];
        let rounded = quantize_weights_to(constant, axis, format, self.precision.granularity)
            .map_err(|error| Error::node(node, format!("{what} {}: {error}", quoted(&key.0))))?;
        let rounded_name = self.names.fresh(&format!("{}_reduced", key.0));
        self.result.constants.insert(rounded_name.clone(), rounded);
        self.weights.insert(key, rounded_name.clone());
        Ok(rounded_name)
    }
}

/// The names and numbers of weights of the eight-bit layers, by node: the constant, its elements, and its output channels.
pub(crate) fn weights_of_layers(
    graph: &Graph,
    roles: &Roles,
) -> Result<BTreeMap<String, (String, usize, usize)>, Error> {
    let mut weights = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| roles.is_quantized(&node.name)) {
        let Some(axis) = weight_axis(node)? else { continue };
        let Some((name, tensor)) = node.input(1).and_then(|name| graph.constants.get_key_value(name)) else {
            continue;
        };
        let channels = tensor.shape().get(axis).copied().unwrap_or(0);
        weights.insert(node.name.clone(), (name.clone(), tensor.len(), channels));
    }
    Ok(weights)
}
