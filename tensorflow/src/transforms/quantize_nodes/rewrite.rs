//! Replaces operators by their eight-bit forms between conversions.

use super::frozen::{Bias, Frozen};
use super::operators::{CODES, EightBit, OPERATORS, SUMS, is_supported};
use crate::evaluate::Value;
use crate::node::{Builder, Input, constant, node_name};
use crate::proto::{DataType, NodeDef, TensorProto, Value as Attribute};
use crate::registry::Operator;
use crate::transforms::TransformError;
use crate::transforms::context::Context;

pub(super) fn quantize(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let fallback = context.range("fallback_min", "fallback_max")?;
    let calibrated = context.ranges.as_ref().map(|observed| Frozen::new(&nodes, context, observed)).transpose()?;
    let frozen = calibrated.as_ref();
    let mut result = Vec::with_capacity(nodes.len());
    for node in nodes {
        let operator = match frozen {
            Some(frozen) => frozen.form(&node),
            None => form(&node, context)?,
        };
        match operator {
            Some(operator) => result.extend(Rewrite::new(&node, operator, frozen).finish(fallback)),
            None => result.push(node),
        }
    }
    Ok(result)
}

/// The eight-bit form of a node, if it has one and gets it.
pub(super) fn form(node: &NodeDef, context: &Context) -> Result<Option<&'static EightBit>, TransformError> {
    let ignored = context.all("ignore_op");
    let known = OPERATORS.iter().find(|operator| operator.op == node.op);
    match known.filter(|operator| !ignored.iter().any(|op| op == operator.op)) {
        Some(operator) if is_float(node, operator)? && is_supported(node) => Ok(Some(operator)),
        _ => Ok(None),
    }
}

/// The inputs of a node that its eight-bit form reads as codes.
pub(super) fn coded_inputs<'a>(node: &'a NodeDef, operator: &EightBit) -> impl Iterator<Item = &'a str> {
    let plain = operator.plain;
    let inputs = node.input.iter().filter(|input| !input.starts_with('^')).enumerate();
    inputs.filter(move |&(index, _)| plain != Some(index)).map(|(_, input)| input.as_str())
}

/// The name of the node that gives the codes of a node's result.
pub(super) fn result(node: &NodeDef, operator: &EightBit) -> String {
    let requantize = if operator.wide.is_some() { "/requantize" } else { "" };
    format!("{}/eightbit{requantize}", node.name)
}

/// Whether all inputs and outputs that would be codes are floats.
fn is_float(node: &NodeDef, operator: &EightBit) -> Result<bool, TransformError> {
    let Some(known) = Operator::find(&node.op) else { return Ok(false) };
    let arguments = known.argument_types(node).map_err(TransformError::Invalid)?;
    let results = known.result_types(node).map_err(TransformError::Invalid)?;
    let count = node.input.iter().filter(|input| !input.starts_with('^')).count();
    if count != arguments.len() {
        let reason = format!("{} ({}) has {count} inputs, not {}", node.name, node.op, arguments.len());
        return Err(TransformError::Invalid(reason));
    }
    let arguments = arguments.iter().enumerate().filter(|&(input, _)| operator.plain != Some(input));
    let mut types = arguments.map(|(_, data_type)| data_type).chain(&results);
    Ok(types.all(|&data_type| data_type == DataType::Float as i32))
}

struct Rewrite<'a> {
    node: &'a NodeDef,
    operator: &'a EightBit,
    /// With a calibration.
    frozen: Option<&'a Frozen>,
    new: Vec<NodeDef>,
}

impl<'a> Rewrite<'a> {
    fn new(node: &'a NodeDef, operator: &'a EightBit, frozen: Option<&'a Frozen>) -> Self {
        Self { node, operator, frozen, new: Vec::new() }
    }

    fn finish(mut self, fallback: Option<(f32, f32)>) -> Vec<NodeDef> {
        if let Some(bias) = self.frozen.and_then(|frozen| frozen.bias(self.node)) {
            return self.add_bias(bias);
        }
        let (node, operator) = (self.node, self.operator);
        let (control, inputs): (Vec<_>, Vec<_>) = node.input.iter().partition(|input| input.starts_with('^'));
        let name = format!("{}/eightbit", node.name);
        let mut main = Builder::new(&name, &format!("Quantized{}", operator.op));
        let mut ranges = Vec::new();
        for (index, input) in inputs.into_iter().enumerate() {
            if operator.plain == Some(index) {
                main = main.input(input);
                continue;
            }
            let [quantized, min, max] = match self.frozen.and_then(|frozen| frozen.codes(input)) {
                Some(codes) => codes.clone(),
                None => ports(&self.input(input)),
            };
            main = main.input(quantized);
            ranges.push([min, max]);
        }
        let ranges: Vec<String> = match operator.are_ranges_apart {
            false => ranges.concat(),
            true => [0, 1].into_iter().flat_map(|bound| ranges.iter().map(move |range| range[bound].clone())).collect(),
        };
        main = main.inputs(ranges).inputs(control.into_iter().cloned());
        main = operator.kept.iter().fold(main, |main, attribute| main.copied(node, attribute));
        main = operator.types.iter().fold(main, |main, attribute| main.data_type(attribute, CODES));
        main = operator.wide.iter().fold(main, |main, attribute| main.data_type(attribute, SUMS));
        self.new.push(main.build());
        if self.frozen.is_some_and(|frozen| frozen.gives_sums(node, operator)) {
            return self.new;
        }
        if operator.wide.is_some() {
            let sums = ports(&name);
            self.requantize(&name, sums, fallback);
        }
        self.new.push(dequantize(&node.name, ports(&result(node, operator))));
        self.new
    }

    /// Adds a bias to the sums of the operator before, as 32-bit numbers.
    fn add_bias(mut self, bias: &Bias) -> Vec<NodeDef> {
        let node = self.node;
        let name = format!("{}/eightbit", node.name);
        let [sums, min, max] = ports(&format!("{}/eightbit", bias.product));
        let part = |part: &str| format!("{name}/{part}");
        let (inner, outer) = (DataType::Int32, SUMS);
        let bitcast = |name: &str, from: DataType, to: DataType, input: &str| {
            Builder::new(name, "Bitcast").data_type("T", from).data_type("type", to).input(input).build()
        };
        let control = node.input.iter().filter(|input| input.starts_with('^')).cloned();
        let add = Builder::new(part("add"), &node.op).copied(node, "data_format").data_type("T", inner);
        self.new.extend([
            constant(part("bias"), Value::vector(bias.values.clone()).to_content()),
            bitcast(&part("sums"), outer, inner, &sums),
            add.input(part("sums")).input(part("bias")).inputs(control).build(),
            bitcast(&name, inner, outer, &part("add")),
        ]);
        self.requantize(&name, [name.clone(), min, max], None);
        self.new.push(dequantize(&node.name, ports(&result(node, self.operator))));
        self.new
    }

    /// Quantizes an input by its least and greatest element; returns the name of the node that does.
    fn input(&mut self, input: &str) -> String {
        let parsed = Input::parse(input);
        let port = parsed.port.map_or(String::new(), |port| format!("__port__{port}"));
        let prefix = format!("{}_eightbit/{}{port}", self.node.name, parsed.node);
        let part = |part: &str| format!("{prefix}/{part}");
        if self.new.iter().any(|node| node.name == part("quantize")) {
            return part("quantize");
        }
        if let Some((min, max)) = self.frozen.and_then(|frozen| frozen.range(input)) {
            self.new.extend([
                constant(part("min"), float_constant(min)),
                constant(part("max"), float_constant(max)),
                conversion("QuantizeV2", &part("quantize"), CODES, [input.to_owned(), part("min"), part("max")]),
            ]);
            return part("quantize");
        }
        let integer = |name: &str, value: i32| {
            let mut node = constant(part(name), Value::vector(vec![value]).to_content());
            node.input.push(format!("^{}", node_name(input)));
            node
        };
        let reduce = |name: &str, op: &str| {
            Builder::new(part(name), op)
                .data_type("T", DataType::Float)
                .attribute("keep_dims", Attribute::B(false))
                .input(part("reshape"))
                .input(part("reduction_dims"))
                .build()
        };
        let reshape = Builder::new(part("reshape"), "Reshape")
            .data_type("T", DataType::Float)
            .input(input)
            .input(part("reshape_dims"))
            .build();
        let inputs = [input.to_owned(), part("min"), part("max")];
        self.new.extend([
            integer("reshape_dims", -1),
            integer("reduction_dims", 0),
            reshape,
            reduce("min", "Min"),
            reduce("max", "Max"),
            conversion("QuantizeV2", &part("quantize"), CODES, inputs),
        ]);
        part("quantize")
    }

    /// Sums, of the operator that is called `name`, as codes.
    fn requantize(&mut self, name: &str, sums: [String; 3], fallback: Option<(f32, f32)>) {
        let frozen = self.frozen.and_then(|frozen| frozen.range(&self.node.name)).map(|range| ("frozen", range));
        let [min, max] = match frozen.or(fallback.map(|range| ("fallback", range))) {
            Some((kind, (min, max))) => {
                let names = ["min", "max"].map(|part| format!("{name}/{kind}_{part}"));
                for (name, value) in names.iter().zip([min, max]) {
                    self.new.push(constant(name, float_constant(value)));
                }
                names
            }
            None => {
                let range = format!("{name}/requant_range");
                let node = Builder::new(&range, "RequantizationRange").data_type("Tinput", SUMS);
                self.new.push(node.inputs(sums.clone()).build());
                [0, 1].map(|port| format!("{range}:{port}"))
            }
        };
        self.new.push(
            Builder::new(format!("{name}/requantize"), "Requantize")
                .data_type("Tinput", SUMS)
                .data_type("out_type", CODES)
                .inputs(sums)
                .input(min)
                .input(max)
                .build(),
        );
    }
}

/// The codes or sums that a node gives, and their range.
pub(super) fn ports(name: &str) -> [String; 3] {
    [0, 1, 2].map(|port| format!("{name}:{port}"))
}

pub(super) fn dequantize(name: &str, inputs: [String; 3]) -> NodeDef {
    conversion("Dequantize", name, CODES, inputs)
}

pub(super) fn conversion(op: &str, name: &str, data_type: DataType, inputs: [String; 3]) -> NodeDef {
    Builder::new(name, op).data_type("T", data_type).text("mode", "MIN_FIRST").inputs(inputs).build()
}

pub(super) fn float_constant(value: f32) -> TensorProto {
    Value::scalar(value).to_content()
}
