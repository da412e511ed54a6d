//! `quantize_nodes`: quantizes activations.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::quantize::{Affine, Plan, Role, bounds};
use crate::{Error, Graph, Names, Node, Tensor};

/// Inserts a `QuantizeLinear` and a `DequantizeLinear` at every value that `plan` quantizes. This is ONNX's QDQ form, in
/// which a float operator between the two stands for its eight-bit kernel.
///
/// For a value `v` that an eight-bit node writes, that node writes a value `float`, then come `quantized` and, after the
/// `DequantizeLinear`, `v` itself: readers that stay float and outputs of the graph need no change. Where `v` is an
/// input of the graph or comes from a node that stays float, eight-bit readers read `dequantized`. These names are followed
/// by a number, not preceded by `v`, and conversions have the names of what they write: names then add little to a file.
///
/// Activations of fewer bits than eight are bytes, too: a `Clip` between the two keeps them in their range.
///
/// The scale is the constant `v_scale`; values of one scale and zero point share it, as all with one zero point share that.
///
/// A `Relu` or `Clip` whose bounds equal the range of the bytes is removed: the saturation of the `QuantizeLinear` after
/// it has the same effect for every number.
///
/// # Errors
///
/// Inconsistent names.
pub fn quantize_nodes(mut graph: Graph, plan: &Plan) -> Result<Graph, Error> {
    let nodes = without_free_activations(&graph, plan)?;
    let mut writer = Writer {
        plan,
        nodes: Vec::with_capacity(nodes.len() * 3),
        names: Names::of(&graph),
        constants: graph.constants,
        dequantized: HashMap::new(),
        parameters: HashMap::new(),
        zero_points: HashMap::new(),
        bounds: HashMap::new(),
        taken: nodes.iter().map(|node| node.name.clone()).collect(),
    };
    for input in &graph.inputs {
        writer.float_written(&input.name);
    }
    let bytes: Vec<String> = plan.roles().constants().map(str::to_owned).collect();
    for name in bytes {
        writer.constant(&name)?;
    }
    for node in nodes {
        writer.node(node);
    }
    (graph.nodes, graph.constants) = (writer.nodes, writer.constants);
    Ok(graph)
}

/// The nodes of `graph` in execution order without the activations that saturation replaces; the node before such an
/// activation writes its output.
fn without_free_activations(graph: &Graph, plan: &Plan) -> Result<Vec<Node>, Error> {
    let order = graph.topological_order()?;
    // The value written instead of one whose only reader is removed.
    let mut instead: HashMap<&str, &str> = HashMap::new();
    let mut nodes = Vec::with_capacity(order.len());
    for &index in order.iter().rev() {
        let node = &graph.nodes[index];
        if plan.roles().node(&node.name) == Some(&Role::Fused) {
            let (input, output) = (node.required_input(0)?, node.required_output(0)?);
            let written = instead.get(output).copied().unwrap_or(output);
            // No parameters: an activation that stays follows, with bounds inside the range of the bytes.
            if let Some(affine) = plan.parameters(written)
                && saturates(affine, bounds(node, graph)?)
            {
                instead.insert(input, written);
                continue;
            }
        }
        let mut node = node.clone();
        for output in &mut node.outputs {
            if let Some(&written) = instead.get(output.as_str()) {
                written.clone_into(output);
            }
        }
        nodes.push(node);
    }
    nodes.reverse();
    Ok(nodes)
}

/// Whether the range of the bytes ends at the bounds. Then every number beyond a bound becomes the byte of the bound,
/// because rounding is monotonic.
fn saturates(affine: Affine, (low, high): (f32, f32)) -> bool {
    affine.quantize(low) == 0 && affine.quantize(high) == affine.greatest
}

struct Writer<'a> {
    plan: &'a Plan,
    nodes: Vec<Node>,
    constants: BTreeMap<String, Tensor>,
    names: Names,
    /// By float value, what eight-bit nodes read instead.
    dequantized: HashMap<String, String>,
    /// Names of scale and zero point, by the value that they belong to.
    parameters: HashMap<String, (String, String)>,
    /// By zero point, the name of the constant that holds it.
    zero_points: HashMap<u8, String>,
    /// The same of bounds.
    bounds: HashMap<u8, String>,
    /// The names of the float graph's nodes.
    taken: HashSet<String>,
}

impl Writer<'_> {
    fn node(&mut self, mut node: Node) {
        if !self.plan.roles().is_quantized(&node.name) {
            let outputs = node.outputs.clone();
            self.nodes.push(node);
            outputs.iter().for_each(|output| self.float_written(output));
            return;
        }
        for input in &mut node.inputs {
            if let Some(value) = self.dequantized.get(input.as_str()) {
                input.clone_from(value);
            }
        }
        let mut written = Vec::with_capacity(node.outputs.len());
        for output in &mut node.outputs {
            // Without parameters it is an internal float value before an activation.
            if self.plan.parameters(output).is_some() {
                let float = self.names.fresh("float");
                written.push((float.clone(), std::mem::replace(output, float)));
            }
        }
        self.nodes.push(node);
        written.iter().for_each(|(float, output)| self.through_bytes(float, output, output));
    }

    /// Adds the quantized form of a float value after its producer, if the plan has one.
    fn float_written(&mut self, value: &str) {
        if self.plan.parameters(value).is_some() {
            let dequantized = self.names.fresh("dequantized");
            self.through_bytes(value, &dequantized, value);
            self.dequantized.insert(value.to_owned(), dequantized);
        }
    }

    /// Adds the bytes of the constant `name`, which is not a weight.
    fn constant(&mut self, name: &str) -> Result<(), Error> {
        if let (Some(affine), Some((scale, zero_point)), Some(values)) =
            (self.plan.parameters(name), self.parameters_of(name), self.constants.get(name))
        {
            let bytes = affine.quantize_tensor(values).map_err(|error| error.in_value(name))?;
            let quantized = self.names.fresh(&format!("{name}_{}", bytes.data_type()));
            let dequantized = self.names.fresh("dequantized");
            self.constants.insert(quantized.clone(), bytes);
            let inputs = [quantized.as_str(), &scale, &zero_point];
            self.nodes.push(Node::new(&dequantized, "DequantizeLinear", &inputs, &[&dequantized]));
            self.dequantized.insert(name.to_owned(), dequantized);
        }
        Ok(())
    }

    /// Adds `from` → bytes → `to` with the parameters of `value`.
    fn through_bytes(&mut self, from: &str, to: &str, value: &str) {
        let Some((scale, zero_point)) = self.parameters_of(value) else { return };
        let mut bytes = self.names.fresh("quantized");
        let inputs = [from, &scale, &zero_point];
        self.nodes.push(Node::new(&bytes, "QuantizeLinear", &inputs, &[&bytes]));
        if let Some(greatest) = self.greatest(value).filter(|&greatest| greatest < u8::MAX) {
            let [low, high] = [0, greatest].map(|bound| self.bound(bound));
            let clipped = self.names.fresh("clipped");
            self.nodes.push(Node::new(&clipped, "Clip", &[&bytes, &low, &high], &[&clipped]));
            bytes = clipped;
        }
        // A node of the float graph may have the name of a value.
        let dequantize = if self.taken.contains(to) { self.names.fresh("dequantize") } else { to.to_owned() };
        let inputs = [bytes.as_str(), &scale, &zero_point];
        self.nodes.push(Node::new(&dequantize, "DequantizeLinear", &inputs, &[to]));
    }

    /// The greatest byte of `value`.
    fn greatest(&self, value: &str) -> Option<u8> {
        Some(self.plan.parameters(value)?.greatest)
    }

    /// The name of the constant with this bound of bytes.
    fn bound(&mut self, bound: u8) -> String {
        let Self { names, constants, bounds, .. } = self;
        let name = bounds.entry(bound).or_insert_with(|| {
            let name = names.fresh(&format!("bound_{bound}"));
            constants.insert(name.clone(), Tensor::scalar(bound));
            name
        });
        name.clone()
    }

    /// The names of the constants with the scale and the zero point of `value`.
    fn parameters_of(&mut self, value: &str) -> Option<(String, String)> {
        let root = self.plan.roles().root(value)?;
        let affine = self.plan.parameters(root)?;
        if let Some(names) = self.parameters.get(root) {
            return Some(names.clone());
        }
        let scale = self.names.fresh(&format!("{root}_scale"));
        self.constants.insert(scale.clone(), Tensor::scalar(affine.scale));
        let Self { names, constants, zero_points, .. } = self;
        let zero_point = zero_points.entry(affine.zero_point).or_insert_with(|| {
            let name = names.fresh(&format!("zero_point_{}", affine.zero_point));
            constants.insert(name.clone(), Tensor::scalar(affine.zero_point));
            name
        });
        let zero_point = zero_point.clone();
        self.parameters.insert(root.to_owned(), (scale.clone(), zero_point.clone()));
        Some((scale, zero_point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::{Calibration, Range};
    use crate::{DataType, ValueInfo};

    fn value(name: &str) -> ValueInfo {
        ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(1); 4] }
    }

    fn quantized(nodes: Vec<Node>, outputs: &[&str], ranges: &[(&str, f32, f32)]) -> (Graph, Plan) {
        let constants = [
            ("w", Tensor::new([1, 1, 1, 1], vec![1.0f32]).expect("one")),
            ("c", Tensor::new([1, 1, 1, 1], vec![0.5f32]).expect("one")),
            ("m", Tensor::new([1, 1], vec![0.5f32]).expect("one")),
            ("zero", Tensor::scalar(0.0f32)),
            ("six", Tensor::scalar(6.0f32)),
        ];
        let graph = Graph {
            inputs: vec![value("x")],
            outputs: outputs.iter().map(|name| value(name)).collect(),
            nodes,
            constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            ..Graph::default()
        };
        graph.validate().expect("a sound graph");
        let ranges = ranges.iter().map(|&(name, min, max)| (name.to_owned(), Range { min, max })).collect();
        let plan = Plan::new(&graph, &Calibration { ranges, inputs: 1 }).expect("all ranges are there");
        let result = quantize_nodes(graph.clone(), &plan).expect("names fit");
        result.validate().expect("a sound result");
        assert_eq!((&result.inputs, &result.outputs), (&graph.inputs, &graph.outputs));
        (result, plan)
    }

    /// `op(inputs)→outputs` of every node.
    fn lines(graph: &Graph) -> Vec<String> {
        let line = |node: &Node| format!("{}({})→{}", node.op, node.inputs.join(","), node.outputs.join(","));
        graph.nodes.iter().map(line).collect()
    }

    #[test]
    fn a_convolution_and_its_activation() {
        let nodes = vec![
            Node::new("conv", "Conv", &["x", "w"], &["h"]),
            Node::new("relu6", "Clip", &["h", "zero", "six"], &["y"]),
        ];
        let (graph, plan) = quantized(nodes.clone(), &["y"], &[("x", -1.0, 1.0), ("y", 0.0, 5.5)]);
        assert_eq!(
            lines(&graph),
            [
                "QuantizeLinear(x,x_scale,zero_point_128)→quantized",
                "DequantizeLinear(quantized,x_scale,zero_point_128)→dequantized",
                "Conv(dequantized,w)→float",
                "QuantizeLinear(float,y_scale,zero_point_0)→quantized_1",
                "DequantizeLinear(quantized_1,y_scale,zero_point_0)→y",
            ]
        );
        let named: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(named, ["quantized", "dequantized", "conv", "quantized_1", "y"]);
        assert_eq!(plan.roles().node("relu6"), Some(&Role::Fused));
        assert_eq!(plan.parameters("h"), None);
        // Bytes whose range exceeds the bounds do not replace the activation.
        let (graph, _) = quantized(nodes, &["y"], &[("x", -1.0, 1.0), ("y", -1.0, 7.0)]);
        assert_eq!(lines(&graph)[2..4], ["Conv(dequantized,w)→h", "Clip(h,zero,six)→float"]);
    }

    #[test]
    fn a_node_named_as_a_value_keeps_its_name() {
        let nodes = vec![Node::new("y", "Conv", &["x", "w"], &["y"])];
        let (graph, _) = quantized(nodes, &["y"], &[("x", -1.0, 1.0), ("y", -1.0, 1.0)]);
        let named: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(named, ["quantized", "dequantized", "y", "quantized_1", "dequantize"]);
    }

    #[test]
    fn chains_of_activations() {
        let nodes = vec![
            Node::new("conv", "Conv", &["x", "w"], &["h"]),
            Node::new("relu", "Relu", &["h"], &["g"]),
            Node::new("relu6", "Clip", &["g", "zero", "six"], &["y"]),
        ];
        let (graph, _) = quantized(nodes.clone(), &["y"], &[("x", -1.0, 1.0), ("y", 0.0, 6.0)]);
        assert_eq!(lines(&graph)[2], "Conv(dequantized,w)→float");
        let (graph, _) = quantized(nodes, &["y"], &[("x", -1.0, 1.0), ("y", 0.0, 9.0)]);
        let expected = ["Conv(dequantized,w)→h", "Relu(h)→g", "Clip(g,zero,six)→float"];
        assert_eq!(lines(&graph)[2..5], expected);
    }

    #[test]
    fn a_value_read_twice_keeps_its_activation_apart() {
        let nodes = vec![
            Node::new("conv", "Conv", &["x", "w"], &["h"]),
            Node::new("relu", "Relu", &["h"], &["g"]),
            Node::new("add", "Add", &["h", "g"], &["y"]),
        ];
        let ranges = [("x", -1.0, 1.0), ("h", -2.0, 2.0), ("g", 0.0, 2.0), ("y", -4.0, 4.0)];
        let (graph, plan) = quantized(nodes, &["y"], &ranges);
        assert_eq!(plan.roles().node("relu"), Some(&Role::Quantized));
        assert!(lines(&graph).contains(&"Relu(h)→float_1".to_owned()), "{:?}", lines(&graph));
        assert!(lines(&graph).contains(&"Add(h,g)→float_2".to_owned()));
    }

    #[test]
    fn what_only_moves_keeps_its_parameters() {
        let nodes = vec![
            Node::new("pool", "MaxPool", &["x"], &["p"]).with("kernel_shape", vec![1i64, 1]),
            Node::new("conv", "Conv", &["p", "w"], &["h"]),
            Node::new("flat", "Flatten", &["h"], &["f"]),
            Node::new("soft", "Softmax", &["f"], &["s"]),
            Node::new("last", "Flatten", &["s"], &["y"]),
        ];
        let (graph, plan) = quantized(nodes, &["y", "f"], &[("x", -1.0, 1.0), ("h", -2.0, 2.0)]);
        let lines = lines(&graph);
        assert!(
            lines.contains(&"DequantizeLinear(quantized_1,x_scale,zero_point_128)→p".to_owned()),
            "{lines:?}"
        );
        assert!(lines.contains(&"QuantizeLinear(float_2,h_scale,zero_point_128)→quantized_3".to_owned()));
        assert!(lines.contains(&"Softmax(f)→s".to_owned()) && lines.contains(&"Flatten(s)→y".to_owned()));
        for (name, part) in
            [("soft", "no eight-bit kernel for Softmax"), ("last", "between nodes that are float")]
        {
            let Some(Role::Float(reason)) = plan.roles().node(name) else { panic!("{name} is quantized") };
            assert!(reason.contains(part), "{reason}");
        }
    }

    /// A product of matrices has bytes only where something reads them; a convolution always has.
    #[test]
    fn sums_that_are_read_as_floats_are_not_rounded() {
        let product = |name: &str| Node::new(name, "MatMul", &["f", "m"], &["h"]);
        let flat = Node::new("flat", "Flatten", &["x"], &["f"]);
        let moved = Node::new("moved", "Flatten", &["h"], &["y"]);
        let ranges = [("x", -1.0, 1.0), ("f", -1.0, 1.0), ("h", -2.0, 2.0), ("y", -2.0, 2.0)];
        let cases: [(Vec<Node>, &[&str], Option<&str>); 5] = [
            (vec![product("fc")], &["h"], None),
            (vec![product("fc"), moved.clone()], &["y"], None),
            (vec![product("fc"), moved.clone()], &["y", "h"], None),
            (vec![product("fc"), Node::new("act", "Relu", &["h"], &["y"])], &["y"], Some("y")),
            (vec![product("fc"), Node::new("add", "Add", &["h", "f"], &["y"])], &["y"], Some("h")),
        ];
        for (nodes, outputs, bytes) in cases {
            let nodes = [vec![flat.clone()], nodes].concat();
            let (graph, plan) = quantized(nodes, outputs, &ranges);
            let lines = lines(&graph);
            let of_product = ["h", "y"].into_iter().find(|value| plan.parameters(value).is_some());
            assert_eq!(of_product, bytes, "{lines:?}");
            let quantizes = |line: &String| {
                line.starts_with("QuantizeLinear")
                    && ["h_scale", "y_scale"].iter().any(|name| line.contains(name))
            };
            assert_eq!(lines.iter().any(quantizes), bytes.is_some(), "{lines:?}");
        }
    }

    #[test]
    fn constants_and_float_neighbours() {
        let nodes = vec![
            Node::new("soft", "Softmax", &["x"], &["s"]),
            Node::new("add", "Add", &["s", "c"], &["h"]),
            Node::new("again", "Softmax", &["s"], &["t"]),
            Node::new("mul", "Mul", &["h", "t"], &["y"]),
        ];
        let ranges = [("s", 0.0, 1.0), ("h", 0.0, 1.5), ("t", 0.0, 1.0), ("y", 0.0, 1.5)];
        let (graph, _) = quantized(nodes, &["y"], &ranges);
        let lines = lines(&graph);
        assert_eq!(lines[0], "DequantizeLinear(c_u8,c_scale,zero_point_0)→dequantized");
        assert!(lines.contains(&"Add(dequantized_1,dequantized)→float".to_owned()), "{lines:?}");
        assert!(lines.contains(&"Softmax(s)→t".to_owned()));
        assert!(lines.contains(&"Mul(h,dequantized_2)→float_1".to_owned()));
        assert_eq!(graph.constants["c_u8"].as_u8().expect("u8"), [255]);
    }

    #[test]
    fn a_quantized_graph_is_not_quantized_again() {
        let nodes = vec![Node::new("conv", "Conv", &["x", "w"], &["y"])];
        let (graph, _) = quantized(nodes, &["y"], &[("x", -1.0, 1.0), ("y", -1.0, 1.0)]);
        let error = Plan::new(&graph, &Calibration::default()).expect_err("twice").to_string();
        assert!(error.contains("quantized already"), "{error}");
    }
}
