//! `quantize_weights`: quantizes constant weights to signed bytes and their biases to int32.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::ops::eight_bit::weight_axis;
use crate::ops::{conv, gemm};
use crate::quantize::{
    Granularity, Plan, QuantizedWeights, Role, ScaleLimits, Warning, WeightPrecision, quantize_bias,
    quantize_within,
};
use crate::{DataType, Error, Graph, Names, Node, Tensor, quoted};

/// Replaces the weights and biases of the nodes that `plan` quantizes by integers, each read through a
/// `DequantizeLinear`.
///
/// Weights are symmetric with one scale per output channel (axis 0 of a `Conv`, the column of a `MatMul`, either of
/// a `Gemm`), or with a single one if the plan says so ([`Granularity`]), in the range of the plan ([`WeightRange`](crate::quantize::WeightRange)). A bias has the scale of the accumulator,
/// `input scale · weight scale`, and becomes one number per channel. `alpha` and `beta` of a `Gemm` go into its weights and
/// its bias. Weights that several nodes read are stored once, with one constant of scales and one of zero points, if all of them
/// need the same scales; ONNX Runtime (1.25 to 1.32) refuses such files with `session.x64quantprecision`, its own quantizer's as well.
/// Other layers share none of these constants.
///
/// Activations are left as they are. The float constants stay in the graph, for nodes that are not quantized;
/// `strip_unused_nodes` removes those that nothing reads.
///
/// # Errors
///
/// Weights or biases that are not finite, with the names of the node and the tensor.
pub fn quantize_weights(graph: Graph, plan: &Plan) -> Result<Graph, Error> {
    quantize_weights_and_warn(graph, plan).map(|(graph, _)| graph)
}

/// As [`quantize_weights`]; also returns warnings about weights and biases that lose their values.
pub(crate) fn quantize_weights_and_warn(
    mut graph: Graph,
    plan: &Plan,
) -> Result<(Graph, Vec<Warning>), Error> {
    let names = Names::of(&graph);
    let nodes = std::mem::take(&mut graph.nodes);
    let fused = nodes.iter().filter(|node| plan.roles().node(&node.name) == Some(&Role::Fused));
    let fused = fused.filter_map(|node| Some((node.input(0)?.to_owned(), node.output(0)?.to_owned())));
    let fused = fused.collect();
    let mut writer = Writer { graph, names, shared: HashMap::new(), fused, warnings: Vec::new() };
    for mut node in nodes {
        if plan.roles().is_quantized(&node.name)
            && node.input(1).is_some_and(|weights| writer.graph.constants.contains_key(weights))
            && let Some(axis) = weight_axis(&node)?
        {
            writer.quantize(&mut node, axis, plan)?;
        }
        writer.graph.nodes.push(node);
    }
    Ok((writer.graph, writer.warnings))
}

/// A value that stands for quantized weights.
struct Shared {
    quantized: QuantizedWeights,
    value: String,
}

struct Writer {
    graph: Graph,
    names: Names,
    /// Keyed by the name of the float weights, the channel axis, and the bits of the factor on the weights.
    shared: HashMap<(String, usize, u32), Vec<Shared>>,
    /// For each fused activation, from the value that it reads to the value that it writes.
    fused: HashMap<String, String>,
    warnings: Vec<Warning>,
}

impl Writer {
    /// Makes `node` read integer weights with the channel axis `axis`, and an integer bias.
    fn quantize(&mut self, node: &mut Node, axis: usize, plan: &Plan) -> Result<(), Error> {
        let input = node.required_input(0)?;
        let input_scale = plan
            .parameters(input)
            .ok_or_else(|| {
                Error::node(node, format!("the plan has no scale for its input {}", quoted(input)))
            })?
            .scale;
        let weights_name = node.required_input(1)?.to_owned();
        let (alpha, beta) = if node.is(&gemm::OP) {
            (node.float("alpha", 1.0)?, node.float("beta", 1.0)?)
        } else {
            (1.0, 1.0)
        };
        let weights = scaled(constant(node, &self.graph, &weights_name)?, alpha)
            .map_err(|error| of_tensor(node, "weights", &weights_name, error))?;
        let channels = weights.shape().get(axis).copied().unwrap_or(0);
        let bias_name = node.input(2).map(str::to_owned);
        let mut bias = match &bias_name {
            None => None,
            Some(name) => Some(
                one_per_channel(constant(node, &self.graph, name)?, channels, beta)
                    .map_err(|error| of_tensor(node, "bias", name, error))?,
            ),
        };
        let choice = plan.choice(&node.name);
        if let Some(more) = choice.and_then(|choice| choice.bias.as_ref()) {
            add_bias(node, &mut bias, more, channels)?;
        }
        let group = usize::try_from(node.int("group", 1)?).unwrap_or(1);
        let depthwise = node.is(&conv::OP) && group > 1 && weights.shape().starts_with(&[group, 1]);
        let form = plan.weight_form(node, depthwise);
        let for_bias = bias.as_deref().map(|bias| (input_scale, bias));
        let limits = ScaleLimits::new(input_scale, self.output_scale(node, plan));
        let quantized = match choice.and_then(|choice| choice.weights.as_ref()) {
            Some(given) => {
                fitting(node, given, weights.shape(), (plan.granularity().scales(channels), form.precision))?
                    .clone()
            }
            None => quantize_within(&weights, axis, for_bias, form, limits)
                .map_err(|error| of_tensor(node, "weights", &weights_name, error))?,
        };
        if let Some((largest, cut)) = quantized.lost(&weights, axis, form.precision)? {
            let (node, value) = (node.name.clone(), weights_name.clone());
            self.warnings.push(Warning::Scale { node, value, largest, cut });
        }

        let axis_of_scales = |axis| (plan.granularity() == Granularity::PerChannel).then_some(axis);
        let key = (weights_name, axis, alpha.to_bits());
        let same = self.shared.get(&key).and_then(|all| all.iter().find(|one| one.quantized == quantized));
        node.inputs[1] = match same {
            Some(shared) => shared.value.clone(),
            None => {
                let QuantizedWeights { bytes, scales } = quantized.clone();
                let value = self.dequantized(&key.0, axis_of_scales(axis), bytes, scales)?;
                let shared = Shared { quantized: quantized.clone(), value: value.clone() };
                self.shared.entry(key).or_default().push(shared);
                value
            }
        };
        if let Some(floats) = bias {
            let name = bias_name.unwrap_or_else(|| format!("{}_bias", node.name));
            let bias = quantize_bias(&floats, input_scale, &quantized.scales)
                .map_err(|error| of_tensor(node, "bias", &name, error))?;
            if let Some(largest) = bias.lost(&floats) {
                let (node, value) = (node.name.clone(), name.clone());
                self.warnings.push(Warning::Scale { node, value, largest, cut: true });
            }
            node.inputs.resize(node.inputs.len().max(3), String::new());
            node.inputs[2] =
                self.dequantized(&name, axis_of_scales(0), Tensor::vector(bias.values), bias.scales)?;
        }
        node.attributes.remove("alpha");
        node.attributes.remove("beta");
        Ok(())
    }

    /// The scale of the output of `node` after the activations fused into it.
    fn output_scale(&self, node: &Node, plan: &Plan) -> Option<f32> {
        let mut value = node.output(0)?;
        loop {
            if let Some(affine) = plan.parameters(value) {
                return Some(affine.scale);
            }
            value = self.fused.get(value)?;
        }
    }

    /// Adds the integers `values`, their scales along `axis` or their only scale, and the `DequantizeLinear` that reads them; returns the name of
    /// its output. `stem` is the name of the float values, and of the integers with their type; the others are numbered, which
    /// keeps files of many layers small.
    fn dequantized(
        &mut self,
        stem: &str,
        axis: Option<usize>,
        values: Tensor,
        scales: Vec<f32>,
    ) -> Result<String, Error> {
        let integers = self.names.fresh(&format!("{stem}_{}", values.data_type()));
        let [scale, value] = ["scale", "dequantized"].map(|what| self.names.fresh(what));
        let shape = if axis.is_some() { vec![scales.len()] } else { Vec::new() };
        // Runtimes recognize int8 weights by their zero point, and int32 biases by its absence. Each has its own:
        // ONNX Runtime (1.25 to 1.32) with `session.x64quantprecision` refuses files in which two layers share them.
        let zero_points = (values.data_type() == DataType::I8).then(|| self.names.fresh("zero_points"));
        let mut inputs = vec![integers.as_str(), scale.as_str()];
        inputs.extend(zero_points.as_deref());
        let mut node = Node::new(&value, "DequantizeLinear", &inputs, &[&value]);
        if let Some(axis) = axis {
            node = node.with("axis", axis as i64);
        }
        self.graph.nodes.push(node);
        if let Some(name) = zero_points {
            self.graph.constants.insert(name, Tensor::zeros(shape.as_slice(), DataType::I8)?);
        }
        self.graph.constants.insert(integers, values);
        self.graph.constants.insert(scale, Tensor::new(shape, scales)?);
        Ok(value)
    }
}

fn constant<'a>(node: &Node, graph: &'a Graph, name: &str) -> Result<&'a Tensor, Error> {
    graph.constants.get(name).ok_or_else(|| Error::node(node, format!("{} is not constant", quoted(name))))
}

fn scaled(tensor: &Tensor, factor: f32) -> Result<Cow<'_, Tensor>, Error> {
    if factor == 1.0 {
        return Ok(Cow::Borrowed(tensor));
    }
    let values: Vec<f32> = tensor.as_f32()?.iter().map(|value| value * factor).collect();
    Tensor::new(tensor.shape(), values).map(Cow::Owned)
}

/// The bias times `factor`, repeated if it is a single number for all channels.
fn one_per_channel(bias: &Tensor, channels: usize, factor: f32) -> Result<Vec<f32>, Error> {
    let values = bias.as_f32()?;
    match *values {
        [one] => Ok(vec![one * factor; channels]),
        _ => Ok(values.iter().map(|value| value * factor).collect()),
    }
}

/// Adds what a plan adds to the bias of `node`.
fn add_bias(node: &Node, bias: &mut Option<Vec<f32>>, more: &[f32], channels: usize) -> Result<(), Error> {
    let adds = node.is(&conv::OP) || node.is(&gemm::OP);
    let bias = bias.get_or_insert_with(|| vec![0.0; channels]);
    if !adds || more.len() != bias.len() {
        let reason = format!("the plan adds {} numbers to its bias of {}", more.len(), bias.len());
        return Err(Error::node(node, reason));
    }
    bias.iter_mut().zip(more).for_each(|(bias, more)| *bias += more);
    Ok(())
}

/// The weights that a plan gives for `node`, whose own have this shape and need this many scales.
fn fitting<'w>(
    node: &Node,
    given: &'w QuantizedWeights,
    shape: &[usize],
    (scales, precision): (usize, WeightPrecision),
) -> Result<&'w QuantizedWeights, Error> {
    if given.bytes.as_i8().is_err() || given.bytes.shape() != shape || given.scales.len() != scales {
        let (found, given) = (given.bytes.shape(), given.scales.len());
        return Err(Error::node(
            node,
            format!(
                "the plan has weights of shape {found:?} with {given} scales for it, not {shape:?} with {scales}"
            ),
        ));
    }
    let scales = given.scales.iter().all(|scale| scale.is_normal() && *scale > 0.0);
    if !scales || !precision.holds(given.bytes.as_i8()?) {
        let reason = format!(
            "the plan has weights for it of which a scale is no positive number or a byte is no {precision} weight"
        );
        return Err(Error::node(node, reason));
    }
    Ok(given)
}

/// Adds the names of the node and the tensor to an error about a tensor.
fn of_tensor(node: &Node, what: &str, name: &str, error: Error) -> Error {
    Error::node(node, format!("{what} {}: {error}", quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ValueInfo;
    use crate::quantize::{Calibration, Range};

    fn value(name: &str) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(1), Some(2)] }
    }

    fn graph(nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
        Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes,
            constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            ..Graph::default()
        }
    }

    fn plan(graph: &Graph) -> Plan {
        let range = Range { min: 0.0, max: 2.55 };
        let ranges = ["x", "h", "y"].map(|name| (name.to_owned(), range));
        Plan::new(graph, &Calibration { ranges: ranges.into(), inputs: 1 }).expect("plan")
    }

    fn matrix(values: [f32; 4]) -> Tensor {
        Tensor::new([2, 2], values.to_vec()).expect("2×2")
    }

    #[test]
    fn alpha_and_beta_go_into_the_integers() {
        let gemm =
            Node::new("fc", "Gemm", &["x", "w", "b"], &["y"]).with("alpha", 0.5f32).with("beta", 2.0f32);
        let graph = graph(
            vec![gemm.with("transB", 1i64)],
            vec![("w", matrix([254.0, 2.0, 2.0, -508.0])), ("b", Tensor::scalar(0.01f32))],
        );
        let result = quantize_weights(graph.clone(), &plan(&graph)).expect("finite");
        result.validate().expect("names");
        let [weights, bias, fc] = result.nodes.as_slice() else { panic!("{:?}", result.nodes) };
        assert_eq!(fc.inputs, ["x", "dequantized", "dequantized_1"]);
        assert_eq!(fc.attributes.keys().collect::<Vec<_>>(), ["transB"]);
        assert_eq!(weights.int("axis", -1).expect("int"), 0);
        assert_eq!(bias.inputs, ["b_i32", "scale_1"]);
        let constant = |name: &str| &result.constants[name];
        assert_eq!(constant("w_i8").as_i8().expect("i8"), [127, 1, 0, -127]);
        assert_eq!(constant("scale").as_f32().expect("f32"), [1.0, 2.0]);
        // 0.02 in units of 0.01 · 1 and 0.01 · 2.
        assert_eq!(constant("b_i32").as_i32().expect("i32"), [2, 1]);
    }

    #[test]
    fn shared_weights_are_stored_once() {
        let graph = graph(
            vec![
                Node::new("a", "MatMul", &["x", "w"], &["h"]),
                Node::new("b", "MatMul", &["h", "w"], &["y"]),
            ],
            vec![("w", matrix([1.0, 2.0, 3.0, 4.0]))],
        );
        let result = quantize_weights(graph.clone(), &plan(&graph)).expect("finite");
        result.validate().expect("names");
        assert_eq!(result.nodes.len(), 3);
        assert_eq!(result.nodes[0].int("axis", -1).expect("int"), 1);
        assert_eq!(result.constants["scale"].as_f32().expect("f32"), [3.0 / 127.0, 4.0 / 127.0]);
    }

    #[test]
    fn layers_have_zero_points_of_their_own() {
        let graph = graph(
            vec![
                Node::new("a", "MatMul", &["x", "v"], &["h"]),
                Node::new("b", "MatMul", &["h", "w"], &["y"]),
            ],
            vec![("v", matrix([1.0, 2.0, 3.0, 4.0])), ("w", matrix([4.0, 3.0, 2.0, 1.0]))],
        );
        let plan = plan(&graph);
        for (granularity, shape) in [(Granularity::PerChannel, vec![2]), (Granularity::PerTensor, vec![])] {
            let plan = plan.clone().with_granularity(granularity);
            let result = quantize_weights(graph.clone(), &plan).expect("finite");
            let conversions = result.nodes.iter().filter(|node| node.op == "DequantizeLinear");
            let names: Vec<&str> = conversions.filter_map(|node| node.input(2)).collect();
            assert_eq!(names, ["zero_points", "zero_points_1"]);
            let zeros = Tensor::zeros(shape, DataType::I8).expect("a few");
            assert!(names.iter().all(|&name| result.constants[name] == zeros));
        }
    }

    #[test]
    fn not_finite_names_node_and_tensor() {
        let graph = graph(
            vec![Node::new("fc", "MatMul", &["x", "w"], &["y"])],
            vec![("w", matrix([1.0, 2.0, f32::NAN, 4.0]))],
        );
        let error = quantize_weights(graph.clone(), &plan(&graph)).expect_err("NaN").to_string();
        assert!(["\"fc\"", "\"w\"", "element 2 is NaN"].iter().all(|part| error.contains(part)), "{error}");
    }
}
